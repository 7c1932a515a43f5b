"""Four counters of log lines by level, each a button that shows or hides its lines, with the last five minutes."""

from collections.abc import Callable, Sequence

from pages.parts.cards import set_props
from pages.parts.html import Glyph, el, for_readers
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import N_, _, translated
from synapse.log.messages import LinesLogged, LogCleared

from .filter import GROUPS
from .line_counts import spaced

WORDS = {'info': N_('Info'), 'success': N_('Success'), 'warning': N_('Warning'), 'error': N_('Error')}
RECENT_SECONDS = 300
BARS = 24
COUNTS_SECONDS = 0.25
RECENT_SHOW_SECONDS = 1.0
AGEING_SECONDS = 10.0
WIDTH, HEIGHT = 120, 28
LOWEST = 1.5


def toggled(groups: frozenset[str] | None, group: str, *, is_alone: bool) -> frozenset[str] | None:
    """The groups to show after `group` was pressed; None means all.

    :param is_alone: show only this one, or all again if it already is the only one
    """
    shown = frozenset(GROUPS) if groups is None else groups
    if is_alone:
        return None if shown == {group} else frozenset({group})
    shown ^= {group}
    return None if shown == frozenset(GROUPS) else shown


def spark_of(bars: Sequence[int]) -> tuple[str, str]:
    """SVG paths of all bars but the newest, and of the newest; a bar without lines keeps a visible height."""
    top, step = max([*bars, 1]), WIDTH / len(bars)
    paths = []
    for place, count in enumerate(bars):
        height = max(LOWEST, (HEIGHT - 2) * count / top)
        paths.append(f'M{place * step:g} {HEIGHT}v-{height:.1f}h{step - 1.5:g}v{height:.1f}z')
    return ''.join(paths[:-1]), paths[-1]


class LevelCounters(Scope, component='log_counters.js'):
    """The row of counters.

    :param changed: called with the groups to show when a person changed them; None means all
    """

    def __init__(self, room: ControlRoom, *, changed: Callable[[frozenset[str] | None], None]) -> None:
        super().__init__()
        for_readers(self).classes('log-counters').props['aria-label'] = _('Lines by level')
        self._props.pop('tag')
        self.groups: frozenset[str] | None = None
        self._room, self._changed = room, changed
        self._is_visible = True
        with self:
            self._counters = {
                group: _Counter(room, group, number, self._toggle) for number, group in enumerate(GROUPS, start=1)
            }
        self.on('all', lambda: self._choose(None))
        self.on('looking', lambda event: self._set_visible(bool(event.args)))
        show_counts = self.at_most_every(COUNTS_SECONDS, self._show_counts)
        show_recent_soon = self.at_most_every(RECENT_SHOW_SECONDS, self._show_recent)
        self._age = self.at_most_every(AGEING_SECONDS, self._show_recent)
        # The total is set after the counts of the levels, so all of them are new.
        self.watch(room.log.counters, ('total',), show_counts)
        self.follow(room.bus, LinesLogged, lambda _: show_recent_soon())
        self.follow(room.bus, LogCleared, lambda _: show_counts())
        self._show_counts()
        self._show_recent()
        self.press(None)

    def press(self, groups: frozenset[str] | None) -> None:
        """Show these groups as included and the others as hidden; None means all."""
        self.groups = groups
        for group, counter in self._counters.items():
            counter.press(is_included=groups is None or group in groups)

    def _toggle(self, group: str, is_alone: bool) -> None:
        self._choose(toggled(self.groups, group, is_alone=is_alone))

    def _choose(self, groups: frozenset[str] | None) -> None:
        if groups != self.groups:
            self.press(groups)
            self._changed(groups)

    def _set_visible(self, is_visible: bool) -> None:
        """Nothing is drawn for a tab in the background."""
        self._is_visible = is_visible
        if is_visible:
            self._show_counts()
            self._show_recent()

    def _show_counts(self) -> None:
        if self._is_visible:
            for counter in self._counters.values():
                counter.show_count()

    def _show_recent(self) -> None:
        if not self._is_visible:
            return
        recent = self._room.log.rate.since(RECENT_SECONDS)
        for counter in self._counters.values():
            counter.show_recent(sum(recent[level] for level in counter.levels))
        if any(recent.values()):
            self._age()  # five minutes after the last line, all bars are empty


class _Counter:
    def __init__(self, room: ControlRoom, group: str, number: int, toggle: Callable[[str, bool], None]) -> None:
        self.levels = GROUPS[group]
        self._room, self._words = room, translated(WORDS[group])
        title = _('Show or hide (Alt {number}). Alt click: only these. Alt 0: all.', number=number)
        with el('button', f'stat-card log-counter lv-{group}', type_='button', title=title) as self._box:
            with el('span', 'k'):
                set_props(Glyph(group, is_level=True).classes('sy-stg'), role=None, aria_label=None, aria_hidden='true')
                el('span', text=self._words)
                with el('span', 'kk sy-num'):
                    self._recent = el('span')
                    el('span', 'is-wide-only', ' ' + _('in 5 min'))
            self._count = el('span', 'v')
            with el('svg', 'spark', viewBox=f'0 0 {WIDTH} {HEIGHT}', preserveAspectRatio='none', aria_hidden='true'):
                self._past = el('path', 'is-past')
                self._now = el('path')
        set_props(self._box, aria_keyshortcuts=f'Alt+{number}', data_group=group)
        self._box.on('click', lambda event: toggle(group, bool(event.args)), js_handler='(e) => emit(e.altKey)')

    def press(self, *, is_included: bool) -> None:
        set_props(self._box, aria_pressed=str(is_included).lower())

    def show_count(self) -> None:
        counters = self._room.log.counters
        count = sum(getattr(counters, level.value) for level in self.levels)
        self._count.set_text(spaced(count))

    def show_recent(self, recent: int) -> None:
        self._recent.set_text(f'+{spaced(recent)}')
        past, now = spark_of(self._room.log.rate.bars(self.levels, seconds=RECENT_SECONDS, bars=BARS))
        set_props(self._past, d=past)
        set_props(self._now, d=now)
