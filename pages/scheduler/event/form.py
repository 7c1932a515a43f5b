"""What and when: the fields of an event, with the problems next to them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import MomentField, Slot, entry, select, switch
from pages.parts.html import el
from pages.parts.words import pipeline_color
from pages.scheduler.parts.days import day_words
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.language import N_, Words, _, _n

from .duration import in_units
from .parameters import EventParameters
from .reading import delay_in, grace_in, silence_in, start_in, timeout_in, visible_problems
from .rule_fields import RuleFields
from .zone_field import ZoneField

OVERLAPS = Words({'skip': N_('Skip the new one'), 'queue': N_('Queue the new one'), 'allow': N_('Run both at once')})
STOPS = Words(
    {
        '': N_('Ask it to end as usual'),
        'SIGTERM': N_('Ask it by SIGTERM'),
        'SIGINT': N_('Ask it by SIGINT, as Ctrl C does'),
        'SIGHUP': N_('Ask it by SIGHUP'),
        'SIGQUIT': N_('Ask it by SIGQUIT'),
        'SIGUSR1': N_('Ask it by SIGUSR1'),
        'SIGUSR2': N_('Ask it by SIGUSR2'),
    }
)
ATTEMPTS = (0, 1, 2, 3, 5)
NO_PROFILE = ''


class EventForm:
    """Drawn into the current slot.

    :param values: what it holds at first, see `values.shown` and `values.fresh`
    :param changed: called after each change by the person
    """

    def __init__(
        self, room: ControlRoom, event: Event | None, values: Mapping[str, Any], changed: Callable[[], None]
    ) -> None:
        self._room = room
        self._is_new = event is None
        self._values = dict(values)
        self._notify = changed
        self._touched: set[str] = set()
        self._slots: dict[str, Slot] = {}
        self._texts: dict[str, str] = {}
        self._draw_subject()
        el('h3', text=_('What to run'))
        self._parameters = EventParameters(room, lambda: self._changed('parameters'))
        self._take_pipeline(values['parameters'])
        el('h3', text=_('When'))
        self._draw_start()
        self.rule = RuleFields(
            values['rrule'],
            values['start'],
            values['timezone'],
            lambda: self._changed('rrule'),
            now=lambda: (self._start(), self._zone.value),
            moved=self._move_start,
            week_start=room.choices.now.first_weekday,
        )
        self._draw_limits()

    # Values and problems

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values that can be read, and a sentence for each that cannot."""
        values = dict(self._values)
        problems = {f'rrule.{name}': text for name, text in self.rule.problems.items()}
        start = self._start()
        if start is None:
            problems['start'] = _('Pick a day and a time.')
        else:
            values['start'] = start
            values['rrule'] = self.rule.rule(start)
        values['timezone'] = self._zone.value
        values['parameters'], wrong = self._parameters.read()
        return values, problems | wrong | self._read_durations(values)

    def show_errors(self, problems: Mapping[str, str], *, is_all: bool) -> dict[str, str]:
        """Show each sentence next to its field; return those that are shown.

        :param is_all: also next to fields that were not touched yet
        """
        visible = visible_problems(problems, self._touched, is_all=is_all)
        for key, slot in self._slots.items():
            slot.show_error(' '.join(text for name, text in visible.items() if name.partition('.')[0] == key))
        self.rule.show_error(visible.get('rrule') or visible.get('exdates') or '')
        shown = self._parameters.show_errors(problems, is_all=is_all)
        return shown | {name: text for name, text in visible.items() if not name.startswith('parameters.')}

    def _changed(self, name: str) -> None:
        self._touched.add(name)
        self._notify()

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value
        self._changed(name)

    # What runs

    def _draw_subject(self) -> None:
        values = self._values
        with el('div', 'ev-row'):
            slot = self._slots['title'] = Slot('event-title', _('Name'))
            with slot.body:
                self._title = entry('event-title', values['title'], lambda text: self._set('title', text))
                set_props(self._title, maxlength='200')
            slot = self._slots['pipeline'] = Slot('event-pipeline', _('Pipeline'))
            infos = {info.name: info.title for info in self._room.catalog.all() if info.is_runnable}
            infos.setdefault(values['pipeline'], _('{name} (not found)', name=values['pipeline']))
            with slot.body, el('span', 'ct-dot'):
                self._dot = el('i')
                select('event-pipeline', infos, values['pipeline'], self._switch_pipeline)
            slot = self._slots['profile'] = Slot('event-profile', _('Profile'))
            profiles = {NO_PROFILE: _('None')} | {item.id: item.label for item in self._room.profiles.all()}
            profile = values['profile'] or NO_PROFILE
            profiles.setdefault(profile, _('{name} (not found)', name=profile))
            with slot.body:
                select('event-profile', profiles, profile, self._switch_profile)

    def _switch_pipeline(self, name: str) -> None:
        parameters, _wrong = self._parameters.read()
        self._values['pipeline'] = name
        known = self._room.catalog.get(name).schema.get('properties', {})
        self._take_pipeline({key: value for key, value in parameters.items() if key in known})
        self._changed('pipeline')

    def _switch_profile(self, id: str) -> None:
        self._values['profile'] = id or None
        self._parameters.switch_profile(self._known_profile())
        self._changed('profile')

    def _take_pipeline(self, parameters: Mapping[str, Any]) -> None:
        name = self._values['pipeline']
        info = self._room.catalog.find(name)
        self._dot.classes(replace=f'sy-pdot {pipeline_color(self._room, name)}')
        set_props(self._title, placeholder=info.title if info is not None and self._is_new else None)
        self._parameters.take(info, parameters, self._known_profile())

    def _known_profile(self) -> str | None:
        profile = self._values['profile']
        return profile if any(item.id == profile for item in self._room.profiles.all()) else None

    # When

    def _draw_start(self) -> None:
        start: datetime = self._values['start']
        self._day, self._time = start.date().isoformat(), start.time().isoformat('auto')
        with el('div', 'ev-row is-start'):
            slot = self._slots['start'] = Slot('event-start', _('Starts'))
            with slot.body:
                self._day_box = MomentField(
                    'event-start',
                    self._day,
                    self._typed_day,
                    kind='date',
                    icon_name='calendar',
                    words=day_words(start.date()),
                )
            with Slot('event-time', _('Time')).body:
                shown = f'{start:%H:%M:%S}' if start.second else f'{start:%H:%M}'
                more = {'step': '1'} if start.second else {}
                self._time_box = MomentField(
                    'event-time', shown, self._typed_time, kind='time', icon_name='down', words=shown, **more
                )
            self._zone = ZoneField('event-timezone', self._values['timezone'], lambda: self._changed('timezone'))
            self._slots['timezone'] = self._zone

    def _typed_day(self, text: str) -> None:
        self._day = text
        start = self._start()
        self._day_box.say(day_words(start.date()) if start is not None else '')
        if start is not None:
            self.rule.follow(start)
        self._changed('start')

    def _typed_time(self, text: str) -> None:
        self._time = text
        self._time_box.say(text)
        self._changed('start')

    def _move_start(self, start: datetime) -> None:
        self._day, self._time = start.date().isoformat(), start.time().isoformat('auto')
        self._day_box.show(self._day, day_words(start.date()))
        self._time_box.show(f'{start:%H:%M}', f'{start:%H:%M}')

    def _start(self) -> datetime | None:
        return start_in(self._day, self._time)

    # Retries and limits

    def _draw_limits(self) -> None:
        values = self._values
        retry = values['retry']
        with el('div', 'ev-row'):
            slot = self._slots['retry'] = Slot('event-retry', _('If it fails'))
            with slot.body, el('div', 'ev-retry'):
                select('event-retry', attempts_offered(retry['attempts']), str(retry['attempts']), self._set_attempts)
                with el('span', 'ev-delay') as self._delay:
                    el('span', 'sy-cap', _('after'))
                    self._duration(
                        'delay',
                        'event-delay',
                        retry['delay_seconds'],
                        'retry',
                        slot='event-retry',
                        aria_label=_('Try again after'),
                    )
            with slot.body, el('div', 'ev-interrupted') as self._interrupted:
                switch(_('Also after an interruption'), bool(retry.get('interrupted')), self._set_interrupted)
            self._show_retry(retry['attempts'])
            slot = self._slots['timeout_seconds'] = Slot('event-timeout', _('Stop it after'))
            with slot.body:
                self._duration(
                    'limit', 'event-timeout', values['timeout_seconds'], 'timeout_seconds', placeholder=_('never')
                )
            slot = self._slots['overlap'] = Slot('event-overlap', _('If the last run has not finished'))
            with slot.body:
                select('event-overlap', OVERLAPS, values['overlap'], lambda text: self._set('overlap', text))
        self._draw_stop()

    def _draw_stop(self) -> None:
        values = self._values
        slot = self._slots['grace_seconds'] = self._slots['stop_signal'] = Slot('event-stop', _('When it is stopped'))
        with slot.body, el('div', 'ev-retry'):
            chosen = values['stop_signal'] or ''
            select('event-stop', STOPS, chosen, lambda text: self._set('stop_signal', text or None))
            with el('span', 'ev-delay'):
                el('span', 'sy-cap', _('and kill it after'))
                self._duration(
                    'grace',
                    'event-grace',
                    values['grace_seconds'],
                    'grace_seconds',
                    slot='event-stop',
                    aria_label=_('Kill it after'),
                    placeholder=_('usual'),
                )
        slot = self._slots['silence_after_seconds'] = Slot('event-silence', _('Alert me if it has not succeeded for'))
        with slot.body:
            seconds = values['silence_after_seconds']
            self._duration(
                'silence', 'event-silence', seconds, 'silence_after_seconds', placeholder=_('longer than usual')
            )

    def _set_attempts(self, text: str) -> None:
        self._show_retry(int(text))
        self._set('retry', self._values['retry'] | {'attempts': int(text)})

    def _show_retry(self, attempts: int) -> None:
        for part in (self._delay, self._interrupted):
            set_props(part, hidden=attempts == 0)

    def _set_interrupted(self, is_retried: bool) -> None:
        self._set('retry', self._values['retry'] | {'interrupted': is_retried})

    def _duration(self, name: str, id: str, seconds: float | None, touches: str, **attributes: Any) -> None:
        self._texts[name] = in_units(seconds)

        def typed(text: str) -> None:
            self._texts[name] = text
            self._changed(touches)

        entry(id, self._texts[name], typed, **attributes)

    def _read_durations(self, values: dict[str, Any]) -> dict[str, str]:
        """Put the durations into `values`; return a sentence for each that cannot be read."""
        problems = {}
        try:
            values['retry'] = values['retry'] | {'delay_seconds': delay_in(self._texts['delay'])}
        except ValueError as error:
            if values['retry']['attempts']:
                problems['retry.delay_seconds'] = str(error)
        try:
            values['timeout_seconds'] = timeout_in(self._texts['limit'])
        except ValueError as error:
            problems['timeout_seconds'] = str(error)
        try:
            values['grace_seconds'] = grace_in(self._texts['grace'])
        except ValueError as error:
            problems['grace_seconds'] = str(error)
        try:
            values['silence_after_seconds'] = silence_in(self._texts['silence'])
        except ValueError as error:
            problems['silence_after_seconds'] = str(error)
        return problems


def attempts_offered(attempts: int) -> dict[str, str]:
    """Return the choices for a failed run, with the number that the event has now."""
    return {str(count): _attempts_words(count) for count in sorted({attempts, *ATTEMPTS})}


def _attempts_words(count: int) -> str:
    known = {0: _('Do nothing'), 1: _('Try again once'), 2: _('Try again twice')}
    return known.get(count) or _n('{count} more time', '{count} more times', count)
