"""Logs the output of a run: its entries, and raw output, from pipe or spool, which is cut into lines here."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from synapse.engine.pipes import FairShare
from synapse.log.log import Entry, Level, Log
from synapse.protocol.lines import ByteLines
from synapse.protocol.long_lines import LONG_LINES, LONGEST, LongLines
from synapse.protocol.messages import Job, Kind
from synapse.protocol.screen_row import LiveRow
from synapse.protocol.spool import ECHO
from synapse.protocol.spool_reader import SpoolReader
from synapse.records import now_utc
from synapse.runs.records import Cut
from synapse.scrubber import Scrubber, secret_values
from synapse.waiting import Timer

from .lifecycle_log import SOURCE
from .log_limit import RUN_BYTES, Entries, Piece, RunLimit
from .tracebacks import Printed, Tracebacks

P = ParamSpec('P')
T = TypeVar('T')

SLICE_LINES = 250
SLICE_CHARACTERS = 128 * 1024
"""The most to log in one go; then other tasks on the loop may have a turn."""
TURN_SECONDS = 0.003
"""The longest they wait for one; publishing these lines then takes as long again."""
ROWS_SECONDS = 0.1
"""How old an unfinished row is when it is shown, and how often it is drawn again."""
HOLD_SECONDS = 0.1
PAUSE_SECONDS = 0.001
"""How long to pause between slices of a flood, since a browser on this machine needs the processor too."""


OnRows = Callable[[Sequence[Entry]], object]


class Cutter:
    """Cuts the raw output of several streams, which arrives in pieces, into lines. Use it in one thread at a time."""

    def __init__(self, long_lines: LongLines) -> None:
        self._long_lines = long_lines
        self._open: dict[Any, ByteLines] = {}
        self._last: dict[Any, Mapping[str, Any]] = {}
        """The message that each of these was last written by."""

    def lines(self, message: Mapping[str, Any], data: bytes) -> list[Printed]:
        """Return the lines that this piece completes; `message` is a `Raw`."""
        stream = message.get('id')
        cut, now = self._open.get(stream) or ByteLines(), _seconds(message.get('at'))
        settled = self._settled(stream, cut, now)
        lines = cut.feed(data, now)
        if message.get('last'):
            lines += cut.finish()
        if message.get('last') or cut.is_idle:
            self._open.pop(stream, None)
            self._last.pop(stream, None)
        else:
            self._open[stream], self._last[stream] = cut, message
        return [*settled, *self._printed(message, lines)]

    def settled(self, now: float) -> list[Printed]:
        """Return the lines of redrawn rows that have been left alone for long enough."""
        return [printed for stream, cut in self._open.items() for printed in self._settled(stream, cut, now)]

    def _settled(self, stream: Any, cut: ByteLines, now: float) -> list[Printed]:
        # With the time when they were last written: the same whether they are noticed now or by the next piece.
        due = cut.due
        return self._printed(self._last[stream], cut.settle(now)) if due is not None and due <= now else []

    @property
    def due(self) -> float | None:
        """When `settled` will return something if nothing more is printed."""
        return min((due for cut in self._open.values() if (due := cut.due) is not None), default=None)

    @property
    def has_rows(self) -> bool:
        return bool(self._open)

    def rows(self) -> Iterator[tuple[Mapping[str, Any], LiveRow]]:
        """Yield the rows that are not complete, each with the `Raw` by which its stream was last written."""
        for stream, cut in self._open.items():
            for row in cut.rows:
                yield self._last[stream], row

    def rest(self) -> list[Printed]:
        """Return what is left without a line end."""
        ends = [(self._last[stream], cut.finish()) for stream, cut in self._open.items()]
        self._open, self._last = {}, {}
        return [printed for message, lines in ends for printed in self._printed(message, lines)]

    def is_long(self, message: Mapping[str, Any]) -> bool:
        """Whether this piece may complete a line so long that it is saved to a file."""
        cut = self._open.get(message.get('id'))
        return (cut.size if cut else 0) + len(message.get('text') or '') > LONGEST

    def _printed(self, message: Mapping[str, Any], lines: list[str]) -> list[Printed]:
        stream = message.get('id')
        at, source, step = str(message.get('at')), str(message.get('source')), _text_or_none(message.get('step'))
        long = [place for place, line in enumerate(lines) if len(line) > LONGEST]
        printed = []
        for before, place in pairwise([-1, *long, len(lines)]):
            if between := lines[before + 1 : place]:
                printed.append(Printed(source, step, [(at, line) for line in between], stream=stream))
            if place < len(lines):
                text, fields = self._long_lines.cut(lines[place])
                printed.append(Printed(source, step, [(at, text)], fields, stream=stream))
        return printed


class Intake:
    """Logs what one run prints, in order. Use it on the event loop; files are read in threads.

    A flood waits in the spool and is read from there as fast as the log can take it: the run does not wait.

    What is not a line yet is shown by `Log.redraw` after 100 ms, and then again at most every 100 ms.

    :param folder: of the run
    :param secrets: values to hide in the files of the run too
    :param on_rows: called with the rows that are redrawn, whenever they are shown
    :param most_bytes: how much of the log this run may take; what it prints beyond that is skipped
    """

    hold_seconds: float | None = HOLD_SECONDS
    """How long lines wait for the rest of their traceback; None until `finish`."""

    def __init__(
        self,
        log: Log,
        run_id: str,
        folder: Path,
        secrets: Iterable[str] = (),
        on_rows: OnRows = lambda rows: None,
        *,
        most_bytes: int = RUN_BYTES,
    ) -> None:
        scrubber = Scrubber()
        scrubber.hide(run_id, secrets)
        self._log, self._run_id = log, run_id
        self._limit = RunLimit(most_bytes)
        long_lines = LongLines(folder / LONG_LINES, scrubber.text)
        self._cutter = Cutter(long_lines)
        self._spool = SpoolReader(folder)
        self._finished: tuple[list[Path], int] = ([], 0)
        self._on_rows, self._rows_due = on_rows, Timer()
        self._shown: list[Entry] = []
        self._is_cutting = False
        """Whether a thread is: then the rows have to wait."""
        self._fair_share = FairShare(TURN_SECONDS)
        self._tracebacks = Tracebacks(long_lines)
        self._release: asyncio.TimerHandle | None = None

    @classmethod
    def of_job(
        cls, log: Log, job: Job, on_rows: OnRows = lambda rows: None, *, most_bytes: int = RUN_BYTES
    ) -> 'Intake':
        profile = job.get('profile') or {}
        hidden = [*secret_values(profile.get('secrets') or {}), *job.get('secrets', ())]
        return cls(log, job['id'], Path(job['folder']), hidden, on_rows, most_bytes=most_bytes)

    @property
    def cut(self) -> Cut:
        """What was printed beyond the limit, and is not logged."""
        return self._limit.cut

    async def take(self, message: Mapping[str, Any]) -> None:
        """Log what a message of kind `logs`, `raw` or `spool` holds; returns when all of it is logged."""
        kind, seq = message.get('t'), self._log.last_seq
        if kind == Kind.LOGS:
            await self._take_item(list(message.get('e') or ()))
        elif kind == Kind.RAW:
            await self._take_raw(message, str(message.get('text') or '').encode('latin-1', 'replace'))
            self._follow_rows(seq)
        elif kind == Kind.SPOOL:
            await self._take_spooled((int(message.get('file') or 0), int(message.get('size') or 0)))
            self._follow_rows(seq)

    async def _take_raw(self, message: Mapping[str, Any], data: bytes) -> None:
        if self._limit.is_reached:
            await self._take_item(Piece.of(message, data))
            return
        for item in await self._cut(message, data):
            await self._take_item(item)

    async def _cut(self, message: Mapping[str, Any], data: bytes) -> list[Printed]:
        is_long = len(data) > LONGEST or self._cutter.is_long(message)
        cut = self._cutter.lines
        return await self._in_thread(cut, message, data) if is_long else cut(message, data)

    async def take_line(self, line: str, step: str | None, level: Level = Level.INFO) -> None:
        """Log a line that came past the channel."""
        at = now_utc().isoformat(timespec='microseconds')
        await self._take_item(Printed('stderr', step, [(at, line)], level=level))

    async def finish(self) -> None:
        """Once the host is gone, log what is left, also in the spool, and remove the spool."""
        has_spool = await asyncio.to_thread(lambda: self._spool.exists)
        if has_spool:
            await self._take_spooled(None)
        for item in self._cutter.rest():
            await self._take_item(item)
        for item in self._tracebacks.release():
            await self._log_item(item)
        await self.log_last_lines()
        self.close()
        if has_spool:
            await self._log.saved(self._log.last_seq)
            await asyncio.to_thread(self._spool.remove)

    async def log_last_lines(self) -> None:
        """If lines were left out, say how many, and log the last of them. Call it when a step has ended."""
        if not self._limit.has_left_out:
            return
        self.settle()
        summary, last = self._limit.take_last()
        if summary:
            step = _text_or_none(last[0].step) if last else None
            self._log.append(Level.WARNING, summary, source=SOURCE, run=self._run_id, step=step)
        self._limit.is_lifted = True
        try:
            for part in last:
                for item in [part] if isinstance(part, Printed) else await self._cut(part.message, part.data):
                    await self._take_item(item)
            await self._take_unfinished()
            self.settle()
        finally:
            self._limit.is_lifted = False

    async def _take_unfinished(self) -> None:
        if self._cutter.has_rows:
            for item in self._cutter.rest():
                await self._take_item(item)
            self._redraw(lambda row: True)

    def close(self) -> None:
        """Show no rows any more. Nothing that is printed may come after this."""
        self._rows_due.cancel()
        if self._shown:
            self._shown = []
            self._log.redraw(self._run_id, ())

    # Rows that are not lines yet

    def _follow_rows(self, seq: int) -> None:
        """Show the rows soon. A row that has become a line leaves at once, together with the line.

        :param seq: of the newest entry before what was just taken
        """
        if self._shown and self._log.last_seq > seq:
            known = {row.id for row in self._shown}
            self._redraw(lambda row: row.id in known)
        if self._cutter.has_rows and not self._rows_due.is_running:
            self._rows_due.start(ROWS_SECONDS, self._show_rows)

    def _show_rows(self) -> None:
        now = time.time()
        if self._is_cutting:
            self._rows_due.start(ROWS_SECONDS, self._show_rows)
            return
        for item in self._cutter.settled(now):
            for whole in self._tracebacks.fold(item):
                for part in _slices(whole):
                    self._log_part(part)
        self._release_soon()
        self._redraw(lambda row: True)
        if self._cutter.due is not None:  # rows change until then, too
            self._rows_due.start(ROWS_SECONDS, self._show_rows)

    def _redraw(self, is_shown: Callable[[Entry], bool]) -> None:
        rows = [(self._row_of(message, row), row.is_drawn) for message, row in self._cutter.rows()]
        shown = [row for row, _ in rows if is_shown(row)]
        if shown != self._shown:
            self._shown = shown
            self._log.redraw(self._run_id, shown)
        self._on_rows([row for row, is_drawn in rows if is_drawn])

    def _row_of(self, message: Mapping[str, Any], row: LiveRow) -> Entry:
        return Entry(
            id=f'{self._run_id}/{message.get("id")}/{row.number}',
            seq=0,
            timestamp=datetime.fromtimestamp(_seconds(message.get('at')), UTC),
            level=Level.INFO,
            message=row.text,
            source=str(message.get('source')),
            run=self._run_id,
            step=_text_or_none(message.get('step')),
        )

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function that uses the cutter in a thread."""
        self._is_cutting = True
        try:
            return await asyncio.to_thread(function, *arguments, **named)
        finally:
            self._is_cutting = False

    async def _take_spooled(self, until: tuple[int, int] | None) -> None:
        while not self._spool.has_read(until) and (items := await self._in_thread(self._read, until)):
            for item in items:
                await self._take_item(item, PAUSE_SECONDS)
            await self._remove_finished()

    def _read(self, until: tuple[int, int] | None) -> list[Printed | Entries | Piece]:
        """Return the next items of the spool; empty only at its end."""
        items: list[Printed | Entries | Piece] = []
        while not items and (records := self._spool.read(until)):
            for header, data in records:
                if header.get('t') == Kind.LOGS:
                    items.append(list(header.get('e') or ()))
                elif header.get('t') == Kind.RAW and self._limit.is_reached:
                    items.append(Piece.of(header, data))
                elif header.get('t') == Kind.RAW:
                    _gather(items, self._cutter.lines(header, data))
        return items

    async def _remove_finished(self) -> None:
        """Remove spool files whose entries are all saved: each once the next one is read, so that nothing waits."""
        if not self._spool.finished:
            return
        paths, seq = self._finished
        self._finished = self._spool.finished, self._log.last_seq
        self._spool.finished = []
        if paths:
            await self._log.saved(seq)
            await asyncio.to_thread(_remove, paths)

    async def _take_item(self, item: Printed | Entries | Piece, pause: float = 0.0) -> None:
        """Log an item, with each traceback as one entry; what may belong to one waits for a moment."""
        if isinstance(item, Piece):
            await self._take_unfinished()
            self._limit.leave_out(item)
            return
        for part in [item] if isinstance(item, list) else self._tracebacks.fold(item):
            await self._log_item(part, pause)
        self._release_soon()

    def _release_soon(self) -> None:
        if self._tracebacks.is_holding and self.hold_seconds and self._release is None:
            self._release = asyncio.get_running_loop().call_later(self.hold_seconds, self._release_held)

    def settle(self) -> None:
        """Log what still waits for the rest of a traceback."""
        if self._release is not None:
            self._release.cancel()
            self._release_held()

    def _release_held(self) -> None:
        self._release, seq = None, self._log.last_seq
        for item in self._tracebacks.release():
            self._log_part(item)
        self._follow_rows(seq)

    async def _log_item(self, item: Printed | Entries, pause: float = 0.0) -> None:
        for part in _slices(item):
            self._log_part(part)
            await self._log.room_to_write()
            await self._fair_share.yield_if_due(pause)

    def _log_part(self, part: Printed | Entries) -> None:
        if not self._limit.admits(part):
            self._limit.leave_out(part)
            return
        self._append(part)
        if self._limit.count(part):
            self._log.append(Level.WARNING, self._limit.warning(), source=SOURCE, run=self._run_id)

    def _append(self, part: Printed | Entries) -> None:
        if isinstance(part, list):
            self._log.extend([row for row in map(self._row, part) if row is not None])
        elif part.fields:
            about = {'level': part.level, 'source': part.source, 'run': self._run_id, 'step': part.step}
            rows = [{'timestamp': at, 'message': text, 'fields': part.fields} | about for at, text in part.lines]
            self._log.extend(rows)
        else:
            self._log.append_lines(part.lines, level=part.level, source=part.source, run=self._run_id, step=part.step)

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
    """Logs what a run printed before the control room was killed, without what the log has already.

    The timestamps of one source never go back, so the newest one in the log marks where to continue; the entries
    with that very timestamp are counted.
    """

    hold_seconds = None

    def __init__(
        self, log: Log, run_id: str, folder: Path, secrets: Iterable[str] = (), *, most_bytes: int = RUN_BYTES
    ) -> None:
        super().__init__(log, run_id, folder, secrets, most_bytes=most_bytes)
        self._echo = SpoolReader(folder, ECHO)
        self._known: dict[str, tuple[str, int]] = {}

    async def finish(self) -> None:
        """Log what is left of calm lines, then what is left of a flood: once lines go by the spool, all do."""
        if not await asyncio.to_thread(lambda: self._echo.exists):
            await super().finish()
            return
        spool, self._spool = self._spool, self._echo
        await self._take_spooled(None)
        self._spool = spool
        await super().finish()
        await self._log.saved(self._log.last_seq)
        await asyncio.to_thread(self._echo.remove)

    async def _log_item(self, item: Printed | Entries, pause: float = 0.0) -> None:
        if isinstance(item, list):
            item = [row for row in item if await self._is_new(str(row[2]), str(row[0]))]
        else:
            item = replace(item, lines=[line for line in item.lines if await self._is_new(item.source, line[0])])
        await super()._log_item(item, pause)

    async def _is_new(self, source: str, at: str) -> bool:
        if source not in self._known:
            self._known[source] = await self._newest(source)
        newest, left = self._known[source]
        if at == newest and left:
            self._known[source] = newest, left - 1
            return False
        return at >= newest

    async def _newest(self, source: str) -> tuple[str, int]:
        """Return the newest timestamp that the log has of a source, and how many entries have it."""
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


def _gather(items: list[Printed | Entries | Piece], printed: Iterable[Printed]) -> None:
    """Append lines to the last item if it has the same source, so that they are logged together."""
    for item in printed:
        last = items[-1] if items else None
        is_alike = isinstance(last, Printed) and _origin(last) == _origin(item)
        if isinstance(last, Printed) and is_alike and not last.fields and not item.fields:
            last.lines.extend(item.lines)
        else:
            items.append(item)


def _origin(item: Printed) -> tuple[Any, ...]:
    return item.source, item.step, item.stream


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
