"""The filters of the list of runs: in the address, and the controls that change them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from pages.logs.range_picker import RangePicker, range_from
from pages.parts.cards import set_props
from pages.parts.controls import CHECKED, TYPED, Picker, set_in_browser
from pages.parts.html import WORDS, Glyph, button, el, icon
from pages.parts.popup import Popup
from pages.parts.scope import Scope
from pages.parts.words import filters_for
from synapse.control_room import ControlRoom
from synapse.language import N_, Words, _, _n
from synapse.runs.history.run_filter import LONGEST_TEXT, RunFilter
from synapse.runs.records import RunState

MOST_EVENTS = 200
TYPING_SECONDS = 0.15
LABELS = Words({'pipeline': N_('Pipeline'), 'profile': N_('Profile'), 'event': N_('Event')})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsAsked:
    """The query parameters of the address, as text; empty if absent.

    `state` is states separated by commas, `t` a time range as on the Logs page, in wall time, `q` what is searched for.
    """

    state: str = ''
    pipeline: str = ''
    profile: str = ''
    event: str = ''
    t: str = ''
    q: str = ''

    @property
    def chosen(self) -> dict[str, str]:
        """The parameters that are not empty."""
        return {field.name: text for field in fields(self) if (text := getattr(self, field.name))}

    @property
    def address(self) -> str:
        return f'/runs?{urlencode(self.chosen, safe=",")}' if self.chosen else '/runs'

    @property
    def states(self) -> frozenset[RunState]:
        """The states that exist among those asked for."""
        return frozenset(state for state in RunState if state in self.state.split(','))

    def known(self, zone: str) -> 'RunsAsked':
        """Return it without states and times that do not exist."""
        states = ','.join(state for state in self.state.split(',') if state in self.states)
        return replace(self, state=states, t=self.t if any(range_from(self.t, zone)) else '')

    def as_filter(self, zone: str) -> RunFilter:
        start, end = range_from(self.t, zone)
        return RunFilter(
            states=self.states,
            pipeline=self.pipeline,
            profile=self.profile,
            event=self.event,
            start=start,
            end=end,
            text=self.q[:LONGEST_TEXT],
        )


class RunFilters(Scope):
    """A search field and the filters; none of them draws the page again, so that no typed letter is lost.

    :param changed: called with what is asked for now, and whether that is a step to go back from
    """

    def __init__(self, room: ControlRoom, asked: RunsAsked, changed: Callable[[RunsAsked, bool], Any]) -> None:
        super().__init__()
        self.classes('runs-filters')
        self._room, self._asked, self._changed = room, asked, changed
        self._pickers: dict[str, Picker] = {}
        with self:
            self._draw_search()
            self._states = StatePicker(lambda states: self._choose(state=','.join(states)))
            pipelines, profiles = filters_for(room, asked.pipeline, asked.profile)
            self._draw_picker('pipeline', pipelines)
            self._draw_picker('profile', profiles)
            if (events := self._events()).keys() - {''}:
                self._draw_picker('event', events)
            self._range = RangePicker(
                room,
                lambda start, end, text: self._choose(t=text),
                first=_('the first run'),
                about=_('no run has been created there yet'),
            )
            self._clear = button(_('Show all'), icon_name='x', kind='ghost', small=True)
        self._clear.on('click', self.show_all)
        self._show()

    def show_all(self) -> None:
        """Show all runs."""
        set_in_browser(self._field, 'value', '')
        self._ask(RunsAsked(), is_step=True)

    def _draw_search(self) -> None:
        with el('div', 'sy-in log-search runs-search', role='search'):
            icon('search', size=14)
            self._field = el(
                'input',
                type_='search',
                placeholder=_('Number, file or text'),
                aria_label=_('Search runs by number, file or text'),
                maxlength=str(LONGEST_TEXT),
                data_key='search-log',
                aria_keyshortcuts='/ Control+F',
            )
        # An attribute, not the property: the page must not overwrite what is being typed.
        self._field.props['^value'] = self._asked.q
        self._field.on(
            'input',
            lambda event: self._type(str(event.args)),
            js_handler=TYPED,
            throttle=TYPING_SECONDS,
            leading_events=False,
        )

    def _draw_picker(self, name: str, options: Mapping[str, str]) -> None:
        def chosen(value: str) -> None:
            self._choose(**{name: value})

        self._pickers[name] = Picker(options, getattr(self._asked, name), label=LABELS[name], changed=chosen)

    def _events(self) -> dict[str, str]:
        events = sorted(self._room.calendar.events(), key=lambda event: event.title.casefold())[:MOST_EVENTS]
        named = {event.id: event.title[:40] or event.id for event in events}
        chosen = self._asked.event
        gone = {chosen: chosen} if chosen else {}
        return {'': _('All events')} | gone | named

    def _choose(self, **values: str) -> None:
        self._ask(replace(self._asked, **values), is_step=True)

    def _type(self, text: str) -> None:
        self._ask(replace(self._asked, q=text.strip()), is_step=False)

    def _ask(self, asked: RunsAsked, *, is_step: bool) -> None:
        if asked != self._asked:
            self._asked = asked
            self._show()
            self._changed(asked, is_step)

    def _show(self) -> None:
        self._states.show(self._asked.states)
        self._range.show(self._asked.t)
        for name, picker in self._pickers.items():
            picker.choose(getattr(self._asked, name))
        set_props(self._clear, hidden=not self._asked.chosen)


class StatePicker(Scope):
    """A button that says which states are shown, and a menu to tick several of them.

    :param changed: called with the ticked states in their usual order; none of them stands for all
    """

    def __init__(self, changed: Callable[[list[str]], None]) -> None:
        super().__init__('span')
        self.classes('runs-states')
        self._changed = changed
        self._chosen: frozenset[RunState] = frozenset()
        self._ticks = {}
        with self, el('button', 'sy-btn is-sm', type_='button', aria_haspopup='dialog') as self._button:
            self._words = el('span', 'sy-ell')
            icon('down', size=14)
            with (
                Popup(_('States')).classes('sy-menubox').props('anchor="bottom left" self="top left"'),
                el('div', 'runs-ticks'),
            ):
                for state in RunState:
                    self._ticks[state] = self._tick(state)

    def show(self, chosen: frozenset[RunState]) -> None:
        self._chosen = chosen
        words = [WORDS[state] for state in RunState if state in chosen]
        few = ', '.join(words)
        shown = _n('{count} state', '{count} states', len(words)) if len(words) > 2 else few or _('All states')
        self._words.set_text(shown)
        set_props(self._button, aria_label=_('State: {states}', states=shown), title=few if few != shown else None)
        for state, tick in self._ticks.items():
            tick.props['checked'] = state in chosen
            tick.update()

    def _tick(self, state: RunState) -> ui.element:
        with el('label', 'sy-x sy-tick'):
            tick = el('input', type_='checkbox')
            Glyph(state).classes(f'st-{state}')
            el('span', text=WORDS[state])
        tick.on('change', lambda event: self._turn(state, bool(event.args)), js_handler=CHECKED)
        return tick

    def _turn(self, state: RunState, is_on: bool) -> None:
        chosen = self._chosen | {state} if is_on else self._chosen - {state}
        self._changed([item.value for item in RunState if item in chosen])
