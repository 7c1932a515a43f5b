"""The output of a step, through its spool into a real log, also when a process dies."""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.log.log import Level, Log
from synapse.log.messages import RowsRedrawn
from synapse.protocol import long_lines
from synapse.protocol import spool as spool_module
from synapse.protocol.lines import ByteLines
from synapse.protocol.long_lines import LONG_LINES, LONGEST, LongLines
from synapse.protocol.spool import SPOOL, Spool
from synapse.protocol.spool_reader import SpoolReader
from synapse.runs.lines.intake import Intake, Recovery
from synapse.runs.lines.tracebacks import Printed, Tracebacks

RUN = 'r1'


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    log = Log(LogStore(tmp_path / 'logs.db'), Bus())
    await log.start()
    yield log
    await log.stop()


async def printed(log: Log) -> list[str]:
    return [entry.message async for page in log.pages(run=RUN) for entry in page]


def at(number: int) -> str:
    return f'2026-11-23T08:00:00.{number:06}+00:00'


def raw(text: str, number: int) -> tuple[str, bytes]:
    """Return the record of what standard output printed at the `number`th microsecond."""
    data = text.encode()
    said = {'t': 'raw', 'id': 1, 'at': at(number), 'source': 'stdout', 'step': 's', 'size': len(data)}
    return json.dumps(said), data


LINES = st.lists(st.text(st.characters(exclude_characters='\r\n\b\x1b', codec='utf-8'), max_size=9))


@given(lines=LINES, data=st.data())
def test_printed_lines_are_the_same_however_they_come_in_pieces(lines: list[str], data: st.DataObject) -> None:
    stream = ''.join(f'{line}\n' for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    cutter = ByteLines()

    pieces = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]

    assert [line for piece in pieces for line in cutter.feed(piece, 0.0)] + cutter.finish() == lines


async def test_the_spool_is_logged_in_order_up_to_the_announced_size(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, 'FILE_BYTES', 2_000)
    spool, intake = Spool(tmp_path / SPOOL), Intake(log, RUN, tmp_path)
    for number in range(300):
        spool.append(*raw(f'line {number}\n', number))
    entry = [at(300), 'warning', 'lib', 'said', 's', {'a': 1}]
    spool.append(json.dumps({'t': 'logs', 'e': [entry]}))
    told = spool.size_message()
    spool.append(*raw('after', 301))
    files = len(list((tmp_path / SPOOL).iterdir()))

    await intake.take(told or {})

    assert await printed(log) == [*(f'line {number}' for number in range(300)), 'said']
    assert len(list((tmp_path / SPOOL).iterdir())) < files
    await intake.finish()
    assert (await printed(log))[-1] == 'after'
    assert not (tmp_path / SPOOL).exists()


async def test_after_a_kill_what_was_not_logged_yet_is_logged_once(log: Log, tmp_path: Path) -> None:
    spool, first = Spool(tmp_path / SPOOL), Intake(log, RUN, tmp_path)
    spool.append(*raw('one\ntwo\nthree\n', 1))
    await first.take(spool.size_message() or {})
    # As if the last of these had not been saved when it was killed.
    await log.clear(who='nobody')
    log.extend(
        {'level': 'info', 'message': text, 'source': 'stdout', 'run': RUN, 'timestamp': at(1)}
        for text in ('one', 'two')
    )
    spool.append(*raw('four\nfi', 2))
    spool.append(*raw('ve\nsix', 3))
    with (tmp_path / SPOOL / '00000001.spool').open('ab') as file:
        file.write(raw('x' * 50, 4)[0].encode()[:-9])

    await Recovery(log, RUN, tmp_path).finish()

    assert await printed(log) == ['one', 'two', 'three', 'four', 'five', 'six']
    assert not (tmp_path / SPOOL).exists()


async def test_a_step_that_writes_to_its_spool_breaks_nothing_else(log: Log, tmp_path: Path) -> None:
    spool = Spool(tmp_path / SPOOL)
    spool.append(*raw('before\n', 1))
    with (tmp_path / SPOOL / '00000001.spool').open('ab') as file:
        file.write(
            b'{oops\n[1]\n{"t": "raw", "size": -5}\n{"t": "raw", "size": "x"}\n{"t": "logs", "e": [[1], 2, null]}\n'
        )
    spool.append(*raw('after\n', 2))

    await Intake(log, RUN, tmp_path).finish()

    assert await printed(log) == ['before', 'after']


