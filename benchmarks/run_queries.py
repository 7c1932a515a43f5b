"""How long finding runs takes in a long history: `python -m benchmarks.run_queries`.

Each question to a million runs, beside the same to a hundred thousand, and beside SQLite that looks at every document
of the same table. What both must find is compared. Making the index of each run is beside saving the run itself.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.log_queries import milliseconds
from benchmarks.seed import RARE_PROFILE, SPAN, runs
from storage.database import micros
from storage.run_index import RunQuestion
from storage.runs import RunStore, insert_runs

MANY, FEW = 1_000_000, 100_000
PAGE = 50
NOW = datetime(2026, 10, 14, 8, tzinfo=UTC)


def text_of(run: Mapping[str, Any]) -> str:
    return f'{run["id"]} {" ".join(run["parameters"]["command"])} {run["because"]}'


def questions() -> dict[str, tuple[RunQuestion, str]]:
    """What is asked, and the condition for SQLite without an index."""
    middle, later = NOW - SPAN * 0.6, NOW - SPAN * 0.4
    return {
        'newest page': (RunQuestion(), '1'),
        'failed': (RunQuestion(states=['failed']), "state = 'failed'"),
        'failed or stopped': (RunQuestion(states=['failed', 'cancelled']), "state IN ('failed', 'cancelled')"),
        'a rare profile': (RunQuestion(profile=RARE_PROFILE), f"profile = '{RARE_PROFILE}'"),
        'a day in the middle': (
            RunQuestion(start=middle, end=later),
            f'created >= {micros(middle)} AND created < {micros(later)}',
        ),
        'a common text': (RunQuestion(texts=['encode']), "instr(document, 'encode')"),
        'a file': (RunQuestion(texts=['film-49.mp4']), "instr(document, 'film-49.mp4')"),
        'a file, failed': (
            RunQuestion(texts=['film-49.mp4'], states=['failed']),
            "state = 'failed' AND instr(document, 'film-49.mp4')",
        ),
        'a text of one run': (RunQuestion(texts=['seed00000007']), "instr(document, 'seed00000007')"),
        'a text that is nowhere': (RunQuestion(texts=['segfault']), "instr(document, 'segfault')"),
        'a rare profile and a text': (
            RunQuestion(texts=['encode'], profile=RARE_PROFILE),
            f"profile = '{RARE_PROFILE}' AND instr(document, 'encode')",
        ),
    }


def filled(path: Path, count: int) -> tuple[RunStore, float, float]:
    """A store of so many runs, and the microseconds of saving and of indexing one."""
    store = RunStore(path)
    numbered: Iterator[dict[str, Any]] = (run | {'number': n} for n, run in enumerate(runs(count, NOW), 1))
    since = time.perf_counter()
    while some := [*islice(numbered, 5_000)]:
        with store.transaction() as connection:
            insert_runs(connection, some)
    saved = time.perf_counter()
    while store.index_next(text_of):
        pass
    return store, (saved - since) / count * 1e6, (time.perf_counter() - saved) / count * 1e6


def measured(folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of the index and of what knows none, by question."""
    path = folder / f'{count}.db'
    store, saving, indexing = filled(path, count)
    print(f'{count:,} runs: {saving:.0f} µs to save one, {indexing:.0f} µs to index it', flush=True)
    index, connection, took = store.index(text_of), sqlite3.connect(path), {}
    for name, (asked, condition) in questions().items():
        plain = f'SELECT number FROM runs NOT INDEXED WHERE {condition} ORDER BY +number DESC LIMIT {PAGE}'  # noqa: S608
        mine, answer = milliseconds(lambda asked=asked: index.numbers(asked, limit=PAGE, seconds=60).numbers)
        other, expected = milliseconds(lambda plain=plain: [row[0] for row in connection.execute(plain)])
        assert answer == expected, f'{name}: not the same answer'
        took[name] = (mine, other)
    for closing in (index, store, connection):
        closing.close()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        few, many = measured(Path(folder), FEW), measured(Path(folder), MANY)
    print(f'{"milliseconds, median of five":<28} {FEW:>10,} {MANY:>10,} {"no index":>10}')
    for name, (mine, plain) in many.items():
        print(f'{name:<28} {few[name][0]:10.2f} {mine:10.2f} {plain:10.2f}   {plain / mine:,.0f} times faster')


if __name__ == '__main__':
    main()
