"""How many lines were logged today, next to the title of the Logs page."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from nicegui import background_tasks

from pages.parts.html import el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import _, _n
from synapse.log.messages import LinesLogged, LogCleared
from synapse.records import now_utc
from synapse.recurrence.zones import city_of

from .line_counts import spaced

SHOW_SECONDS = 0.5


class LinesToday(Scope):
    """`5 162 lines since 00:00`: counted once by the store, then from the numbers of new lines."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('span')
        with self:
            self._words = el('span', 'sy-cap sy-num not-phone')
            el('span', 'sy-cap not-phone', data_away=' ' + _('{city} time', city=city_of(room.here.name)))
        self._room = room
        self._zone = ZoneInfo(room.calendar.zone)
        self._counted = self._up_to = 0
        self._day: date | None = None
        soon = self.at_most_every(SHOW_SECONDS, self._show)
        self.follow(room.bus, LinesLogged, lambda _: soon())
        self.follow(room.bus, LogCleared, lambda _: self._count_again())
        self._count_again()

    def _count_again(self) -> None:
        background_tasks.create(self._count(), name='lines of today')

    async def _count(self) -> None:
        now = now_utc().astimezone(self._zone)
        up_to = self._room.log.last_seq
        try:
            counts = await self._room.log.stats(start=now.replace(hour=0, minute=0, second=0, microsecond=0), end=None)
        except SynapseError:
            return
        self._counted, self._up_to, self._day = counts['total'], up_to, now.date()
        if not self.is_deleted:
            with self:
                self._show()

    def _show(self) -> None:
        if self._day != datetime.now(self._zone).date():
            self._count_again()
            return
        count = self._counted + self._room.log.last_seq - self._up_to
        self._words.set_text(_n('{lines} line since 00:00', '{lines} lines since 00:00', count, lines=spaced(count)))
