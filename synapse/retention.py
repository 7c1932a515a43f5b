"""What is kept and for how long, as the Settings page says: what is older goes in the background, a little at a time.

A run that went leaves a trace, so that the calendar and the figures of the past stay as they were: `synapse.runs.past`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from storage.documents import Documents
from storage.files import StorageError

from .bus import Bus, Message
from .errors import DiskIsFull, Invalid, NotReady, SynapseError
from .log.log import Level, Log
from .log.messages import LinesLogged
from .records import Record, now_utc
from .runs.past import PastRuns

log = logging.getLogger(__name__)

FIRST_AFTER = 20.0
"""Seconds from the start to the first look, when a person has other things to wait for."""
EVERY = 3600.0
GREW_LINES = 50_000
"""So many new lines are a reason to look at the size of the log before the hour is over."""
GREW_SECONDS = 5.0
SETTLED = timedelta(minutes=1)
"""A run that has just ended stays, however few are kept: its notices and pages still lead to it."""
SPARE = 0.05
"""Once the log is too large, so much more than needed goes, lest it be too large again a moment later."""

MEGABYTE = 1_000_000
SOURCE = 'retention'
_DOCUMENT = 'retention'


@dataclass(frozen=True, slots=True)
class RetentionChanged(Message):
    """What is to be kept was set anew, or old things are being removed, or were; ask `Retention`."""


class RetentionPolicy(Record):
    """How long things are kept; None means for ever."""

    model_config = ConfigDict(strict=True)

    log_days: int | None = Field(default=None, ge=1, le=3650)
    log_megabytes: int = Field(default=1_000, ge=10, le=1_000_000)
    """Always limited: of all that grows the log grows fastest."""
    run_days: int | None = Field(default=None, ge=1, le=3650)
    run_count: int | None = Field(default=None, ge=1, le=1_000_000)

    @property
    def log_bytes(self) -> int:
        return self.log_megabytes * MEGABYTE


_KEEP_ALL = RetentionPolicy(log_megabytes=1_000_000)
_LIMITS = {
    'log_days': 'Between 1 and 3,650 days, or for ever.',
    'log_megabytes': 'Between 10 and 1,000,000 MB.',
    'run_days': 'Between 1 and 3,650 days, or for ever.',
    'run_count': 'Between 1 and 1,000,000 runs, or all of them.',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionReport:
    """What would go, or what went: too old, or too much."""

    old_lines: int = 0
    surplus_lines: int = 0
    """An estimate as long as it has not gone."""
    old_runs: int = 0
    surplus_runs: int = 0
    run_bytes: int = 0
    """What their folders had to themselves; known only once they went."""

    @property
    def lines(self) -> int:
        return self.old_lines + self.surplus_lines

    @property
    def runs(self) -> int:
        return self.old_runs + self.surplus_runs

    @property
    def is_anything(self) -> bool:
        return bool(self.lines or self.runs or self.run_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFigures:
    """How much there is; sizes in bytes."""

    lines: int
    log_bytes: int
    oldest_line: datetime | None
    runs: int
    oldest_run: datetime | None


@dataclass(slots=True)
class _Work:
    """A cleaning under way."""

    gone: RetentionReport = field(default_factory=RetentionReport)

    def add(self, **more: int) -> None:
        self.gone = replace(self.gone, **{name: getattr(self.gone, name) + count for name, count in more.items()})


class Retention:
    """Use it on the event loop only.

    :param now: the wall clock; tests move it
    """

    def __init__(
        self, *, preferences: Documents, log: Log, past: PastRuns, bus: Bus, now: Callable[[], datetime] = now_utc
    ) -> None:
        self.notices: list[str] = []
        self.keep = self._kept(preferences)
        self.gone: RetentionReport | None = None
        """What has gone so far in the cleaning under way; None while there is none."""
        self.last: tuple[datetime, RetentionReport] | None = None
        """When the last cleaning of this start ended, and what went in it."""
        self._preferences, self._log, self._past, self._bus, self._now = preferences, log, past, bus, now
        self._untold = RetentionReport()
        self._looked_at = log.last_seq
        self._wake = asyncio.Event()
        self._is_due = False
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[RetentionReport] | None = None
        self._measuring: asyncio.Task[int] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Look for the first time after some seconds, then every hour, and when the log has grown much."""
        for notice in self.notices:
            self._log.append(Level.WARNING, notice, source=SOURCE)
        self._unsubscribe = self._bus.subscribe(LinesLogged, self._lines_logged)
        self._task = asyncio.create_task(self._keep_up(), name='retention')

    async def stop(self) -> None:
        """Leave the rest for the next start; what is being removed at this moment is through when this returns."""
        self._past.close()
        if self._unsubscribe is not None:
            self._unsubscribe()
        tasks = [task for task in (self._task, self._cleaning, self._measuring) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- set ----------------------------------------------------------------------------------------------------------

    def checked(self, values: Mapping[str, Any]) -> RetentionPolicy:
        """What would be kept with these values changed.

        :param values: `log_days`, `log_megabytes`, `run_days`, `run_count`; whole numbers, or None for ever
        :raises Invalid: with a sentence for each that does not fit
        """
        try:
            return RetentionPolicy.model_validate(self.keep.model_dump() | dict(values))
        except ValidationError as error:
            wrong = {str(found['loc'][0]) for found in error.errors()}
            fields = {name: _LIMITS.get(name, 'There is no such setting.') for name in sorted(wrong)}
            raise Invalid('That is not how long something can be kept.', fields) from error

    async def set(self, values: Mapping[str, Any]) -> RetentionPolicy:
        """Keep this from now on; what is to go then goes at once, in the background.

        :raises Invalid: see `checked`
        :raises DiskIsFull: if it could not be kept; then nothing has changed
        """
        keep = self.checked(values)
        try:
            await asyncio.to_thread(self._preferences.put, _DOCUMENT, keep.as_json())
        except StorageError as error:
            raise DiskIsFull(f'What is to be kept could not be saved: {error}') from error
        self.keep = keep
        self._log.append(Level.INFO, f'From now on are kept: {in_words(keep)}', source=SOURCE)
        self._bus.publish(RetentionChanged())
        self._is_due = True
        self._wake.set()
        return keep

    # -- asked --------------------------------------------------------------------------------------------------------

    @property
    def is_cleaning(self) -> bool:
        return self.gone is not None

    async def figures(self) -> RetentionFigures:
        """How much there is now."""
        span = await self._log.span()
        runs, oldest = await self._past.ended()
        return RetentionFigures(
            lines=self._log.counters.total,
            log_bytes=await self._log.size(),
            oldest_line=span[0] if span else None,
            runs=runs,
            oldest_run=oldest,
        )

    async def run_bytes(self) -> int:
        """What the folders of runs take on the disk; a while where there are many, and once for all who ask."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._past.bytes_on_disk(), name='run folders')
        return await asyncio.shield(self._measuring)

    async def would_go(self, values: Mapping[str, Any] | None = None) -> RetentionReport:
        """What would go with these values changed, see `checked`; of what is too much an estimate.

        :raises Invalid: see `checked`
        """
        keep = self.checked(values or {})
        old_lines, surplus_lines = await self._lines_to_go(keep)
        by_age, by_count = await self._run_limits(keep)
        old_runs = await self._past.count_before(by_age) if by_age else 0
        latest = max(filter(None, (by_age, by_count)), default=None)
        runs = await self._past.count_before(latest) if latest else 0
        return RetentionReport(
            old_lines=old_lines, surplus_lines=surplus_lines, old_runs=old_runs, surplus_runs=max(0, runs - old_runs)
        )

    async def clean_now(self) -> RetentionReport:
        """Do at once what would be done within the hour; gives what went, also if it was under way already.

        :raises SynapseError: if the disk refuses
        """
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._clean(), name='cleaning')
        try:
            return await asyncio.shield(self._cleaning)
        except StorageError as error:
            hint = 'Look at the disk of the data folder; it is tried again within the hour.'
            raise NotReady('not_cleaned', f'Not all that is old could be removed: {error}', hint) from error

    # -- done ---------------------------------------------------------------------------------------------------------

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time() + FIRST_AFTER
        while True:
            with contextlib.suppress(TimeoutError):
                # Not `wait_for`: in Python 3.11 it drops a cancellation that comes as it is woken.
                async with asyncio.timeout(max(0.0, next_at - loop.time())):
                    await self._wake.wait()
            self._wake.clear()
            if self._is_due or loop.time() >= next_at:
                self._is_due, next_at = False, loop.time() + EVERY
                await self._safely(self.clean_now)
            else:
                await self._safely(self._keep_log_small)
                await asyncio.sleep(GREW_SECONDS)

    async def _safely(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except (SynapseError, StorageError) as error:
            self._log.append(Level.WARNING, f'{error} {getattr(error, "hint", "")}'.strip(), source=SOURCE)
        except Exception:  # the edge of a background task
            log.exception('what is old could not be removed')

    def _lines_logged(self, _: LinesLogged) -> None:
        if self._log.last_seq - self._looked_at >= GREW_LINES:
            self._looked_at = self._log.last_seq
            self._wake.set()

    async def _keep_log_small(self) -> None:
        """In a flood this happens every few seconds: it is told with what the next hour brings."""
        async with self._one_at_a_time:
            gone = await self._trim_log(self.keep)
            self._untold = replace(self._untold, surplus_lines=self._untold.surplus_lines + gone)

    async def _clean(self) -> RetentionReport:
        async with self._one_at_a_time:
            return await self._clean_all()

    async def _clean_all(self) -> RetentionReport:
        work = _Work(self._untold)
        self._untold = RetentionReport()
        self._show(work)
        keep, now = self.keep, self._now()
        try:
            await self._clean_log(keep, work)
            await self._clean_runs(keep, work, now)
        finally:
            self.gone, self.last = None, (now, work.gone)
            self._say(keep, work.gone)
            self._bus.publish(RetentionChanged())
        return work.gone

    async def _clean_log(self, keep: RetentionPolicy, work: _Work) -> None:
        if keep.log_days is not None:
            work.add(old_lines=await self._log.retain(max_age=timedelta(days=keep.log_days), max_bytes=None))
            self._show(work)
        work.add(surplus_lines=await self._trim_log(keep))
        self._show(work)

    async def _trim_log(self, keep: RetentionPolicy) -> int:
        if await self._log.size() <= keep.log_bytes:
            return 0
        return await self._log.retain(max_age=None, max_bytes=int(keep.log_bytes * (1 - SPARE)))

    async def _clean_runs(self, keep: RetentionPolicy, work: _Work, now: datetime) -> None:
        by_age, by_count = await self._run_limits(keep)
        work.add(run_bytes=await self._past.sweep())
        for name, until in (('old_runs', by_age), ('surplus_runs', by_count)):
            if until is not None:
                async for some in self._past.forget_before(until, at=now):
                    work.add(**{name: some.runs, 'run_bytes': some.bytes})
                    self._show(work)

    async def _run_limits(self, keep: RetentionPolicy) -> tuple[datetime | None, datetime | None]:
        """The moments before which runs must have ended to be too old, or too many.

        The last one always stays: without any run the dashboard would greet its owner like a stranger.
        """
        now = self._now()
        last = await self._past.end_of_newest(1)
        if last is None:
            return None, None
        by_count = await self._past.end_of_newest(keep.run_count) if keep.run_count is not None else None
        by_age = min(last, now - timedelta(days=keep.run_days)) if keep.run_days is not None else None
        return by_age, min(by_count, now - SETTLED) if by_count is not None else None

    async def _lines_to_go(self, keep: RetentionPolicy) -> tuple[int, int]:
        total, size = self._log.counters.total, await self._log.size()
        old = await self._count_older(timedelta(days=keep.log_days)) if keep.log_days is not None else 0
        left = total - old
        size_left = size * left // max(1, total)
        if size_left <= keep.log_bytes:
            return old, 0
        return old, int(left * (1 - keep.log_bytes * (1 - SPARE) / size_left))

    async def _count_older(self, age: timedelta) -> int:
        """How many lines come before the first one that is not too old: they go in their order, without a gap."""
        oldest = await self._log.query(limit=1, oldest_first=True)
        young = await self._log.query(start=now_utc() - age, limit=1, oldest_first=True)
        end = young[0].seq if young else self._log.last_seq + 1
        return end - oldest[0].seq if oldest else 0

    def _show(self, work: _Work) -> None:
        self.gone = work.gone
        self._bus.publish(RetentionChanged())

    def _say(self, keep: RetentionPolicy, gone: RetentionReport) -> None:
        if gone.is_anything:
            fields = {
                'lines': gone.lines,
                'runs': gone.runs,
                'bytes': gone.run_bytes,
            }
            self._log.append(Level.INFO, f'Removed {what_went(gone, keep)}.', source=SOURCE, fields=fields)

    def _kept(self, preferences: Documents) -> RetentionPolicy:
        """What was set. What cannot be read is a reason to keep everything, until somebody sets it again."""
        document = preferences.get(_DOCUMENT)
        if document is None:
            return RetentionPolicy()
        try:
            return RetentionPolicy.model_validate(document)
        except ValidationError:
            self.notices.append('How long things are kept could not be read: all is kept. Set it on the Settings page.')
            return _KEEP_ALL


def in_words(keep: RetentionPolicy) -> str:
    """`log lines of 30 days, up to 1,000 MB; all runs`."""
    days = f'log lines of {_days(keep.log_days)}' if keep.log_days is not None else 'log lines'
    runs = [f'of {_days(keep.run_days)}'] if keep.run_days is not None else []
    runs += [f'at most {keep.run_count:,}'] if keep.run_count is not None else []
    return f'{days}, up to {keep.log_megabytes:,} MB; ' + (f'runs {", ".join(runs)}' if runs else 'all runs')


def what_went(gone: RetentionReport, keep: RetentionPolicy, *, is_ahead: bool = False) -> str:
    """What went and why, such as `412,000 log lines older than 7 days and 3 runs beyond the newest 50`.

    :param is_ahead: it has not gone yet, so that some of it is an estimate
    """
    about = 'about ' if is_ahead else ''
    parts = []
    if gone.old_lines:
        parts.append(f'{many(gone.old_lines, "log line")} older than {_days(keep.log_days)}')
    if gone.surplus_lines:
        parts.append(f'{about}{many(gone.surplus_lines, "log line")} beyond {keep.log_megabytes:,} MB')
    if gone.old_runs:
        parts.append(f'{many(gone.old_runs, "run")} that ended more than {_days(keep.run_days)} ago')
    if gone.surplus_runs:
        parts.append(f'{many(gone.surplus_runs, "run")} beyond the newest {keep.run_count:,}')
    if gone.run_bytes:
        size = f'{gone.run_bytes / MEGABYTE:,.1f} MB of files'
        parts.append(f'with them {size}' if gone.runs else f'{size} of runs that went before')
    return ', '.join(parts[:-1]) + f' and {parts[-1]}' if len(parts) > 1 else parts[0] if parts else 'nothing'


def many(count: int, what: str) -> str:
    """`1 line`, `412,000 lines`."""
    return f'{count:,} {what}{"" if count == 1 else "s"}'


def _days(days: int | None) -> str:
    return many(days or 0, 'day')
