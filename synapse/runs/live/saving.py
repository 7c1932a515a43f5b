"""A live run in memory and on disk: each change of its state is saved before anyone sees it."""

import asyncio
from collections.abc import Callable, Sequence

from storage.files import DiskFull, StorageError
from synapse.language import _, spoken
from synapse.log.log import Level
from synapse.runs.context import RunContext
from synapse.runs.lines.lifecycle_log import LifecycleLog
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.waiting import Throttle

PROGRESS_SECONDS = 0.05
"""Mere progress of a run is published at most once in this time."""
SAVE_AGAIN_SECONDS = 2.0
MOST_UNSAVED = 100
"""The most changes that share a save; a host that reports more has to wait."""

Rule = Callable[[RunRecord], RunRecord]
OnSaved = Callable[[RunRecord], None]


class SavedRun:
    """Saves each change, then logs it, then publishes it. Changes that come during a save share the next one.

    :param with_flags: returns a record with what is not part of the state and never waits for the disk
    """

    def __init__(self, run: RunRecord, context: RunContext, with_flags: Rule) -> None:
        self.run = run
        """As it is shown: what is still being saved is not in it."""
        self._store, self._bus, self._with_flags = context.store, context.bus, with_flags
        self._lifecycle = LifecycleLog(context.log)
        self._unsaved: list[tuple[RunRecord, OnSaved | None]] = []
        self._newest: RunRecord | None = None
        self._saving: asyncio.Task[None] | None = None
        self._publish_progress = Throttle(
            PROGRESS_SECONDS, lambda: self._bus.publish(RunChanged(self.run, moved=False))
        )
        self._is_disk_failure_logged = False

    @property
    def newest(self) -> RunRecord:
        """The run with the changes that are still being saved."""
        return self._newest or self.run

    @property
    def is_saving(self) -> bool:
        return self._saving is not None

    async def move(self, rule: Rule, *, on_saved: OnSaved | None = None) -> None:
        """Apply a rule: save the result, call `on_saved` to log it, then publish it."""
        await self.move_soon(rule, on_saved=on_saved)
        await self.shown()

    async def move_soon(self, rule: Rule, *, on_saved: OnSaved | None = None) -> None:
        """As `move`, but don't wait for it, unless very much is unsaved."""
        after = rule(self.newest)
        if after is self.newest:
            return
        self._newest = after
        self._unsaved.append((after, on_saved))
        if self._saving is None:
            self._saving = asyncio.create_task(self._save_all(), name=f'saves of run {after.id}')
        if len(self._unsaved) >= MOST_UNSAVED:
            await self.shown()

    async def shown(self) -> None:
        """Wait until every change is saved, logged and published."""
        while self._saving is not None:
            await asyncio.shield(self._saving)

    def show_flags(self) -> None:
        """Publish the flags at once, even while a change of state is being saved."""
        self.run = self._with_flags(self.run)
        self._bus.publish(RunChanged(self.run))

    def show_progress(self, run: RunRecord) -> None:
        """Publish soon what is saved with the next change only."""
        self.run = run
        self._publish_progress()

    def close(self) -> None:
        """Give up what is unsaved."""
        if self._saving is not None:
            self._saving.cancel()

    async def _save_all(self) -> None:
        try:
            while self._unsaved:
                moves, self._unsaved = self._unsaved, []
                await self._save(moves[-1][0])
                self._show(moves)
        finally:
            self._unsaved, self._newest, self._saving = [], None, None

    def _show(self, moves: Sequence[tuple[RunRecord, OnSaved | None]]) -> None:
        for run, on_saved in moves:
            if on_saved is not None:
                on_saved(run)
            self.run = self._with_flags(run)
        self._publish_progress.cancel()
        self._bus.publish(RunChanged(self.run))

    async def _save(self, run: RunRecord) -> None:
        """Save it, and wait while the disk is full: the work of a run is not thrown away for that."""
        while True:
            try:
                await self._store.group.commit(self._store.save, run.as_document())
                return
            except StorageError as error:
                self._log_disk_failure(error)
                await asyncio.sleep(SAVE_AGAIN_SECONDS)

    def _log_disk_failure(self, error: StorageError) -> None:
        if not self._is_disk_failure_logged:
            self._is_disk_failure_logged = True
            why = _('No room is left on the disk') if isinstance(error, DiskFull) else spoken(error)
            text = _('{why}: run #{number} waits until it can be saved', why=why, number=self.run.number)
            self._lifecycle.write(self.run, text, level=Level.ERROR)
