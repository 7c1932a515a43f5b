"""How long questions to a log of a million lines take: `python -m benchmarks.log_queries`.

Each beside the same question to 10,000 lines, and beside what has no index: SQLite that looks at every row of the same
table, and `grep` over the same lines in a text file. What both must find is compared.
"""

import random
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.seed import WORDS
from storage.database import micros
from storage.logs.store import LogStore
from synapse.log.search import Search

MANY, FEW = 1_000_000, 10_000
TIMES = 5
START = datetime(2026, 10, 14, 8, tzinfo=UTC)
SPAN = timedelta(hours=20)


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Lines as ffmpeg prints them, a warning in a hundred, an error in a thousand, some from a rare source."""
    chance = random.Random(1)  # noqa: S311 - the same lines in each run
    for seq in range(1, count + 1):
        fps, speed = chance.random() * 60, chance.random()
        level = 'error' if seq % 1_000 == 0 else 'warning' if seq % 100 == 0 else 'info'
        words = ' '.join(chance.choice(WORDS) for _ in range(3))
        yield {
            'seq': seq,
            'id': f'bench-{seq}',
            'timestamp': (START + SPAN * (seq - 1) / count).isoformat(),
            'level': level,
            'message': f'frame={seq} fps={fps:.1f} size={seq * 37}kB speed={speed:.2f}x {words}',
            'source': 'nightly' if seq % (count // 20) == 7 else 'ffmpeg',
            'run': f'run-{seq * 100 // count}',
            'step': 'render',
            'fields': {},
        }


def filled(path: Path, count: int) -> LogStore:
    store = LogStore(path)
    some: list[dict[str, Any]] = []
    for row in rows(count):
        some.append(row)
        if len(some) == 10_000:
            store.append(some)
            some.clear()
    store.append(some)
    while store.index_next():
        pass
    return store


def matching(store: LogStore, wanted: Search) -> list[int]:
    fits = wanted.which if wanted.is_more_than_parts else None
    return store.matching(texts=wanted.parts, matcher=fits, limit=10_000, is_over=lambda: False).seqs


def milliseconds(ask: Callable[[], Any]) -> tuple[float, Any]:
    """The median of five times, and the answer."""
    took = []
    for _ in range(TIMES):
        since = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - since) * 1_000)
    return statistics.median(took), answer


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the store, and of what knows no index: a condition or a whole query for SQLite, or `grep`."""

    ask: Callable[[LogStore], Any]
    sql: str = ''
    grep: tuple[str, ...] = ()


def page(condition: str, **filters: Any) -> Question:
    plain = f'SELECT seq FROM entries NOT INDEXED WHERE {condition} ORDER BY +seq DESC LIMIT 200'  # noqa: S608
    return Question(lambda store: [row['seq'] for row in store.query(**filters)], plain)


def search(text: str, *grep: str, is_regex: bool = False) -> Question:
    wanted = Search(text=text, is_regex=is_regex)
    return Question(lambda store: matching(store, wanted), grep=(*grep, text))


def questions(count: int) -> dict[str, Question]:
    number, middle, later = count // 3, START + SPAN * 0.4, START + SPAN * 0.6
    return {
        'newest page': page('1'),
        'errors': page('level = 4', levels=['error']),
        'rare source': page("source = 'nightly'", source='nightly'),
        'one run': page("run = 'run-3'", run='run-3'),
        'errors of one run': page("run = 'run-3' AND level >= 4", run='run-3', level_min='error'),
        'rare text': search(f'FRAME={number} ', '-iF'),
        'text that is nowhere': search('segfault', '-iF'),
        'common text, 10,000 newest': search('keyframe', '-iF'),
        'regex with a word in it': search(rf'^frame={number}\b', '-iP', is_regex=True),
        'regex with a part of one': search(r'=\d{3}9999k', '-iP', is_regex=True),
        'regex with nothing sure': search(r'(?:drop|overh)\w+ (?:buff|drop)\w+ (?:mux|drop)\w+$', '-iP', is_regex=True),
        'counts of a fifth': Question(
            lambda store: sum(store.stats(middle.isoformat(), later.isoformat()).values()),
            f'SELECT COUNT(*) FROM entries NOT INDEXED WHERE at >= {micros(middle)} AND at < {micros(later)}',  # noqa: S608
        ),
        'histogram, 120 bars': Question(
            lambda store: [sum(bar) for bar in store.histogram(int(START.timestamp()), 600, 120)],
            f'SELECT COUNT(*) FROM entries NOT INDEXED GROUP BY (at - {micros(START)}) / 600000000',  # noqa: S608
        ),
        'sources': Question(
            lambda store: [lines for _, lines in store.sources()],
            'SELECT COUNT(*) FROM entries NOT INDEXED GROUP BY source ORDER BY 1 DESC',
        ),
    }


def without_index(question: Question, connection: sqlite3.Connection, text: Path) -> Any:
    if question.sql:
        found = [row[0] for row in connection.execute(question.sql)]
        return found[0] if question.sql.startswith('SELECT COUNT') and len(found) == 1 else found
    lines = subprocess.run(['grep', '-n', *question.grep, text], stdout=subprocess.PIPE, check=False).stdout
    return [int(line.split(b':', 1)[0]) for line in lines.splitlines()][:-10_001:-1]


def measured(folder: Path, count: int) -> dict[str, tuple[float, float]]:
    """Milliseconds of the store and of what knows no index, by question."""
    store, text = filled(folder / f'{count}.db', count), folder / f'{count}.txt'
    text.write_text(''.join(row['message'] + '\n' for row in rows(count)))
    connection = sqlite3.connect(folder / f'{count}.db')
    took = {}
    for name, question in questions(count).items():
        mine, answer = milliseconds(lambda ask=question.ask: ask(store))
        plain, expected = milliseconds(lambda asked=question: without_index(asked, connection, text))
        assert answer == expected, f'{name}: not the same answer'
        took[name] = (mine, plain)
    store.close()
    connection.close()
    return took


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        few, many = measured(Path(folder), FEW), measured(Path(folder), MANY)
    print(f'{"milliseconds, median of five":<28} {FEW:>10,} {MANY:>10,} {"no index":>10}')
    for name, (mine, plain) in many.items():
        print(f'{name:<28} {few[name][0]:10.2f} {mine:10.2f} {plain:10.2f}   {plain / mine:,.1f} times faster')


if __name__ == '__main__':
    main()