async def test_a_long_line_is_saved_without_secrets_up_to_a_limit(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_lines, 'MAX_BYTES', 60_000)
    log.hide(RUN, ['s3cret-canary'])
    intake = Intake(log, RUN, tmp_path, ['s3cret-canary'])
    long = 'x' * (LONGEST - 5) + 's3cret-canary' + 'y' * 20_000

    for number in range(2):
        header, data = raw(f'short\n{long}\n', number)
        await intake.take({**json.loads(header), 'text': data.decode()})

    entries = [entry async for page in log.pages(run=RUN) for entry in page]
    assert [entry.message[:5] for entry in entries] == ['short', 'xxxxx'] * 2
    assert entries[1].message.endswith('x***yy')
    assert entries[1].fields == {'cut': len(long)}
    assert entries[3].fields['not_kept'] == f'{LONG_LINES} has reached its 0 MB'
    assert (tmp_path / LONG_LINES).read_text() == long.replace('s3cret-canary', '***') + '\n'


def test_a_spool_has_a_limit_of_files_and_no_record_that_the_disk_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, 'FILE_BYTES', 10)
    spool = Spool(tmp_path / SPOOL)
    for number in range(spool_module.MAX_FILES):
        assert not spool.is_full
        spool.append(*raw('a line\n', number))

    was_full = spool.is_full
    (tmp_path / SPOOL / '00000001.spool').unlink()
    assert (was_full, spool.is_full) == (True, False)

    monkeypatch.setattr(os, 'write', refuse_after(os.write, 5))
    with pytest.raises(OSError, match='No space'):
        spool.append(*raw('not this\n', 99))
    reader = SpoolReader(tmp_path)
    records = list(itertools.chain.from_iterable(iter(reader.read, [])))
    assert len(records) == spool_module.MAX_FILES - 1
    assert {data for _, data in records} == {b'a line\n'}


def refuse_after(write: object, size: int) -> object:
    """Return an `os.write` that takes a few bytes and then reports a full disk."""
    calls = itertools.count()

    def full(fd: int, data: bytes) -> int:
        if next(calls):
            raise OSError(28, 'No space left on device')
        return int(write(fd, bytes(data)[:size]))  # type: ignore[operator]

    return full


async def test_the_loop_stays_responsive_while_a_flood_is_logged(log: Log, tmp_path: Path) -> None:
    spool = Spool(tmp_path / SPOOL)
    for number in range(20):
        spool.append(*raw('a line of a flood\n' * 1_000, number))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await Intake(log, RUN, tmp_path).finish()
    counting.cancel()

    assert len(await printed(log)) == 20_000
    assert turns > 20


def test_nothing_is_saved_where_there_is_no_run() -> None:
    text, fields = LongLines(None).cut('x' * 20_000, {'a': 1})

    assert (len(text), fields) == (LONGEST, {'a': 1, 'cut': 20_000})


# What is not a line yet


def now_raw(text: str, *, stream: int = 1, last: bool = False) -> dict[str, object]:
    at = datetime.now(UTC).isoformat(timespec='microseconds')
    return {'t': 'raw', 'id': stream, 'at': at, 'source': 'tar', 'step': 's', 'text': text, 'last': last}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - several messages announce it
            await asyncio.sleep(0.01)


def rows(log: Log) -> list[str]:
    return [row.message for row in log.rows(RUN)]


async def test_an_unfinished_line_is_shown_and_becomes_one_entry(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)

    await intake.take(now_raw('Uploading backup... '))
    await until(lambda: rows(log) == ['Uploading backup... '])
    assert await printed(log) == []
    await intake.take(now_raw('done\n'))
    await until(lambda: rows(log) == [])

    assert await printed(log) == ['Uploading backup... done']


async def test_redraws_are_shown_at_a_bounded_rate_and_stored_once(log: Log, tmp_path: Path) -> None:
    intake, seen = Intake(log, RUN, tmp_path), list[str]()
    log._bus.subscribe(RowsRedrawn, lambda _: seen.extend(rows(log)))

    for number in range(100):
        await intake.take(now_raw(f'\r{number} %'))
        await asyncio.sleep(0.01)
    await intake.take(now_raw('', last=True))

    await until(lambda: rows(log) == [])
    assert 5 <= len(seen) <= 20
    assert await printed(log) == ['99 %']


async def test_a_redrawn_row_that_is_left_alone_is_stored_without_further_output(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)

    await intake.take(now_raw('\r 50%\r100%\n'))
    await until(lambda: log.last_seq == 1)

    assert await printed(log) == ['100%']
    assert rows(log) == []


async def test_a_row_is_redrawn_while_one_above_waits_to_be_complete(log: Log, tmp_path: Path) -> None:
    intake, seen = Intake(log, RUN, tmp_path), list[str]()
    log._bus.subscribe(RowsRedrawn, lambda _: seen.extend(rows(log)[1:]))
    await intake.take(now_raw('\router 1%\n\rinner 1%\x1b[A\n'))

    for number in range(60):
        await intake.take(now_raw(f'\rinner {number}%'))
        await asyncio.sleep(0.02)

    assert len(set(seen)) >= 4
    await intake.finish()
    assert await printed(log) == ['outer 1%', 'inner 59%']


