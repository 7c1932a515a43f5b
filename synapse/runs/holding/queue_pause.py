"""Pauses and resumes the queue, by order or by time, and tells when a drained one has nothing left that works."""

import asyncio
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from storage.files import StorageError
from synapse.errors import SynapseError
from synapse.language import N_, _, _n, own_language
from synapse.language.formats import moment
from synapse.log.log import Level
from synapse.recurrence.wall_time import wall_of
from synapse.runs.causes import cause_words
from synapse.runs.context import RunContext
from synapse.runs.folders import not_saved
from synapse.runs.lines.lifecycle_log import SOURCE
from synapse.runs.messages import QueueChanged
from synapse.runs.pauses import Pause, PauseTimer

logger = logging.getLogger(__name__)


class QueuePause:
    """Use it on the event loop only. A pause survives a restart; one that is over by then ends at the start."""

    def __init__(self, context: RunContext) -> None:
        self._queue, self._unfinished = context.unfinished.queue, context.unfinished
        self._log, self._bus, self._zone = context.log, context.bus, context.zone
        self._timer = PauseTimer(self._over, self._moved)
        self._is_drained = False
        self._tasks: set[asyncio.Task[None]] = set()
        context.bus.subscribe(QueueChanged, lambda _: self._look())

    def start(self) -> None:
        """Wait for the end of the pause that was saved."""
        self._is_drained = self._unfinished.is_drained
        self._timer.start(self._queue.pause)

    def close(self) -> None:
        self._timer.cancel()

    async def pause(self, pause: Pause) -> None:
        """Start nothing more, instead of any pause before.

        :raises SynapseError: if it could not be saved; it applies all the same until a restart
        """
        before = self._queue.pause
        if before is not None:
            pause = pause.changed(since=before.since)
        self.set(pause)
        if pause != before:
            self._say(self._words_of(pause))
        self._bus.publish(QueueChanged())
        await self.save()

    async def resume(self, why: str) -> None:
        """Start waiting runs again.

        :param why: added to what the log says
        :raises SynapseError: if it could not be saved; it applies all the same until a restart
        """
        if self._queue.pause is not None:
            self.set(None)
            self._say(_('The queue is resumed{why}', why=why))
        self._bus.publish(QueueChanged())
        await self.save()

    def set(self, pause: Pause | None) -> None:
        """Apply a pause at once, without saving or telling it."""
        self._queue.pause = pause
        self._is_drained = False
        self._timer.start(pause)

    async def save(self) -> None:
        """Save pause and order of the queue.

        :raises SynapseError: if the disk refuses
        """
        try:
            await self._queue.save()
        except StorageError as error:
            raise not_saved(_('The change applies now, but a restart would lose it'), error) from error

    def _look(self) -> None:
        """Tell once that a drained queue has nothing left that works."""
        before, self._is_drained = self._is_drained, self._unfinished.is_drained
        if self._is_drained and not before:
            self._say(_('The queue is drained: nothing runs any more, and nothing new starts'))

    def _over(self) -> None:
        self._later(self.resume(': ' + _('its time is over')))

    def _moved(self, until: datetime) -> None:
        """The wall clock was set: a pause for fifteen minutes still takes that long."""
        if self._queue.pause is not None:
            self._queue.pause = self._queue.pause.changed(until=until)
            self._bus.publish(QueueChanged())
            self._later(self.save())

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._safely(work), name='pause of the queue')
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except SynapseError as error:
            logger.warning(N_('the pause of the queue: %s'), error)

    def _say(self, text: str) -> None:
        self._log.append(Level.INFO, text, source=SOURCE)

    def _words_of(self, pause: Pause) -> str:
        until = ''
        if pause.until is not None:
            until = moment('MMMdHm', wall_of(pause.until, self._zone), own_language())
        text = self._drains(until) if pause.is_drain else _paused(until)
        text = _('{text} by {someone}', text=text, someone=cause_words(pause.by)) if pause.by else text
        return _('{text}: {reason}', text=text, reason=cause_words(pause.because)) if pause.because else text

    def _drains(self, until: str) -> str:
        left = sum(run.state.is_live for run in self._unfinished)
        rest = _n('{count} run to finish', '{count} runs to finish', left) if left else _('nothing runs')
        if until:
            return _('The queue drains until {until}, {rest}, and nothing new starts', until=until, rest=rest)
        return _('The queue drains, {rest}, and nothing new starts', rest=rest)


def _paused(until: str) -> str:
    return _('The queue is paused until {until}', until=until) if until else _('The queue is paused')
