"""Calendars of others that are read every hour: their rows on the Settings page, and the dialog for one of them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from pages.parts.cards import keep_rows, set_props
from pages.parts.controls import CHECKED, Slot, entry
from pages.parts.dialogs import Dialog, ask, attempt, focus_first_field, leave_button, save_on_enter
from pages.parts.html import button, el, icon, opens
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of, moment_of
from synapse.calendar.messages import EventsWritten
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, _, _n, translated
from synapse.subscriptions.address import shown_address
from synapse.subscriptions.records import Subscription, SubscriptionChanged

from .import_rules import RulesDialog
from .rows import row

COUNT_SECONDS = 1.0
OPEN_WIRE = N_('Without https: anyone on the way can read it, and change when your pipelines run.')
TURNS_ON = N_(
    'Whoever can write to this calendar then decides when your pipelines run, without you. What runs '
    'is still decided by your rules: events that bring work of their own, and later changes, stay '
    'switched off.'
)


class SubscribedCalendars(Scope):
    """The rows; they follow each read as it happens."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        with self:
            text = _('Calendars of others that are read every hour: their events come, change and go with them.')
            with row(_('Subscribed calendars'), text), el('span', 'sy-x'):
                opens(button(_('Rules'), small=True, kind='ghost'), lambda: RulesDialog(room))
                opens(button(_('Add a calendar'), icon_name='plus', small=True), lambda: SubscriptionDialog(room))
            self._list = el('div', role='list', aria_label=_('Subscribed calendars'))
        self._rows: dict[str, _Row] = {}
        self._show()
        self.follow(room.bus, SubscriptionChanged, lambda _: self._show())
        counted = self.at_most_every(COUNT_SECONDS, self._show)
        self.follow(room.bus, EventsWritten, lambda _: counted())

    def _show(self) -> None:
        """Show what has changed, and leave the rest alone: a button of it may have the focus."""
        items = {item.id: item for item in self._room.subscriptions.all()}
        counts, seen = self._room.subscriptions.event_counts(), Counter[str]()
        keep_rows(self._list, self._rows, [*items], self._draw)
        for id, item in items.items():
            row = self._rows[id]
            is_reading = self._room.subscriptions.is_reading(id)
            seen[item.label] += 1
            row.show(
                item,
                name=item.label if seen[item.label] == 1 else f'{item.label} ({seen[item.label]})',
                state=self._state(item, counts[id, True], counts[id, False]),
                error=self._error(item),
                is_reading=is_reading,
            )

    def _draw(self, id: str) -> '_Row':
        read, get = self._room.subscriptions.read, self._room.subscriptions.get
        return _Row(
            read=lambda: attempt(read(id)), edit=lambda: self._edit(get(id)), remove=lambda: self._remove(get(id))
        )

    # Dialogs are drawn outside of the rows, which may go while one is open.

    def _edit(self, item: Subscription) -> None:
        with self:
            SubscriptionDialog(self._room, item)

    def _error(self, item: Subscription) -> str:
        if not item.error:
            return ''
        moment, count = self._moment(item.tried_at), item.failures
        words = _('Could not be read: {moment}.', moment=moment)
        if count > 1:
            words = _n(
                'Could not be read: {moment} ({count} time in a row).',
                'Could not be read: {moment} ({count} times in a row).',
                count,
                moment=moment,
            )
        return f'{words} {item.error}'

    def _state(self, item: Subscription, on: int, off: int) -> str:
        turns_on = [_('New events are switched on.')] if item.turns_on else []
        return ' '.join([*self._read_words(item, on, off), *turns_on])

    def _read_words(self, item: Subscription, on: int, off: int) -> list[str]:
        if item.read_at is None:
            return [_('Not read yet.')]
        if item.empty_since is not None:
            empty = _('It has had no events since {moment}.', moment=moment_of(self._room, item.empty_since))
            return [empty, _staying_words(on + off)]
        parts = [_n('{count} event', '{count} events', on + off)]
        parts += [_n('{count} switched off', '{count} switched off', off)] if off else []
        if workless := item.counts.without_pipeline:
            parts.append(_n('{count} without a pipeline', '{count} without a pipeline', workless))
        words = {'moment': self._moment(item.read_at), 'counts': ', '.join(parts)}
        return [_('Last read {moment}: {counts}.', **words)]

    def _moment(self, moment: Any) -> str:
        return f'{day_of(self._room, moment)}, {clock_of(self._room, moment)}' if moment else ''

    async def _remove(self, item: Subscription) -> None:
        count = len(self._room.subscriptions.event_ids(item.id))
        text = _n(
            'It is no longer read. Its {count} event stay, unless you delete them too.',
            'It is no longer read. Its {count} events stay, unless you delete them too.',
            count,
        )
        with self:
            answer = await ask(
                _('Remove {label}?', label=item.label),
                text,
                yes=_('Remove'),
                no=_('Keep it'),
                option=_('Delete its events'),
                icon_name='x',
            )
        if answer.is_yes:
            events: Any = 'delete' if answer.is_option else 'keep'
            await attempt(self._room.subscriptions.remove(item.id, events=events))


