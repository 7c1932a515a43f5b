"""What is kept and for how long, as set on the Settings page: older things are removed in the background.

A removed run leaves a trace, so that the calendar and past figures do not change: see `synapse.runs.history.past`.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from storage.documents import Documents
from storage.files import StorageError
from synapse.language import N_, _, _n, answering_in, joined, own_language, spoken, translated
from synapse.language.formats import listed, number
from synapse.waiting import is_set_within

from .bus import Bus, Message
from .errors import DiskIsFull, Invalid, NotReady, SynapseError
from .log.log import Level, Log
from .log.messages import LinesLogged
from .records import Record, now_utc
from .runs.history.past import PastRuns

log = logging.getLogger(__name__)

FIRST_AFTER = 20.0
"""Seconds from the start to the first cleaning, since a person has other things to wait for then."""
INTERVAL = 3600.0
GREW_LINES = 50_000
"""How many new lines are a reason to check the size of the log before the hour is over."""
GREW_SECONDS = 5.0
MIN_AGE = timedelta(minutes=1)
"""A run that has just ended is kept, however few are: notifications and pages still link to it."""
SPARE = 0.05
"""How much more than necessary is removed from a log that is too large, so that it lasts a while."""

MEGABYTE = 1_000_000
SOURCE = 'retention'
_DOCUMENT = 'retention'


@dataclass(frozen=True, slots=True)
class RetentionChanged(Message):
    """The policy was changed, or a cleaning started, progressed or ended; see `Retention`."""


class RetentionPolicy(Record):
    """How long things are kept; None means forever."""

    model_config = ConfigDict(strict=True)

    log_days: int | None = Field(default=None, ge=1, le=3650)
    log_megabytes: int = Field(default=1_000, ge=10, le=1_000_000)
    """Always limited, since nothing grows faster than the log."""
    run_days: int | None = Field(default=None, ge=1, le=3650)
    run_count: int | None = Field(default=None, ge=1, le=1_000_000)

    @property
    def log_bytes(self) -> int:
        return self.log_megabytes * MEGABYTE

    @property
    def run_log_bytes(self) -> int:
        """How much of the log one run may take, so that a flood leaves the lines of other runs."""
        return self.log_bytes // 4


_KEEP_ALL = RetentionPolicy(log_megabytes=1_000_000)
_LIMITS = {
    'log_days': N_('Between 1 and 3,650 days, or forever.'),
    'log_megabytes': N_('Between 10 and 1,000,000 MB.'),
    'run_days': N_('Between 1 and 3,650 days, or forever.'),
    'run_count': N_('Between 1 and 1,000,000 runs, or all of them.'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionReport:
    """What would be removed, or was: too old, or surplus."""

    old_lines: int = 0
    surplus_lines: int = 0
    """An estimate until they are removed."""
    old_runs: int = 0
    surplus_runs: int = 0
    run_bytes: int = 0
    """The size of their folders; known only once they are removed."""

    @property
    def lines(self) -> int:
        return self.old_lines + self.surplus_lines

    @property
    def runs(self) -> int:
        return self.old_runs + self.surplus_runs

    @property
    def is_empty(self) -> bool:
        return not (self.lines or self.runs or self.run_bytes)

    def plus(self, **counts: int) -> 'RetentionReport':
        return replace(self, **{name: getattr(self, name) + count for name, count in counts.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionFigures:
    """How much is stored; sizes in bytes."""

    lines: int
    log_bytes: int
    oldest_line: datetime | None
    runs: int
    oldest_run: datetime | None


class Retention:
    """Removes what the policy does not keep. Use it on the event loop only.

    :param now: the wall clock
    """

    def __init__(
        self, *, preferences: Documents, log: Log, past: PastRuns, bus: Bus, now: Callable[[], datetime] = now_utc
    ) -> None:
        self.notices: list[str] = []
        self.policy = self._load_policy(preferences)
        self.progress: RetentionReport | None = None
        """What the current cleaning has removed so far; None if there is none."""
        self.last_cleaning: tuple[datetime, RetentionReport] | None = None
        """When the last cleaning since the start began, and what it removed."""
        self._preferences, self._log, self._past, self._bus, self._now = preferences, log, past, bus, now
        self._unreported = RetentionReport()
        self._checked_seq = log.last_seq
        self._wake = asyncio.Event()
        self._is_requested = False
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[RetentionReport] | None = None
        self._measuring: asyncio.Task[int] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Clean for the first time after some seconds, then every hour, and when the log has grown much."""
        for notice in self.notices:
            self._log.append(Level.WARNING, notice, source=SOURCE)
        self._unsubscribe = self._bus.subscribe(LinesLogged, self._lines_logged)
        self._task = asyncio.create_task(self._run(), name='retention')

    async def stop(self) -> None:
        """Stop cleaning; the current removal is complete when this returns, and the next start does the rest."""
        self._past.close()
        if self._unsubscribe is not None:
            self._unsubscribe()
        tasks = [task for task in (self._task, self._cleaning, self._measuring) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- policy -------------------------------------------------------------------------------------------------------

    def checked(self, values: Mapping[str, Any]) -> RetentionPolicy:
        """The policy with these values changed.

        :param values: `log_days`, `log_megabytes`, `run_days`, `run_count`; whole numbers, or None for forever
        :raises Invalid: with a sentence for each invalid value
        """
        try:
            return RetentionPolicy.model_validate(self.policy.model_dump() | dict(values))
        except ValidationError as error:
            wrong = {str(found['loc'][0]) for found in error.errors()}
            limits = {name: translated(text) for name, text in _LIMITS.items()}
            fields = {name: limits.get(name, _('There is no such setting.')) for name in sorted(wrong)}
            raise Invalid(_('This retention is not possible.'), fields) from error

    async def set(self, values: Mapping[str, Any]) -> RetentionPolicy:
        """Change the policy; what it no longer keeps is removed at once, in the background.

        :raises Invalid: see `checked`
        :raises DiskIsFull: if it could not be saved; nothing has changed then
        """
        policy = self.checked(values)
        try:
            await asyncio.to_thread(self._preferences.put, _DOCUMENT, policy.as_json())
        except StorageError as error:
            raise DiskIsFull(_('The retention could not be saved: {error}', error=error)) from error
        self.policy = policy
        with answering_in(own_language()):
            text = _('Kept from now on: {policy}', policy=describe_policy(policy))
        self._log.append(Level.INFO, text, source=SOURCE)
        self._bus.publish(RetentionChanged())
        self._is_requested = True
        self._wake.set()
        return policy

    # -- figures ------------------------------------------------------------------------------------------------------

    @property
    def is_cleaning(self) -> bool:
        return self.progress is not None

    async def figures(self) -> RetentionFigures:
        """How much is stored now."""
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
        """The size of all run folders; takes a while if there are many, and is measured once for all callers."""
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._past.bytes_on_disk(), name='run folders')
        return await asyncio.shield(self._measuring)

    async def preview(self, values: Mapping[str, Any] | None = None) -> RetentionReport:
        """What would be removed with these values changed, see `checked`; the surplus is an estimate.

        :raises Invalid: see `checked`
        """
        policy = self.checked(values or {})
        old_lines, surplus_lines = await self._lines_to_go(policy)
        by_age, by_count = await self._run_limits(policy)
        old_runs = await self._past.count_before(by_age) if by_age else 0
        latest = max(filter(None, (by_age, by_count)), default=None)
        runs = await self._past.count_before(latest) if latest else 0
        return RetentionReport(
            old_lines=old_lines, surplus_lines=surplus_lines, old_runs=old_runs, surplus_runs=max(0, runs - old_runs)
        )

    async def clean_now(self) -> RetentionReport:
        """Clean at once, or join the current cleaning; returns what was removed.

        :raises SynapseError: if the disk refuses
        """
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._clean(), name='cleaning')
        try:
            return await asyncio.shield(self._cleaning)
        except StorageError as error:
            hint = _('Check the disk of the data folder; cleaning is retried within the hour.')
            raise NotReady(
                'not_cleaned', _('Not everything old could be removed: {error}', error=error), hint
            ) from error

    # -- cleaning -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time() + FIRST_AFTER
        while True:
            await is_set_within(self._wake, max(0.0, next_at - loop.time()))
            self._wake.clear()
            if self._is_requested or loop.time() >= next_at:
                self._is_requested, next_at = False, loop.time() + INTERVAL
                await self._safely(self.clean_now)
            else:
                await self._safely(self._keep_log_small)
                await asyncio.sleep(GREW_SECONDS)

    async def _safely(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except (SynapseError, StorageError) as error:
            self._log.append(Level.WARNING, joined(spoken(error), getattr(error, 'hint', '')), source=SOURCE)
        except Exception:  # the edge of a background task
            log.exception(_('cleaning up failed'))

    def _lines_logged(self, _: LinesLogged) -> None:
        if self._log.last_seq - self._checked_seq >= GREW_LINES:
            self._checked_seq = self._log.last_seq
            self._wake.set()

    async def _keep_log_small(self) -> None:
        """Trim the log; in a flood this happens every few seconds, so the next cleaning reports it."""
        async with self._lock:
            removed = await self._trim_log(self.policy)
            self._unreported = self._unreported.plus(surplus_lines=removed)

    async def _clean(self) -> RetentionReport:
        async with self._lock:
            policy, now = self.policy, self._now()
            self.progress, self._unreported = self._unreported, RetentionReport()
            self._bus.publish(RetentionChanged())
            try:
                await self._clean_log(policy)
                await self._clean_runs(policy, now)
            finally:
                report, self.progress = self.progress or RetentionReport(), None
                self.last_cleaning = (now, report)
                self._log_report(policy, report)
                self._bus.publish(RetentionChanged())
            return report

    async def _clean_log(self, policy: RetentionPolicy) -> None:
        if policy.log_days is not None:
            self._count(old_lines=await self._log.retain(max_age=timedelta(days=policy.log_days), max_bytes=None))
        self._count(surplus_lines=await self._trim_log(policy))

    async def _trim_log(self, policy: RetentionPolicy) -> int:
        if await self._log.size() <= policy.log_bytes:
            return 0
        return await self._log.retain(max_age=None, max_bytes=int(policy.log_bytes * (1 - SPARE)))

    async def _clean_runs(self, policy: RetentionPolicy, now: datetime) -> None:
        by_age, by_count = await self._run_limits(policy)
        self._count(run_bytes=await self._past.sweep())
        for name, until in (('old_runs', by_age), ('surplus_runs', by_count)):
            if until is not None:
                async for some in self._past.remove_before(until, at=now):
                    self._count(**{name: some.runs, 'run_bytes': some.bytes})

    async def _run_limits(self, policy: RetentionPolicy) -> tuple[datetime | None, datetime | None]:
        """The moments before which runs must have ended to be too old, or surplus.

        The last one is always kept: without any run the dashboard would greet its owner as a new user.
        """
        now = self._now()
        last = await self._past.end_of_newest(1)
        if last is None:
            return None, None
        by_count = await self._past.end_of_newest(policy.run_count) if policy.run_count is not None else None
        by_age = min(last, now - timedelta(days=policy.run_days)) if policy.run_days is not None else None
        return by_age, min(by_count, now - MIN_AGE) if by_count is not None else None

    async def _lines_to_go(self, policy: RetentionPolicy) -> tuple[int, int]:
        total, size = self._log.counters.total, await self._log.size()
        old = await self._count_older(timedelta(days=policy.log_days)) if policy.log_days is not None else 0
        left = total - old
        size_left = size * left // max(1, total)
        if size_left <= policy.log_bytes:
            return old, 0
        return old, int(left * (1 - policy.log_bytes * (1 - SPARE) / size_left))

    async def _count_older(self, age: timedelta) -> int:
        """How many lines precede the first one that is recent enough: they are removed in order, without gaps."""
        oldest = await self._log.query(limit=1, oldest_first=True)
        young = await self._log.query(start=now_utc() - age, limit=1, oldest_first=True)
        end = young[0].seq if young else self._log.last_seq + 1
        return end - oldest[0].seq if oldest else 0

    def _count(self, **removed: int) -> None:
        self.progress = (self.progress or RetentionReport()).plus(**removed)
        self._bus.publish(RetentionChanged())

    def _log_report(self, policy: RetentionPolicy, report: RetentionReport) -> None:
        if not report.is_empty:
            fields = {'lines': report.lines, 'runs': report.runs, 'bytes': report.run_bytes}
            with answering_in(own_language()):
                text = _('Removed {removed}.', removed=describe_report(report, policy))
            self._log.append(Level.INFO, text, source=SOURCE, fields=fields)

    def _load_policy(self, preferences: Documents) -> RetentionPolicy:
        """The saved policy; if it cannot be read, everything is kept until it is set again."""
        document = preferences.get(_DOCUMENT)
        if document is None:
            return RetentionPolicy()
        try:
            return RetentionPolicy.model_validate(document)
        except ValidationError:
            self.notices.append(
                _('The retention could not be read, so everything is kept. Set it on the Settings page.')
            )
            return _KEEP_ALL


def describe_policy(policy: RetentionPolicy) -> str:
    """`log lines of 30 days, up to 1,000 MB; all runs`."""
    return _('{lines}; {runs}', lines=_lines_kept(policy), runs=_runs_kept(policy))


def _lines_kept(policy: RetentionPolicy) -> str:
    size = number(policy.log_megabytes)
    if policy.log_days is None:
        return _('log lines, up to {size} MB', size=size)
    return _('log lines of {days}, up to {size} MB', days=_days(policy.log_days), size=size)


def _runs_kept(policy: RetentionPolicy) -> str:
    days = _days(policy.run_days) if policy.run_days is not None else ''
    count = number(policy.run_count) if policy.run_count is not None else ''
    if days and count:
        return _('runs of {days}, at most {number}', days=days, number=count)
    if days:
        return _('runs of {days}', days=days)
    return _('runs at most {number}', number=count) if count else _('all runs')


def describe_report(report: RetentionReport, policy: RetentionPolicy, *, is_ahead: bool = False) -> str:
    """What was removed and why, such as `412,000 log lines older than 7 days and 3 runs beyond the newest 50`.

    :param is_ahead: it is not removed yet, so that some of it is an estimate
    """
    parts: list[str] = []
    if count := report.old_lines:
        days = _days(policy.log_days)
        parts.append(_n('{count} log line older than {days}', '{count} log lines older than {days}', count, days=days))
    if report.surplus_lines:
        parts.append(_surplus_words(report.surplus_lines, number(policy.log_megabytes), is_ahead=is_ahead))
    if count := report.old_runs:
        parts.append(
            _n(
                '{count} run that ended more than {days} ago',
                '{count} runs that ended more than {days} ago',
                count,
                days=_days(policy.run_days),
            )
        )
    if count := report.surplus_runs:
        words = {'newest': number(policy.run_count or 0)}
        parts.append(
            _n(
                '{count} run beyond the newest {newest}',
                '{count} runs beyond the newest {newest}',
                count,
                **words,
            )
        )
    if report.run_bytes:
        size = number(report.run_bytes / MEGABYTE, digits=1)
        with_them = _('with them {size} MB of files', size=size)
        parts.append(with_them if report.runs else _('{size} MB of files of runs removed before', size=size))
    return listed(parts) if parts else _('nothing')


def _surplus_words(count: int, size: str, *, is_ahead: bool) -> str:
    if is_ahead:
        return _n(
            'about {count} log line beyond {size} MB', 'about {count} log lines beyond {size} MB', count, size=size
        )
    return _n('{count} log line beyond {size} MB', '{count} log lines beyond {size} MB', count, size=size)


def _days(days: int | None) -> str:
    return _n('{count} day', '{count} days', days or 0)
