"""What is kept, and for how long: limits, a preview of what they would remove, and cleaning up at once."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nicegui import background_tasks
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_class, set_props
from pages.parts.controls import entry, select, with_unit
from pages.parts.dialogs import attempt, confirm, say
from pages.parts.html import button, el
from pages.parts.scope import Scope
from pages.parts.words import clock_of, size_of
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import N_, _, _n, formats, translated
from synapse.log.messages import LinesLogged, LogCleared
from synapse.records import now_utc
from synapse.retention import RetentionChanged, RetentionPolicy, RetentionReport, describe_report
from synapse.runs.messages import RunChanged, RunsRemoved

from .rows import explained_row, fact

FIGURES_SECONDS = 2.0
FOLDERS_SECONDS = 30.0
PREVIEW_SECONDS = 0.4

FOREVER, AT_MOST = 'ever', 'most'


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit that can be set.

    :param usual: the number to start with when the limit is switched on
    :param without: the words for no limit; empty if there is always one
    """

    name: str
    title: str
    label: str
    unit: str
    usual: int
    without: str = ''


LIMITS = (
    _Limit('log_days', N_('Log lines'), N_('Days for which log lines are kept'), N_('days'), 30, N_('Forever')),
    _Limit('log_megabytes', N_('Size of the log'), N_('Megabytes that the log may take'), N_('MB'), 1_000),
    _Limit('run_days', N_('Runs and their files'), N_('Days for which runs are kept'), N_('days'), 90, N_('Forever')),
    _Limit('run_count', N_('Number of runs'), N_('Runs that are kept'), N_('runs'), 1_000, N_('All of them')),
)


