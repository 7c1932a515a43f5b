"""Brings what a run says into the log: entries, and raw output that is cut into lines here, also from its spool."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from synapse.engine.pipes import FairShare
from synapse.log.log import Level, Log
from synapse.protocol.lines import ByteLines
from synapse.protocol.long_lines import LONG_LINES, LONGEST, LongLines
from synapse.protocol.messages import Job, Kind
from synapse.protocol.spool_reader import SpoolReader
from synapse.scrubber import Scrubber

SLICE_LINES = 250
SLICE_CHARACTERS = 128 * 1024
"""So much is logged in one go; then others on the loop may have a turn."""
TURN_SECONDS = 0.003
"""And must have one after this: to tell everyone of these lines takes as long again."""
PAUSE_SECONDS = 0.001
"""So long in a flood, since a browser on this machine has something to do as well."""


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines of one source, each with the ISO timestamp of when it was said; `fields` belong to all of them."""

    source: str
    step: str | None
    lines: list[tuple[str, str]]
    fields: Mapping[str, Any] | None = None


Entries = list[Any]
"""Log entries as a host sends them: the `e` of a `Logs`."""


class Cutter:
    """Makes lines of raw output that comes in pieces, whichever streams it is from. Used in one thread at a time."""

    def __init__(self, long_lines: LongLines) -> None:
        self._long_lines = long_lines
        self._open: dict[Any, ByteLines] = {}
        self._last: dict[Any, Mapping[str, Any]] = {}

    def lines(self, message: Mapping[str, Any], data: bytes) -> list[Printed]:
        """What this piece completes; `message` is a `Raw`."""
        stream = message.get('id')
        cut = self._open.setdefault(stream, ByteLines())
        lines = cut.feed(data, _seconds(message.get('at')))
        self._last[stream] = message
        if message.get('last'):
            lines += cut.finish()
        if message.get('last') or data.endswith(b'\n'):
            del self._open[stream], self._last[stream]
        return self._printed(message, lines)

    def rest(self) -> list[Printed]:
        """What was left without a line end."""
        ends = [(self._last[stream], cut.finish()) for stream, cut in self._open.items()]
        self._open, self._last = {}, {}
        return [printed for message, lines in ends for printed in self._printed(message, lines)]

    def is_long(self, message: Mapping[str, Any]) -> bool:
        """Whether this piece may complete a line that has to be kept on disk."""
        cut = self._open.get(message.get('id'))
        return (cut.size if cut else 0) + len(message.get('text') or '') > LONGEST

    def _printed(self, message: Mapping[str, Any], lines: list[str]) -> list[Printed]:
        at, source, step = str(message.get('at')), str(message.get('source')), _text_or_none(message.get('step'))
        long = [place for place, line in enumerate(lines) if len(line) > LONGEST]
        printed = []
        for before, place in pairwise([-1, *long, len(lines)]):
            if between := lines[before + 1 : place]:
                printed.append(Printed(source, step, [(at, line) for line in between]))
            if place < len(lines):
                text, fields = self._long_lines.cut(lines[place])
                printed.append(Printed(source, step, [(at, text)], fields))
        return printed