async def test_rows_of_two_programs_are_apart(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)

    await intake.take(now_raw('\rone 1%', stream=1))
    await intake.take(now_raw('\rtwo 2%', stream=2))

    await until(lambda: rows(log) == ['one 1%', 'two 2%'])
    await intake.finish()
    assert sorted(await printed(log)) == ['one 1%', 'two 2%']
    await until(lambda: rows(log) == [])


async def test_a_kill_loses_no_more_than_the_rows(log: Log, tmp_path: Path) -> None:
    spool, first = Spool(tmp_path / SPOOL), Intake(log, RUN, tmp_path)
    spool.append(*raw('\r 1%\r 2%', 1))
    await first.take(spool.size_message() or {})
    spool.append(*raw('\r100%\nafter\n', 2))

    await Recovery(log, RUN, tmp_path).finish()

    assert await printed(log) == ['100%', 'after']


# Tracebacks

TRACE = 'Traceback (most recent call last):\n  File "/x.py", line 1, in f\n    1 / 0\nZeroDivisionError: no\n'


def said(text: str, number: int, stream: int = 1, source: str = 'stderr') -> dict[str, object]:
    return {'t': 'raw', 'id': stream, 'at': at(number), 'source': source, 'step': 's', 'text': text}


async def test_a_traceback_is_one_error_whatever_other_streams_print_meanwhile(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)
    pieces = TRACE.splitlines(keepends=True)

    for number, piece in enumerate(pieces):
        await intake.take(said(piece, number))
        await intake.take(said(f'chat {number}\n', number, stream=2, source='stdout'))
        await intake.take(said(piece, number, stream=3, source='tool'))
    await intake.take(said('next\n', 9))
    await intake.finish()

    entries = [entry async for page in log.pages(run=RUN) for entry in page]
    of_levels = [(entry.level, entry.source, entry.message) for entry in entries if entry.source != 'stdout']
    assert of_levels == [
        ('error', 'stderr', TRACE.rstrip()),
        ('info', 'stderr', 'next'),
        ('error', 'tool', TRACE.rstrip()),
    ]
    assert sum(entry.source == 'stdout' for entry in entries) == 4


async def test_what_looks_like_a_traceback_waits_a_moment_and_no_longer(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)
    loop = asyncio.get_running_loop()
    started = loop.time()

    await intake.take(said(TRACE[:70], 1))
    while not (entries := log.recent(9)):
        await asyncio.sleep(0.005)
        await intake.take(said('    and more\n', 2))

    assert loop.time() - started < 0.3
    assert entries[0].level == 'error'
    assert entries[0].message.startswith('Traceback (most recent call last):\n  File')
    await intake.finish()


async def test_lines_that_came_past_the_channel_are_folded_too(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)

    for line in TRACE.splitlines():
        await intake.take_line(line, 's')
    await intake.take_line('Fatal Python error: Aborted', 's', Level.ERROR)
    await intake.finish()

    assert [(entry.level, entry.message) for entry in log.recent(9)] == [
        ('error', TRACE.rstrip()),
        ('error', 'Fatal Python error: Aborted'),
    ]


async def test_a_very_long_traceback_keeps_its_end_and_is_saved_whole(log: Log, tmp_path: Path) -> None:
    intake = Intake(log, RUN, tmp_path)
    frames = ''.join(f'  File "/x.py", line {number}, in f\n    f()\n' for number in range(2_000))

    await intake.take(said(f'Traceback (most recent call last):\n{frames}ValueError: deep\n', 1))
    await intake.finish()

    (entry,) = log.recent(9)
    assert len(entry.message) <= LONGEST
    assert entry.message.startswith('Traceback (most recent call last):\n')
    assert entry.message.endswith('ValueError: deep')
    assert (tmp_path / LONG_LINES).read_text() == f'Traceback (most recent call last):\n{frames}ValueError: deep\n'


async def test_a_traceback_is_recovered_once(log: Log, tmp_path: Path) -> None:
    spool, first = Spool(tmp_path / SPOOL), Intake(log, RUN, tmp_path)
    header, data = raw(TRACE + 'after\n', 1)
    spool.append(header, data)
    await first.take(spool.size_message() or {})
    await log.saved(log.last_seq)

    await Recovery(log, RUN, tmp_path).finish()

    assert await printed(log) == [TRACE.rstrip(), 'after']


def test_lines_may_be_folded_while_earlier_ones_of_their_stream_are_still_logged(tmp_path: Path) -> None:
    tracebacks = Tracebacks(LongLines(tmp_path / LONG_LINES))
    earlier, later = (Printed('cat', 's', [(at(1), text)], stream=1) for text in ('earlier', 'later'))

    folding = iter(tracebacks.fold(earlier))

    assert next(folding) == earlier
    assert list(tracebacks.fold(later)) == [later]
    assert list(folding) == []
