"""Four counters of the log, each a button that shows or hides its lines: how many, how many of late, and when."""

from collections.abc import Callable, Sequence

from pages.parts.cards import set_props
from pages.parts.html import Glyph, el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.log.messages import LinesLogged, LogCleared

from .filter import GROUPS

WORDS = {'info': 'Info', 'success': 'Success', 'warning': 'Warning', 'error': 'Error'}
RECENT_SECONDS = 300
BARS = 24
COUNTS_APART = 0.25
PACE_APART = 1.0
AGEING_SECONDS = 10.0
WIDTH, HEIGHT = 120, 28
LOWEST = 1.5


def toggled(groups: frozenset[str] | None, group: str, *, is_alone: bool) -> frozenset[str] | None:
    """Which groups are shown once one of them was pressed; None is all of them.

    :param is_alone: only this one, or all again where it is the only one already
    """
    shown = frozenset(GROUPS) if groups is None else groups
    if is_alone:
        return None if shown == {group} else frozenset({group})
    shown ^= {group}
    return None if shown == frozenset(GROUPS) else shown


def spark_of(bars: Sequence[int]) -> tuple[str, str]:
    """The path of all bars but the newest, and that of the newest; one without lines is still to be seen."""
    top, step = max([*bars, 1]), WIDTH / len(bars)
    paths = []
    for place, count in enumerate(bars):
        height = max(LOWEST, (HEIGHT - 2) * count / top)
        paths.append(f'M{place * step:g} {HEIGHT}v-{height:.1f}h{step - 1.5:g}v{height:.1f}z')
    return ''.join(paths[:-1]), paths[-1]


class LevelCounters(Scope, component='log_counters.js'):
    """The row of them.

    :param changed: called with the groups that are shown from now on, None for all, when somebody pressed one
    """

    def __init__(self, room: ControlRoom, *, changed: Callable[[frozenset[str] | None], None]) -> None:
        super().__init__()
        self.classes('log-counters').props['aria-label'] = 'Lines by level'
        self._props.pop('tag')
        self.groups: frozenset[str] | None = None
        self._room, self._changed = room, changed
        self._is_seen = True
        with self:
            self._counters = {
                group: _Counter(room, group, number, self._toggle) for number, group in enumerate(GROUPS, start=1)
            }
        self.on('all', lambda: self._choose(None))
        self.on('looking', lambda event: self._look(is_seen=bool(event.args)))
        show_counts = self.at_most_every(COUNTS_APART, self._show_counts, at_once=True)
        self._pace_soon = self.at_most_every(PACE_APART, self._show_pace)
        self._age = self.at_most_every(AGEING_SECONDS, self._show_pace)
        # Set after the counts of the levels, so they are never shown half.
        self.watch(room.log.counters, ('total',), show_counts)
        self.follow(room.bus, LinesLogged, lambda _: self._pace_soon())
        self.follow(room.bus, LogCleared, lambda _: show_counts())
        self._show_counts()
        self._show_pace()
        self.press(None)

    def press(self, groups: frozenset[str] | None) -> None:
        """Show these groups as included and the others as hidden; None includes all."""
        self.groups = groups
        for group, counter in self._counters.items():
            counter.press(is_included=groups is None or group in groups)

    def _toggle(self, group: str, is_alone: bool) -> None:
        self._choose(toggled(self.groups, group, is_alone=is_alone))

    def _choose(self, groups: frozenset[str] | None) -> None:
        if groups != self.groups:
            self.press(groups)
            self._changed(groups)

    def _look(self, *, is_seen: bool) -> None:
        """The tab came to the front or went out of sight; nobody draws for whoever does not look."""
        self._is_seen = is_seen
        if is_seen:
            self._show_counts()
            self._show_pace()

    def _show_counts(self) -> None:
        if self._is_seen:
            for counter in self._counters.values():
                counter.show_count()

    def _show_pace(self) -> None:
        if not self._is_seen:
            return
        recent = self._room.log.rate.since(RECENT_SECONDS)
        for counter in self._counters.values():
            counter.show_pace(sum(recent[level] for level in counter.levels))
        if any(recent.values()):
            self._age()  # five minutes after the last line there is nothing left to grow old


class _Counter:
    def __init__(self, room: ControlRoom, group: str, number: int, toggle: Callable[[str, bool], None]) -> None:
        self.levels = GROUPS[group]
        self._room, self._words = room, WORDS[group]
        with el('button', f'stat-card log-counter lv-{group}', type_='button') as self._box:
            with el('span', 'k'):
                set_props(Glyph(group, is_level=True).classes('sy-stg'), role=None, aria_label=None, aria_hidden='true')
                el('span', text=self._words)
                with el('span', 'kk sy-num'):
                    self._recent = el('span')
                    el('span', 'is-wide-only', ' in 5 min')
            self._count = el('span', 'v')
            with el('svg', 'spark', viewBox=f'0 0 {WIDTH} {HEIGHT}', preserveAspectRatio='none', aria_hidden='true'):
                self._past = el('path', 'is-past')
                self._now = el('path')
        set_props(
            self._box,
            title=f'Show or hide (Alt {number}). Alt and click: only these. Alt 0: all.',
            aria_keyshortcuts=f'Alt+{number}',
            data_group=group,
        )
        self._box.on('click', lambda event: toggle(group, bool(event.args)), js_handler='(e) => emit(e.altKey)')

    def press(self, *, is_included: bool) -> None:
        set_props(self._box, aria_pressed=str(is_included).lower())

    def show_count(self) -> None:
        counters = self._room.log.counters
        count = sum(getattr(counters, level.value) for level in self.levels)
        self._count.set_text(f'{count:,}'.replace(',', '\u202f'))
        set_props(self._box, aria_label=f'{self._words}, {count} line{"" if count == 1 else "s"}')

    def show_pace(self, recent: int) -> None:
        self._recent.set_text(f'+{recent:,}'.replace(',', '\u202f'))
        past, now = spark_of(self._room.log.rate.bars(self.levels, seconds=RECENT_SECONDS, bars=BARS))
        set_props(self._past, d=past)
        set_props(self._now, d=now)