class WhatIsKept(Scope):
    """The card. Limits apply once they are saved; if that removes something, a question comes first."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('section')
        self.classes('glass-card set-card').props['aria-label'] = _('What is kept')
        self._room = room
        self._keep = room.retention.policy
        self._fields: dict[str, _Field] = {}
        with self:
            el('h2', text=_('What is kept'))
            self._draw_fields()
            self._draw_footer()
            self._draw_clean_up()
            fact(_('Run folders'), str(room.settings.data / 'runs'), '', is_copied=True)
        self._listen()

    # Drawing

    def _draw_fields(self) -> None:
        self._helps = {}
        for limit in LIMITS:
            help_text, value = explained_row(translated(limit.title), '')
            self._helps[limit.name] = help_text
            self._fields[limit.name] = _Field(limit, value, getattr(self._keep, limit.name), self._edited)
        self._helps['log_days'].set_text(_('Counting…'))
        self._helps['run_days'].set_text(_('Counting…'))
        self._helps['log_megabytes'].set_text(_('Beyond this, the oldest lines are removed.'))
        self._helps['run_count'].set_text(_('Beyond this, the runs that ended first are removed.'))

    def _draw_footer(self) -> None:
        with el('div', 'keep-save', hidden=True) as self._footer:
            self._preview = el('p', 'sy-2', role='status')
            with el('span', 'sy-x'):
                button(_('Cancel'), kind='ghost').on('click', self._reset)
                button(_('Save')).on('click', self._save)

    def _draw_clean_up(self) -> None:
        self._cleaned, value = explained_row(_('Clean up'), '')
        set_props(self._cleaned, role='status')
        with value:
            self._progress = el('span', 'sy-num')
            self._clean_up = button(_('Clean up now'), icon_name='trash').on('click', self._clean)
        self._show_cleaning()

    def _listen(self) -> None:
        bus = self._room.bus
        figures = self.at_most_every(FIGURES_SECONDS, lambda: self._later(self._show_figures))
        folders = self.at_most_every(FOLDERS_SECONDS, lambda: self._later(self._measure))
        self._look_ahead = self.at_most_every(PREVIEW_SECONDS, lambda: self._later(self._show_preview))
        for kind in (LinesLogged, LogCleared, RunsRemoved):
            self.follow(bus, kind, lambda _: figures())
        self.follow(bus, RunChanged, lambda message: self._run_changed(message, figures, folders))
        self.follow(bus, RetentionChanged, lambda _: self._changed())
        self._later(self._show_figures)
        self._later(self._measure)

    def _run_changed(self, message: RunChanged, *refreshed: Callable[[], None]) -> None:
        if message.moved and message.run.state.is_final:
            for refresh in refreshed:
                refresh()

    def _later(self, work: Callable[[], Awaitable[None]]) -> None:
        background_tasks.create(self._inside(work), name='what is kept')

    async def _inside(self, work: Callable[[], Awaitable[None]]) -> None:
        with self:
            await work()

    # How much there is

    async def _show_figures(self) -> None:
        found = await attempt(self._room.retention.figures())
        if found is None or self.is_deleted:
            return
        lines = _lines_words(found.lines, _day_since(self._room, found.oldest_line), size_of(found.log_bytes))
        self._helps['log_days'].set_text(lines if found.lines else _('No lines yet.'))
        self._runs = _runs_words(found.runs, _day_since(self._room, found.oldest_run))
        self._show_runs()

    async def _measure(self) -> None:
        size = await attempt(self._room.retention.run_bytes())
        if size is not None and not self.is_deleted:
            self._size = size_of(size)
            self._show_runs()

    _runs = _size = ''

    def _show_runs(self) -> None:
        if not self._runs:
            return
        text = _('{runs}. The last one is always kept.', runs=self._runs)
        if self._size:
            text = _('{runs}, {size} in their folders. The last one is always kept.', runs=self._runs, size=self._size)
        self._helps['run_days'].set_text(text)

    # Limits

    def _values(self) -> dict[str, Any]:
        return {name: field.value() for name, field in self._fields.items()}

    def _edited(self) -> None:
        is_changed = self._values() != self._keep.as_json()
        set_props(self._footer, hidden=not is_changed)
        if is_changed:
            self._look_ahead()

    async def _show_preview(self) -> None:
        """Show what the limits that are typed now would remove."""
        keep, going = await self._look(self._values())
        if not self.is_deleted and keep is not None:
            words = _capitalized(describe_report(going, keep, is_ahead=True))
            would = _('{words} would be removed.', words=words)
            self._preview.set_text(_('Nothing would be removed now.') if going.is_empty else would)

    async def _look(self, values: Mapping[str, Any]) -> tuple[RetentionPolicy | None, RetentionReport]:
        """The policy, None if the values are invalid, and what it would remove; shows errors at their fields."""
        retention = self._room.retention
        wrong: Mapping[str, str] = {}
        keep, going = None, RetentionReport()
        try:
            keep = retention.checked(values)
            going = await retention.preview(values)
        except Invalid as error:
            wrong = error.fields
        if not self.is_deleted:
            for name, field in self._fields.items():
                field.show_error(wrong.get(name, ''))
            if wrong:
                self._preview.set_text(_('Fix the marked fields first.'))
        return keep, going

    async def _save(self) -> None:
        values = self._values()
        keep, going = await self._look(values)
        if keep is None or self.is_deleted:
            return
        anyway = await self._room.retention.preview()
        if going.lines > anyway.lines or going.runs > anyway.runs:
            words = _capitalized(describe_report(going, keep, is_ahead=True))
            text = _for_good(words, going)
            if not await confirm(
                _('Remove what exceeds the limits?'), text, yes=_('Remove them'), no=_('Keep them'), icon_name='trash'
            ):
                return
        await attempt(self._room.retention.set(values))

    def _reset(self) -> None:
        """Show the saved limits again."""
        self._keep = self._room.retention.policy
        for name, field in self._fields.items():
            field.reset_to(getattr(self._keep, name))
        set_props(self._footer, hidden=True)
        self._preview.set_text('')

    # Cleaning up

    def _changed(self) -> None:
        retention = self._room.retention
        is_untouched = bool(self._footer.props.get('hidden'))
        if retention.policy != self._keep and (is_untouched or retention.policy.as_json() == self._values()):
            self._reset()
        if not retention.is_cleaning and self._clean_up.props.get('disabled'):
            self._later(self._show_figures)
            self._later(self._measure)
        self._show_cleaning()

    def _show_cleaning(self) -> None:
        retention = self._room.retention
        set_props(self._clean_up, disabled=retention.is_cleaning or None)
        self._progress.set_text(_so_far(retention.progress) if retention.progress is not None else '')
        last = _last(self._room, retention.last_cleaning)
        self._cleaned.set_text(' '.join((_('Runs automatically every hour.'), last)).strip())

    async def _clean(self) -> None:
        gone = await attempt(self._room.retention.clean_now())
        if gone is not None and not self.is_deleted:
            words = describe_report(gone, self._room.retention.policy)
            with self:
                say(
                    _('Removed {words}.', words=words) if not gone.is_empty else _('Nothing had to be removed.'),
                    kind='success',
                )


class _Field:
    """The control of a limit: whether there is one, and its number."""

    def __init__(self, limit: _Limit, place: Any, count: int | None, typed: Callable[[], None]) -> None:
        self._limit, self._typed = limit, typed
        self._number: TextElement | None = None
        with place, el('span', 'keep-limit sy-field') as self._box:
            self._controls = el('span', 'keep-controls')
            self._error = el('span', 'sy-error', role='alert', id=f'{self._id}-error')
        self.reset_to(count)

    @property
    def _id(self) -> str:
        return f'keep-{self._limit.name.replace("_", "-")}'

    def reset_to(self, count: int | None) -> None:
        """Show this number; None is no limit."""
        self._text = '' if count is None else f'{count}'
        self._is_limited = count is not None
        self.show_error('')
        self._draw()

    def value(self) -> int | str | None:
        """The number, None for no limit, or what was typed instead of a number."""
        if not self._is_limited:
            return None
        text = self._text.replace(formats.number(1000)[1], '').replace(' ', '')
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else self._text

    def show_error(self, text: str) -> None:
        if self._error.text != text:
            self._error.set_text(text)
        set_class(self._box, 'is-wrong', text)
        if self._number is not None:
            set_props(self._number, aria_invalid='true' if text else None)

    def _draw(self) -> None:
        limit = self._limit
        self._controls.clear()
        self._number = None
        with self._controls:
            if limit.without:
                options = {FOREVER: translated(limit.without), AT_MOST: _('At most')}
                value = AT_MOST if self._is_limited else FOREVER
                self._choice = select(f'{self._id}-mode', options, value, self._choose, label=translated(limit.title))
            if self._is_limited:
                label = translated(limit.label)
                with with_unit(translated(limit.unit)):
                    self._number = entry(self._id, self._text, self._type, inputmode='numeric', aria_label=label)
                    set_props(self._number, aria_describedby=f'{self._id}-error')

    def _choose(self, mode: str) -> None:
        self._is_limited = mode == AT_MOST
        self._text = self._text or f'{self._limit.usual}'
        self.show_error('')
        self._draw()
        self._choice.run_method('focus')  # the select was drawn again
        self._typed()

    def _type(self, text: str) -> None:
        self._text = text
        self._typed()


def _day_since(room: ControlRoom, moment: datetime | None) -> str:
    """`today`, `9 Oct` or `9 Oct 2025`."""
    if moment is None:
        return ''
    local, today = room.local(moment), room.local(now_utc())
    if local.date() == today.date():
        return _('today')
    return formats.moment('MMMd' if local.year == today.year else 'yMMMd', local)


def _lines_words(count: int, day: str, size: str) -> str:
    if not day:
        return _n('{count} line, {size} on disk.', '{count} lines, {size} on disk.', count, size=size)
    words = {'day': day, 'size': size}
    return _n('{count} line since {day}, {size} on disk.', '{count} lines since {day}, {size} on disk.', count, **words)


def _runs_words(count: int, day: str) -> str:
    if not day:
        return _n('{count} ended run', '{count} ended runs', count)
    return _n('{count} ended run since {day}', '{count} ended runs since {day}', count, day=day)


def _for_good(words: str, going: RetentionReport) -> str:
    if not going.runs:
        return _('{words} will be removed, for good.', words=words)
    if not going.lines:
        return _('{words} will be removed, with all their files, for good.', words=words)
    return _('{words} will be removed, the runs with all their files, for good.', words=words)


def _capitalized(words: str) -> str:
    return words[:1].upper() + words[1:]


def _so_far(gone: RetentionReport) -> str:
    return _('{counts} removed so far', counts=_counts(gone)) if gone.lines or gone.runs else _('Cleaning up')


def _last(room: ControlRoom, last: tuple[datetime, RetentionReport] | None) -> str:
    if last is None:
        return ''
    at, gone = last
    time = clock_of(room, at)[:5]
    if not (gone.lines or gone.runs):
        return _('Last at {time}: nothing to remove.', time=time)
    return _('Last at {time}: {counts} removed.', time=time, counts=_counts(gone))


def _counts(gone: RetentionReport) -> str:
    """`30 lines and 2 runs`."""
    lines = [_n('{count} line', '{count} lines', gone.lines)] if gone.lines else []
    runs = [_n('{count} run', '{count} runs', gone.runs)] if gone.runs else []
    return formats.listed([*lines, *runs])
