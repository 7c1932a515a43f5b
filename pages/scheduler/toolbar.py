"""Around the view: its name, the way to other days, the monthly totals, the filters and the legend."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from nicegui import ui

from pages.parts.cards import guide_link, set_props
from pages.parts.controls import Picker
from pages.parts.html import WORDS, Glyph, button, el, for_readers, icon, look_of
from pages.parts.popup import Popup
from pages.parts.words import filters_for, pipeline_color, pipeline_title
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.records import now_utc

from .month.picker import MonthPicker
from .parts.days import day_in
from .parts.entry_filter import GROUPS, EntryFilter
from .parts.entry_words import counted_state
from .parts.views import VIEWS, earlier_words, later_words, name_of, turned_by

MAX_NAMED = 8
LEGEND = ('succeeded', 'failed', 'running', 'planned', 'off', 'missed', 'cancelled')


class Toolbar:
    """The row above the view; keeps the filter in `only`.

    :param filtered: called when `only` has changed
    :param switch: called with the view that was pressed
    """

    def __init__(
        self,
        room: ControlRoom,
        only: EntryFilter,
        *,
        go_to: Callable[[date], None],
        filtered: Callable[[], None],
        switch: Callable[[str], None],
    ) -> None:
        self.only = only
        self._room = room
        self._filtered = filtered
        self._view, self._day = 'month', self.today
        with for_readers(el('div', 'mo-tools')):
            self._title = MonthPicker(go_to)
            with el('div', 'sy-x mo-turns'):
                self._earlier = button(
                    '', icon_name='left', kind='ghost', small=True, data_key='earlier', data_turn='1'
                )
                today = button(_('Today'), small=True, title=_('Today (T)'), data_key='today')
                self._later = button('', icon_name='right', kind='ghost', small=True, data_key='later', data_turn='1')
            self._earlier.on('click', lambda: go_to(turned_by(self._view, self._day, -1)))
            self._later.on('click', lambda: go_to(turned_by(self._view, self._day, 1)))
            today.on('click', lambda: go_to(self.today))
            with el('div', 'mo-totals', role='group', aria_label=_('Monthly totals')) as self._totals_box:
                self._totals = {group: _Total(group, self._toggle) for group in GROUPS}
            el('span', 'sy-grow')
            self._pipelines = Picker({}, '', label=_('Pipeline'), changed=lambda name: self._restrict(pipeline=name))
            self._profiles = Picker({}, '', label=_('Profile'), changed=lambda name: self._restrict(profile=name))
            self.offer()
            with el('div', 'sy-seg', role='radiogroup', aria_label=_('View')):
                self._views = {
                    view: el('button', text=words, type_='button', role='radio', data_key=f'view-{view}')
                    for view, words in VIEWS.items()
                }
            for number, (view, option) in enumerate(self._views.items(), start=1):
                option.props['title'] = f'{VIEWS[view]} ({number})'
                option.on('click', lambda view=view: switch(view))

    @property
    def today(self) -> date:
        """The date in the zone of the calendar."""
        return day_in(now_utc(), ZoneInfo(self._room.calendar.zone))

    def offer(self) -> None:
        """Offer the pipelines and profiles that exist now."""
        pipelines, profiles = filters_for(self._room, self.only.pipeline, self.only.profile)
        self._pipelines.offer(pipelines, self.only.pipeline)
        self._profiles.offer(profiles, self.only.profile)

    def show(self, view: str, day: date) -> None:
        self._view, self._day = view, day
        self._title.show(*name_of(view, day, self._room.choices.now.first_weekday), day, self.today)
        for turn, words in ((self._earlier, f'{earlier_words(view)} (K)'), (self._later, f'{later_words(view)} (J)')):
            set_props(turn, aria_label=words, title=words)
        set_props(self._totals_box, hidden=view != 'month')
        for name, option in self._views.items():
            set_props(option, aria_checked=str(name == view).lower(), tabindex='0' if name == view else '-1')

    def count(self, totals: Mapping[str, int]) -> None:
        """Show the monthly totals, by group of states."""
        for group, total in self._totals.items():
            total.show(totals[group], is_only=self.only.group == group)

    def _restrict(self, **values: str) -> None:
        self.only = replace(self.only, **values)
        self._filtered()

    def _toggle(self, group: str) -> None:
        self.only = self.only.toggled(group)
        self._filtered()


class _Total:
    """One total of the month, as a button that shows only these entries."""

    def __init__(self, group: str, pressed: Callable[[str], None]) -> None:
        self._group = group
        with el('button', f'mo-total sy-num st-{look_of(group)}', type_='button') as self._box:
            Glyph(group, size=13)
            self._count = el('span', text='0')
        self._box.on('click', lambda: pressed(group))

    def show(self, count: int, *, is_only: bool) -> None:
        label = counted_state(self._group, count)
        self._count.set_text(label if self._group == 'planned' else str(count))
        hint = _('Show everything again') if is_only else _('Show only these: {entries}', entries=label)
        set_props(self._box, aria_pressed=str(is_only).lower(), aria_label=label, title=hint)
        set_props(self._box, hidden=not count and not is_only)


class Legend:
    """A line below the month, and a list behind a button if the line has no room."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._names: set[str] | None = None
        with el('div', 'mo-legend', aria_label=_('Legend'), role='group'):
            self._places = [_legend()]
            with (
                el(
                    'button', 'sy-btn is-ghost is-sm is-icon mo-help', '?', type_='button', aria_label=_('Legend')
                ) as help_,
                Popup(_('Legend')).props('anchor="top right" self="bottom right"'),
                el('div', 'mo-legend is-list'),
            ):
                self._places.append(_legend())
            help_.props['aria-haspopup'] = 'dialog'

    def show(self, names: set[str]) -> None:
        """Show the titles and colors of these pipelines; without any, the way to the guide."""
        if names != self._names:
            self._names = names
            self.draw()

    def draw(self) -> None:
        """Update the titles and colors of its pipelines."""
        if self._names is None:
            return
        titles = sorted((pipeline_title(self._room, name), name) for name in self._names)
        for place in self._places:
            place.clear()
            with place:
                for title, name in titles[:MAX_NAMED]:
                    with el('span', f'sy-x {pipeline_color(self._room, name)}'):
                        el('i', 'sy-pdot')
                        el('span', text=title)
                if not titles:
                    guide_link('plan')


def _legend() -> ui.element:
    """Explain the glyphs and the strip; return the place for the pipelines."""
    pipelines = el('span', 'pipes')
    el('span', 'sy-grow')
    with el('span', 'states'):
        for state in LEGEND:
            with el('span', f'sy-x st-{look_of(state)}'):
                set_props(Glyph(state, size=12), aria_hidden='true')
                el('span', text=WORDS[state])
        with el('span', 'sy-x'):
            icon('repeat', size=12)
            el('span', text=_('Repeats'))
        with el('span', 'sy-x'):
            with el('span', 'strip', aria_hidden='true'):
                for look in ('succeeded', 'succeeded', 'scheduled'):
                    el('i', f'st-{look}')
            el('span', text=_('Day load, 0 to 24 h'))
    return pipelines