def _staying_words(count: int) -> str:
    return _n(
        'Those here ({count} event) stay until a read an hour later says the same.',
        'Those here ({count} events) stay until a read an hour later says the same.',
        count,
    )


class _Row:
    """A calendar, how its last read went, and its buttons.

    :param read: reads it now
    :param edit: opens its dialog
    :param remove: asks whether to remove it
    """

    def __init__(self, *, read: Callable[[], Any], edit: Callable[[], Any], remove: Callable[[], Any]) -> None:
        with el('div', 'set-row', role='listitem') as self.row:
            with el('div', 'what'):
                self._label = el('b', 'sy-ell')
                self._address = el('span', 'sy-mono sy-cap sy-ell')
                self._state = el('span', 'sy-cap', role='status')
                self._open = el('span', 'sy-cap', translated(OPEN_WIRE))
                self._error = el('span', 'sy-error', role='alert')
            with el('div', 'value'), el('span', 'sy-x'):
                with el('button', 'sy-btn is-ghost is-sm', type_='button') as self._now:
                    icon('retry', size=14)
                    self._now_words = el('span')
                self._now.on('click', read)
                self._edit = opens(button(_('Edit'), kind='ghost', small=True), edit)
                self._remove = opens(button('', icon_name='x', kind='ghost', small=True), remove)

    def show(self, item: Subscription, *, name: str, state: str, error: str, is_reading: bool) -> None:
        set_props(self.row, aria_label=name)
        self._label.set_text(name)
        self._address.set_text(shown_address(item.url))
        self._state.set_text(state)
        self._error.set_text(error)
        set_props(self._open, hidden=item.is_encrypted or None)
        words = _('Reading…') if is_reading else _('Read now')
        self._now_words.set_text(words)
        set_props(self._now, disabled=is_reading or None, aria_label=f'{words}: {name}')
        set_props(self._edit, aria_label=_('Edit {name}', name=name))
        set_props(self._remove, aria_label=_('Remove {name}', name=name))


class SubscriptionDialog:
    """Asks for a calendar, or for changes to one. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, item: Subscription | None = None) -> None:
        self._room = room
        self._item = item
        self._is_saving = False
        self._values: dict[str, Any] = {'url': ''}
        self._values |= {'label': item.label, 'turns_on': item.turns_on} if item else {'label': '', 'turns_on': False}
        title = _('Edit calendar') if item else _('Add a calendar')
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog sub-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            save_on_enter(box, self._save)
            with box:
                self._draw(title)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, title: str) -> None:
        with el('div', 'form-head'):
            el('h2', 'sy-grow', title)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)
        with el('div', 'form-scroll'):
            self._url = Slot('calendar-url', _('Address'))
            known = (
                _('{address} (unchanged)', address=shown_address(self._item.url))
                if self._item
                else _('https://… or webcal://…')
            )
            with self._url.body:
                entry('calendar-url', '', self._type_url, kind='url', placeholder=known)
            self._type_url('')
            self._label = Slot('calendar-label', _('Name'))
            with self._label.body:
                entry(
                    'calendar-label',
                    self._values['label'],
                    self._type_label,
                    maxlength='80',
                    placeholder=_('That of its server'),
                )
            with el('label', 'sy-x sy-tick'):
                tick = el('input', type_='checkbox', aria_describedby='calendar-turns-on')
                tick.props['^checked'] = self._values['turns_on'] or None
                el('span', text=_('Switch on new events of this calendar'))
            tick.on('change', lambda news: self._turn(is_on=news.args is True), js_handler=CHECKED)
            el('p', 'sy-cap', translated(TURNS_ON), id='calendar-turns-on')
        with el('div', 'form-foot'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            leave_button(self._dialog)
            button(_('Save') if self._item else _('Subscribe'), kind='primary').on('click', self._save)

    def _type_url(self, text: str) -> None:
        self._values['url'] = text.strip()
        usual = _('The address that its program offers for subscriptions. It is kept private.')
        self._url.show_help(translated(OPEN_WIRE) if self._values['url'].lower().startswith('http:') else usual)

    def _type_label(self, text: str) -> None:
        self._values['label'] = text

    def _turn(self, *, is_on: bool) -> None:
        self._values['turns_on'] = is_on

    async def _save(self) -> None:
        if self._is_saving:
            return
        self._is_saving = True
        try:
            await self._keep(dict(self._values))
        finally:
            self._is_saving = False

    async def _keep(self, values: dict[str, Any]) -> None:
        try:
            if self._item is None:
                await self._room.subscriptions.add(values)
            else:
                changes = values if values['url'] else {name: values[name] for name in ('label', 'turns_on')}
                await self._room.subscriptions.update(self._item.id, changes)
        except Invalid as error:
            self._url.show_error(error.fields.get('url', ''))
            self._label.show_error(error.fields.get('label', ''))
            others = [text for name, text in error.fields.items() if name not in ('url', 'label')]
            self._problem.set_text(' '.join(others) or _('Fix the marked field.'))
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.close()