class Intake:
    """The way of one run's words into the log, in their order. Used on the event loop; files are read in threads.

    A flood waits in the spool and is taken from there as fast as the log can: the run does not wait for it.

    :param folder: of the run
    :param secrets: values that may not stand in the files of the run either
    """

    def __init__(self, log: Log, run_id: str, folder: Path, secrets: Iterable[str] = ()) -> None:
        scrubber = Scrubber()
        scrubber.hide(run_id, secrets)
        self._log, self._run_id = log, run_id
        self._cutter = Cutter(LongLines(folder / LONG_LINES, scrubber.text))
        self._spool = SpoolReader(folder)
        self._finished: tuple[list[Path], int] = ([], 0)
        self._breath = FairShare(TURN_SECONDS)

    @classmethod
    def of_job(cls, log: Log, job: Job) -> 'Intake':
        """That of the run which this job is for."""
        profile = job.get('profile') or {}
        return cls(log, job['id'], Path(job['folder']), (profile.get('secrets') or {}).values())

    async def take(self, message: Mapping[str, Any]) -> None:
        """Log what a message of the host says, of type `logs`, `raw` or `spool`; returns when all of it is."""
        kind = message.get('t')
        if kind == Kind.LOGS:
            await self._say(list(message.get('e') or ()))
        elif kind == Kind.RAW:
            cut = self._cutter.lines
            data = str(message.get('text') or '').encode('latin-1', 'replace')
            is_long = self._cutter.is_long(message)
            for item in await asyncio.to_thread(cut, message, data) if is_long else cut(message, data):
                await self._say(item)
        elif kind == Kind.SPOOL:
            await self._take_spooled((int(message.get('file') or 0), int(message.get('size') or 0)))

    async def take_rest(self) -> None:
        """Log all that is left once the host is gone, also what it could not tell any more, and remove the spool."""
        is_there = await asyncio.to_thread(lambda: self._spool.is_there)
        if is_there:
            await self._take_spooled(None)
        for item in self._cutter.rest():
            await self._say(item)
        if is_there:
            await self._log.saved(self._log.last_seq)
            await asyncio.to_thread(self._spool.remove)

    async def _take_spooled(self, until: tuple[int, int] | None) -> None:
        while not self._spool.has_read(until) and (items := await asyncio.to_thread(self._read, until)):
            for item in items:
                await self._say(item, PAUSE_SECONDS)
            await self._let_go_of_finished()

    def _read(self, until: tuple[int, int] | None) -> list[Printed | Entries]:
        """The next of the spool; never empty before its end."""
        items: list[Printed | Entries] = []
        while not items and (records := self._spool.read(until)):
            for header, data in records:
                if header.get('t') == Kind.LOGS:
                    items.append(list(header.get('e') or ()))
                elif header.get('t') == Kind.RAW:
                    _gather(items, self._cutter.lines(header, data))
        return items

    async def _let_go_of_finished(self) -> None:
        """Remove files of which all entries are on disk: each when the next one is read, so nobody waits for that."""
        if not self._spool.finished:
            return
        paths, seq = self._finished
        self._finished = self._spool.finished, self._log.last_seq
        self._spool.finished = []
        if paths:
            await self._log.saved(seq)
            await asyncio.to_thread(_remove, paths)

    async def _say(self, item: Printed | Entries, pause: float = 0.0) -> None:
        for part in _slices(item):
            self._log_part(part)
            await self._log.room_to_write()
            await self._breath.taken(pause)

    def _log_part(self, part: Printed | Entries) -> None:
        if isinstance(part, list):
            self._log.extend([row for row in map(self._row, part) if row is not None])
        elif part.fields:
            about = {'level': Level.INFO, 'source': part.source, 'run': self._run_id, 'step': part.step}
            rows = [{'timestamp': at, 'message': text, 'fields': part.fields} | about for at, text in part.lines]
            self._log.extend(rows)
        else:
            self._log.append_lines(part.lines, level=Level.INFO, source=part.source, run=self._run_id, step=part.step)

    def _row(self, entry: Any) -> dict[str, Any] | None:
        try:
            time, level, source, message, step, fields = entry
        except (TypeError, ValueError):
            return None
        return {
            'timestamp': str(time),
            'level': str(level),
            'source': str(source),
            'message': str(message),
            'run': self._run_id,
            'step': _text_or_none(step),
            'fields': fields if isinstance(fields, Mapping) else None,
        }


class Recovery(Intake):
    """Takes what a run said before the control room was killed, without what the log has already.

    The moments of one source never go back, so the newest one in the log tells where to go on, and how many lines of
    that very moment it has.
    """

    def __init__(self, log: Log, run_id: str, folder: Path, secrets: Iterable[str] = ()) -> None:
        super().__init__(log, run_id, folder, secrets)
        self._known: dict[str, tuple[str, int]] = {}

    async def _say(self, item: Printed | Entries, pause: float = 0.0) -> None:
        if isinstance(item, list):
            item = [row for row in item if await self._is_new(str(row[2]), str(row[0]))]
        else:
            item = replace(item, lines=[line for line in item.lines if await self._is_new(item.source, line[0])])
        await super()._say(item, pause)

    async def _is_new(self, source: str, at: str) -> bool:
        if source not in self._known:
            self._known[source] = await self._newest(source)
        newest, left = self._known[source]
        if at == newest and left:
            self._known[source] = newest, left - 1
            return False
        return at >= newest

    async def _newest(self, source: str) -> tuple[str, int]:
        """The newest moment that the log has of a source, and how many entries of it."""
        newest = await self._log.query(run=self._run_id, source=source, limit=1)
        if not newest:
            return '', 0
        moment, count = newest[0].timestamp, 0
        async for page in self._log.pages(run=self._run_id, source=source, start=moment):
            count += sum(entry.timestamp == moment for entry in page)
        return moment.isoformat(timespec='microseconds'), count


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _gather(items: list[Printed | Entries], printed: Iterable[Printed]) -> None:
    """Add lines to those of the same source before them, so that they are logged together."""
    for item in printed:
        last = items[-1] if items else None
        is_alike = isinstance(last, Printed) and (last.source, last.step) == (item.source, item.step)
        if isinstance(last, Printed) and is_alike and not last.fields and not item.fields:
            last.lines.extend(item.lines)
        else:
            items.append(item)


def _slices(item: Printed | Entries) -> Iterator[Printed | Entries]:
    if isinstance(item, list):
        yield from (item[place : place + SLICE_LINES] for place in range(0, len(item), SLICE_LINES))
        return
    start = characters = 0
    for place, (_, text) in enumerate(item.lines):
        characters += len(text)
        if place - start >= SLICE_LINES - 1 or characters >= SLICE_CHARACTERS:
            yield replace(item, lines=item.lines[start : place + 1])
            start, characters = place + 1, 0
    if start < len(item.lines):
        yield replace(item, lines=item.lines[start:]) if start else item


def _seconds(at: object) -> float:
    try:
        return datetime.fromisoformat(str(at)).timestamp()
    except ValueError:
        return datetime.now(UTC).timestamp()


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)
