"""A control room that lives on a moved clock: time passes from one moment to the next in which something happens."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.life.moved_time import Offset
from synapse.calendar import alarm_clock
from synapse.calendar.alarm_clock import Clocks
from synapse.control_room import ControlRoom
from synapse.engine import child, children, engine
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState
from synapse.settings import Settings

LOOK_SECONDS = 0.02
LONGEST_WAIT = 90.0
AHEAD = timedelta(milliseconds=30)
"""So long before an occurrence the clock comes to stand, so that the alarm clock rings by itself."""


class MovedClock:
    """The wall clock of the demo, and the three that the alarm clock compares."""

    def __init__(self, offset: Offset) -> None:
        self._offset = offset
        self._passed = self._slept = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real(self) -> datetime:
        """The time of this machine, which the moved clock never overtakes."""
        return datetime.fromtimestamp(time.time(), UTC)

    def clocks(self) -> Clocks:
        awake = time.monotonic() + self._passed
        return Clocks(self.now(), awake, awake + self._slept)

    def pass_to(self, moment: datetime) -> None:
        """Time passes until this moment with the machine awake; nothing if it is over."""
        self._passed += self._move_to(moment)

    def sleep_until(self, moment: datetime) -> None:
        """The machine sleeps until this moment."""
        self._slept += self._move_to(moment)

    def _move_to(self, moment: datetime) -> float:
        seconds = max(0.0, (min(moment, self.real()) - self.now()).total_seconds())
        self._offset.seconds += seconds
        return seconds


class MovedRoom:
    """The control room of a data folder, on a clock that only its `until`, `sleep` and `be_off` move on.

    :param told: called with each run that has ended
    """

    def __init__(self, settings: Settings, clock: MovedClock, told: Callable[[RunRecord], None]) -> None:
        self._settings, self._told = settings, told
        self.clock = clock
        self.room = self._built()
        _quicken()

    def _built(self) -> ControlRoom:
        room = ControlRoom.build(self._settings, now=self.clock.now, clocks=self.clock.clocks)
        room.bus.subscribe(RunChanged, self._run_changed)
        return room

    async def start(self) -> None:
        await self.room.start()
        await self.settled()

    async def stop(self) -> None:
        """Stop as the program does; the file that says when it was last seen alive gets the moved time as well."""
        await self.room.stop(grace=2)
        then = self.clock.now().timestamp()
        os.utime(self._settings.data / 'alive', (then, then))

    async def until(self, moment: datetime) -> None:
        """Let time pass to this moment: what falls due on the way fires when it does, and its runs end."""
        while (due := self._next_due()) is not None and due <= moment:
            self.clock.pass_to(due - AHEAD)
            await self.settled()
        self.clock.pass_to(moment)

    async def sleep(self, until: datetime) -> None:
        """The machine sleeps, and what was due meanwhile is seen to when it wakes."""
        self.clock.sleep_until(until)
        await self.settled()

    async def be_off(self, until: datetime) -> None:
        """Synapse is stopped and started again later."""
        await self.stop()
        self.clock.pass_to(until)
        self.room = self._built()
        await self.start()

    async def carry_out(self, pipeline: str, parameters: dict[str, Any], **named: Any) -> RunRecord:
        """A run by hand, to its end."""
        run = await self.room.runs.create(pipeline, parameters, **named)
        await self.settled()
        return await self.room.runs.get(run.id)

    async def settled(self) -> None:
        """Return once everything that is due has fired and no run waits or works."""
        await self.holds(lambda: not self._is_due() and not self.room.runs.live() and not self.room.runs.waiting())

    async def holds(self, condition: Callable[[], bool]) -> None:
        """:raises RuntimeError: if it does not come to hold in time"""
        deadline = time.monotonic() + LONGEST_WAIT
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError(self.room.status.notice or 'The runs of the demo do not end.')
            await asyncio.sleep(LOOK_SECONDS)

    def _next_due(self) -> datetime | None:
        """The earliest occurrence that is not accounted for: one that is just ringing is armed no more."""
        calendar = self.room.calendar
        return min((due for event in calendar.events() for due in calendar.next_due(event.id, 1)), default=None)

    def _is_due(self) -> bool:
        due = self._next_due()
        return due is not None and due <= self.clock.now() + 2 * AHEAD

    def _run_changed(self, message: RunChanged) -> None:
        if message.moved and message.run.state.is_final:
            self._told(message.run)


Deed = Callable[[MovedRoom], Awaitable[object]]
"""What a person, or the machine, does at some moment."""


async def stop_when(room: MovedRoom, run: RunRecord, is_far_enough: Callable[[RunRecord], bool], because: str) -> None:
    """Let a run come so far, then stop it as a person does."""

    def is_there() -> bool:
        now = next((live for live in room.room.runs.live() if live.id == run.id), None)
        return now is not None and now.state is RunState.RUNNING and is_far_enough(now)

    await room.holds(is_there)
    await room.room.runs.cancel(run.id, because=because)
    await room.settled()


def _quicken() -> None:
    """See at once that time has passed, and have the next run host ready; hosts are those on the moved clock."""
    alarm_clock.HEARTBEAT_SECONDS = LOOK_SECONDS
    engine.SPARE_AFTER_SECONDS = 0.0
    child.host_command = _on_moved_clock  # type: ignore[attr-defined]


def _on_moved_clock(module: str, *arguments: str) -> list[str]:
    return children.host_command('scripts.life.host' if module == 'synapse.host' else module, *arguments)
