"""The time range of the log: in the address, in words, and the button to choose it.

In the address it is empty for all, `15m`, `24h` or `7d` for the time until now, `today`, or `START~END` in wall times
of the zone, either of which may be missing. A relative range is kept relative: it moves on with the clock.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta

from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import set_props
from pages.parts.controls import MomentField
from pages.parts.html import button, el, icon
from pages.parts.popup import Popup
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import N_, _, formats, translated
from synapse.records import now_utc
from synapse.recurrence.wall_time import DAY, instant_of, wall_of
from synapse.recurrence.zones import zone as zone_of

PRESETS: Mapping[str, str] = {
    '5m': N_('Last 5 min'),
    '15m': N_('Last 15 min'),
    '1h': N_('Last hour'),
    'today': N_('Today'),
    '24h': N_('Last 24 h'),
    '7d': N_('Last 7 days'),
    '': N_('All'),
}
UNITS = {
    'm': ('minutes', N_('Last {count} min')),
    'h': ('hours', N_('Last {count} h')),
    'd': ('days', N_('Last {count} days')),
}

Span = tuple[datetime | None, datetime | None]
"""Start and end, the end not included; None means no limit."""

_RELATIVE = re.compile(r'([1-9]\d{0,3})([mhd])')
_MOMENT = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?', re.ASCII)


def range_from(text: str, zone: str, now: datetime | None = None) -> Span:
    """The range that `text` stands for, in UTC; all for anything that cannot be read.

    :param now: the current time by default
    """
    now = now or now_utc()
    if text == 'today':
        return instant_of(datetime.combine(wall_of(now, zone).date(), time()), zone), None
    if found := _RELATIVE.fullmatch(text):
        return now - timedelta(**{UNITS[found[2]][0]: int(found[1])}), None
    begin, tilde, end = text.partition('~')
    try:
        start, stop = _moment(begin, zone), _moment(end, zone)
    except (ValueError, OverflowError):
        return None, None
    is_empty = start is not None and stop is not None and start >= stop
    return (None, None) if is_empty or not tilde else (start, stop)


def range_text(start: datetime | None, end: datetime | None, zone: str) -> str:
    """The text that `range_from` reads as exactly this range; empty for all."""
    return '' if start is None and end is None else f'{_text(start, zone)}~{_text(end, zone)}'


def range_words(text: str, zone: str, now: datetime) -> str:
    """The label of a range: `Last 15 min`, `14:03 to now`, `9 Oct 14:03 to 15:00`, `All time`."""
    if text in PRESETS:
        return _('All time') if text == '' else translated(PRESETS[text])
    if found := _RELATIVE.fullmatch(text):
        return translated(UNITS[found[2]][1]).format(count=found[1])
    words = span_words(*range_from(text, zone, now), zone, now)
    return words[0].upper() + words[1:]


def span_words(
    start: datetime | None, end: datetime | None, zone: str, now: datetime, *, is_exact: bool = False
) -> str:
    """Start and end as wall times of the zone, with the day unless it is today.

    :param is_exact: with seconds, which are left out by default if the range is longer than a minute
    """
    has_seconds = is_exact or (start is not None and end is not None and end - start <= timedelta(minutes=1))
    clock = 'Hms' if has_seconds else 'Hm'
    today = wall_of(now, zone)
    begin, stop = (None if moment is None else wall_of(moment, zone) for moment in (start, end))
    first = '' if begin is None else _in_words(begin, today, clock)
    # A day that both ends share is named once.
    last = '' if stop is None else _in_words(stop, begin or today, clock)
    if not first:
        return _('until {end}', end=last) if last else _('all time')
    return _('{start} to {end}', start=first, end=last) if last else _('{start} to now', start=first)


def own_range(begin: tuple[str, str], end: tuple[str, str], zone: str, now: datetime, *, about: str = '') -> Span:
    """The range that was typed: a day and a time for each end, as the browser's controls return them, or empty.

    A day without a time starts or ends at midnight; a time without a day is today's.

    :param about: said of a start in the future, by default that nothing has been logged
    :raises ValueError: with a sentence to show
    """
    start = _typed(*begin, zone, now, is_end=False)
    stop = _typed(*end, zone, now, is_end=True)
    if start is None and stop is None:
        raise ValueError(_('Enter a start or an end.'))
    if start is not None and start >= now:
        about = about or _('nothing has been logged there yet')
        raise ValueError(_('The start is in the future; {about}.', about=about))
    if start is not None and stop is not None and start >= stop:
        raise ValueError(_('The end must be after the start.'))
    return start, stop


def _typed(day: str, clock: str, zone: str, now: datetime, *, is_end: bool) -> datetime | None:
    if not day and not clock:
        return None
    try:
        date = datetime.fromisoformat(day) if day else wall_of(now, zone)
        midnight = datetime.combine(date.date(), time())
        if not clock:
            return instant_of(midnight + DAY if is_end else midnight, zone)
        return instant_of(datetime.combine(midnight.date(), time.fromisoformat(clock)), zone)
    except (ValueError, OverflowError):
        problem = _('The end is not a valid date and time.') if is_end else _('The start is not a valid date and time.')
        raise ValueError(problem) from None


def _moment(text: str, zone: str) -> datetime | None:
    """A moment of the address; None if empty.

    :raises ValueError: if it is malformed; `OverflowError` if it is outside the calendar
    """
    if not text:
        return None
    text = text.replace(' ', '+')  # typed by hand, a plus of the offset means a space
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return instant_of(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(moment: datetime | None, zone: str) -> str:
    if moment is None:
        return ''
    wall = wall_of(moment, zone)
    # When the clocks are set back, the second of two equal wall times needs its offset.
    is_clear = instant_of(wall, zone) == moment
    return wall.isoformat() if is_clear else moment.astimezone(zone_of(zone)).isoformat()


def _in_words(wall: datetime, today: datetime, clock: str) -> str:
    if wall.date() == today.date():
        return formats.moment(clock, wall)
    return formats.moment(f'{"" if wall.year == today.year else "y"}MMMd{clock}', wall)


class RangePicker(Scope):
    """The button that shows the range, and the dialog it opens.

    :param changed: called with start, end and the text for the address when a person chose another range
    :param first: where a range without a start begins, by default the first line
    :param about: said of a start in the future, by default that nothing has been logged
    """

    def __init__(
        self,
        room: ControlRoom,
        changed: Callable[[datetime | None, datetime | None, str], None],
        *,
        first: str = '',
        about: str = '',
    ) -> None:
        super().__init__()
        self._first, self._about = first or _('the first line'), about
        self.classes('log-range')
        self._zone, self._changed = room.calendar.zone, changed
        self._shown = ''
        self._typed: dict[str, str] = {}
        with self, el('button', 'sy-btn is-sm', type_='button', aria_haspopup='dialog') as self._button:
            self._words = el('span', 'sy-ell sy-num')
            icon('down', size=14)
            with (
                Popup(_('Choose a time range'))
                .classes('sy-menubox lr-menu')
                .props('anchor="bottom left" self="top left"') as self._menu
            ):
                self._draw()
        # It opens without what was typed and not applied.
        self._menu.on('before-show', lambda: self.show(self._shown), js_handler='() => emit()')
        self._menu.on('show', js_handler=_FOCUS)
        self.show('')

    def show(self, text: str) -> None:
        """Show this range; see `range_from` for its text."""
        self._shown = text
        now = now_utc()
        words = exact = range_words(text, self._zone, now)
        self._words.set_text(words)
        if text not in PRESETS and not _RELATIVE.fullmatch(text):
            exact = span_words(*range_from(text, self._zone, now), self._zone, now, is_exact=True)
        set_props(self._button, aria_label=_('Time: {exact}', exact=words), title=exact)
        for key, preset in self._presets.items():
            set_props(preset, aria_pressed=str(key == text).lower())
        self._fill(now)

    # The popover

    def _draw(self) -> None:
        with el('div', 'lr-box'):
            with el('div', 'lr-presets', role='group', aria_label=_('Up to now')) as presets:
                self._presets = {key: self._preset(key, translated(words)) for key, words in PRESETS.items()}
            presets.on('keydown', js_handler=_ARROWS)
            with el('div', 'lr-own', role='group', aria_label=_('From and to')):
                self._moments = {
                    name: self._moment(name, label, short)
                    for name, label, short in (
                        ('begin-day', _('From, day'), _('From')),
                        ('begin-time', _('From, time'), ''),
                        ('end-day', _('To, day'), _('To')),
                        ('end-time', _('To, time'), ''),
                    )
                }
                self._error = el('p', 'sy-error', role='alert', id=f'range-{self.id}-error')
                with el('div', 'lr-foot'):
                    el('span', 'sy-cap sy-ell', self._zone, title=_('All times are in this time zone'))
                    apply = button(_('Apply'), small=True)
            apply.on('click', self._apply)

    def _preset(self, key: str, words: str) -> TextElement:
        preset = el('button', 'lr-preset', words, type_='button')
        preset.on('click', lambda: self._choose(key))
        return preset

    def _moment(self, name: str, label: str, short: str) -> MomentField:
        is_day = name.endswith('day')
        if is_day:
            el('span', 'sy-cap', short, aria_hidden='true')
        moment = MomentField(
            f'range-{self.id}-{name}',
            '',
            lambda text: self._type(name, text),
            kind='date' if is_day else 'time',
            icon_name='calendar' if is_day else 'down',
            words='',
            slot=f'range-{self.id}',
            aria_label=label,
            **({} if is_day else {'step': '1'}),
        )
        moment.control.on('keydown.enter', self._apply, js_handler='() => emit()')
        return moment

    def _type(self, name: str, text: str) -> None:
        self._typed[name] = text
        self._moments[name].say(_at_rest(name, text, self._first))

    def _fill(self, now: datetime) -> None:
        self._error.set_text('')
        for name, moment in zip(('begin', 'end'), range_from(self._shown, self._zone, now), strict=True):
            wall = None if moment is None else wall_of(moment, self._zone)
            for part, form in (('day', '%Y-%m-%d'), ('time', '%H:%M:%S')):
                text = '' if wall is None else f'{wall:{form}}'
                # An attribute, not the property: the page must not overwrite what is being typed.
                set_props(self._moments[f'{name}-{part}'].control, **{'^value': text})
                self._type(f'{name}-{part}', text)

    def _choose(self, text: str) -> None:
        self._menu.close()
        self.show(text)
        self._changed(*range_from(text, self._zone), text)

    def _apply(self) -> None:
        ends = [(self._typed[f'{name}-day'], self._typed[f'{name}-time']) for name in ('begin', 'end')]
        try:
            start, end = own_range(ends[0], ends[1], self._zone, now_utc(), about=self._about)
        except ValueError as error:
            self._error.set_text(str(error))
            return
        self._choose(range_text(start, end, self._zone))


def _at_rest(name: str, text: str, first: str) -> str:
    """What a control shows while it does not have the focus."""
    if not text:
        return {'begin-day': first, 'end-day': _('now')}.get(name, '')
    if name.endswith('time'):
        return text
    return formats.moment('yMMMd', datetime.fromisoformat(text))


_FOCUS = """() => setTimeout(() => {
    const box = document.querySelector('.lr-presets');
    if (box?.contains(document.activeElement)) return;
    (box?.querySelector('[aria-pressed=true]') || box?.querySelector('button'))?.focus();
})"""
_ARROWS = """(event) => {
    const presets = [...event.currentTarget.querySelectorAll('button')];
    const place = presets.indexOf(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || place < 0) return;
    event.preventDefault();
    presets[(place + step + presets.length) % presets.length].focus();
}"""
