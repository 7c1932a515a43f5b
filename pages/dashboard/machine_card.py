"""CPU, memory and disk of this machine, measured often while this card is shown."""

from collections.abc import Sequence

from pages.parts.cards import Card, area_of, line_of, points_of, set_props
from pages.parts.html import el, icon
from pages.parts.words import percent_of, size_of
from synapse.control_room import ControlRoom
from synapse.language import _, _n

FEW_PERCENT = 10


class MachineCard(Card):
    """Three figures over the last minutes, and what to do if the disk is nearly full."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('This machine'), 'third machine')
        self._room = room
        with self.head:
            el('span', 'sy-cap', _('last 5 min')).style('padding-right:8px')
        with self:
            with el('div', 'hosts'):
                self._cpu = _Figure(_('CPU'), 'blue')
                self._memory = _Figure(_('Memory'), 'purple')
                self._disk = _Figure(_('Disk'), 'slate')
            with el('p', 'hint', role='status') as self._hint:
                icon('alert', size=14)
                self._words = el('span', 'sy-grow')
                el('a', text=_('Review'), href='/runs')
        room.machine.add_watcher()
        self.when_gone(room.machine.remove_watcher)
        # A sample changes several fields one after another; they are shown together.
        self.watch(room.status, ('cpu_percent', 'ram_used', 'disk_free'), self.at_most_every(0, self._show))
        self._show()

    def _show(self) -> None:
        status, history = self._room.status, self._room.machine.history
        cores = _n('of {count} core', 'of {count} cores', status.cores)
        self._cpu.show(percent_of(status.cpu_percent), cores, status.cpu_percent, [s.cpu_percent for s in history])
        used, total = size_of(status.ram_used), size_of(status.ram_total)
        self._memory.show(used, _('of {size}', size=total), status.ram_percent, [s.ram_percent for s in history])
        left = 100 - status.disk_usage
        is_short = status.disk_total > 0 and left < FEW_PERCENT
        self._disk.tint('yellow' if is_short else 'slate')
        free = _('{size} free', size=size_of(status.disk_free))
        of_total = _('of {size}', size=size_of(status.disk_total))
        self._disk.show(free, of_total, status.disk_usage, [s.disk_usage for s in history])
        self._words.set_text(_('{percent} of the disk left. Old outputs can be deleted.', percent=percent_of(left)))
        self._hint.set_visibility(is_short)


class _Figure:
    """A name, a value, its curve and its bar."""

    def __init__(self, name: str, color: str) -> None:
        with el('div', 'h'):
            with el('div', 'sy-x').style('justify-content:space-between'):
                el('span', 'sy-2', name)
                with el('span', 'sy-num'):
                    self._value = el('b')
                    self._of = el('span', 'sy-cap')
            with el('div', 'sy-x').style('gap:12px'):
                self._spark = el('svg', 'spark', width='108', height='26', viewBox='0 0 108 26', aria_hidden='true')
                with self._spark:
                    self._area, self._line = el('path', 'f'), el('path', 'l')
                with el('div', 'sy-meter sy-grow', role='meter', aria_label=name) as self._meter:
                    self._bar = el('i')
        self.tint(color)

    def tint(self, color: str) -> None:
        self._spark.style(f'--sc:var(--cmd-{color})')
        self._bar.style(f'--mc:var(--cmd-{color})')

    def show(self, value: str, of: str, percent: float, history: Sequence[float]) -> None:
        self._value.set_text(value)
        self._of.set_text(f' {of}')
        self._bar.style(f'width:{percent:.0f}%')
        set_props(self._meter, aria_valuenow=f'{percent:.0f}', aria_valuetext=f'{value} {of}')
        points = points_of(_thin(history), width=108, height=26, low=_floor(history), high=_ceiling(history))
        set_props(self._area, d=area_of(points, 26))
        set_props(self._line, d=line_of(points))


def _thin(history: Sequence[float]) -> list[float]:
    """Return about fifty values, the last among them: 108 pixels don't show more, and each sample sends them all."""
    every = max(1, len(history) // 50)
    return list(history)[::-1][::every][::-1]


def _floor(history: Sequence[float]) -> float:
    return max(0.0, min(history, default=0.0) - 5)


def _ceiling(history: Sequence[float]) -> float:
    return max(max(history, default=0.0) + 5, _floor(history) + 20)
