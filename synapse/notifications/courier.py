"""What one channel has to tell, and how it gets there: gathered in floods, tried again when it fails."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from synapse.language import _

from .records import Note

log = logging.getLogger(__name__)

MOST_NOTES = 100
"""What else happens before the next message is only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How soon messages follow one another, in seconds."""

    gather: float = 2.0
    """What happens within this time shares the first message."""
    calm: tuple[float, ...] = (10.0, 60.0)
    """The least time to the second message within `memory`, and to each further one."""
    memory: float = 60.0
    retries: tuple[float, ...] = (10.0, 60.0, 300.0)
    """A message that could not be sent is tried again after these times, then given up."""


class Courier:
    """Sends what `add` is given, one message at a time, until `stop`. Use it on the event loop only.

    :param send: sends notes and the number of those that were lost; returns why that failed, or nothing
    :param told: called with the error after each attempt, and whether the message was given up
    :param changed: called when there is more or less to be sent
    """

    def __init__(
        self,
        *,
        pace: Pace,
        send: Callable[[Sequence[Note], int], Awaitable[str]],
        told: Callable[[str, bool], Awaitable[None]],
        changed: Callable[[], None],
    ) -> None:
        self._pace, self._send, self._told, self._changed = pace, send, told, changed
        self._notes: dict[str, Note] = {}
        self._going: list[Note] = []
        self.lost = 0
        """How many alerts could not be sent, or did not fit, since the last message."""
        self._sent_at: deque[float] = deque(maxlen=len(pace.calm))
        self._task: asyncio.Task[None] | None = None

    @property
    def notes(self) -> list[Note]:
        """What is still to be sent, oldest first."""
        return [*self._going, *self._notes.values()]

    @property
    def waiting(self) -> int:
        return sum(note.count for note in self.notes)

    def add(self, *notes: Note, lost: int = 0) -> None:
        """Tell this soon; what happens again before that is told once, with its count."""
        self.lost += lost
        for note in notes:
            known = self._notes.pop(note.key, None)
            if known is not None:
                note = note.changed(count=note.count + known.count, first_at=known.first_at)
            elif len(self._notes) >= MOST_NOTES:
                self.lost += note.count
                continue
            self._notes[note.key] = note
        if self._notes and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run(), name='notifications')
        self._changed()

    async def stop(self) -> None:
        """Stop sending; what was not sent is in `notes`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._notes:
            await asyncio.sleep(self._seconds_to_next())
            self._going, self._notes = [*self._notes.values()], {}
            try:
                await self._deliver()
            except Exception:  # the edge of a background task
                log.exception(_('a notification could not be sent'))
                self._going = []
            self._sent_at.append(asyncio.get_running_loop().time())

    def _seconds_to_next(self) -> float:
        now = asyncio.get_running_loop().time()
        recent = [moment for moment in self._sent_at if now - moment < self._pace.memory]
        if not recent:
            return self._pace.gather
        return max(self._pace.gather, recent[-1] + self._pace.calm[len(recent) - 1] - now)

    async def _deliver(self) -> None:
        lost = self.lost
        for wait in (*self._pace.retries, None):
            error = await self._send(self._going, lost)
            if not error:
                self.lost -= lost
            elif wait is None:
                self.lost += sum(note.count for note in self._going)
            is_over = not error or wait is None
            if is_over:
                self._going = []
                self._changed()
            await self._told(error, bool(error) and is_over)
            if is_over:
                return
            await asyncio.sleep(wait or 0.0)
