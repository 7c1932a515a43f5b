"""Fills a data folder through the stores of a build: `python benchmarks/seed.py ROOT DATA < wanted.json`.

Wanted are numbers of `runs` and of log `lines`, of the last eight days, and `events` as documents.
"""

import importlib
import json
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SPAN = timedelta(days=8)
RARE_PROFILE, RARE_RUNS = 'rare', 3
STATES = ('succeeded',) * 18 + ('failed', 'cancelled')
WORDS = ('encoding', 'muxing', 'demuxing', 'buffer', 'packet', 'keyframe', 'overhead', 'bitrate', 'dropped', 'stream')


def runs(count: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Ended runs of one step, oldest first; the oldest ones have a profile that no other has."""
    chance = random.Random(1)  # noqa: S311 - the same runs in each store
    for number in range(count):
        created = now - SPAN + SPAN * number / count
        begun, ended = ((created + timedelta(seconds=seconds)).isoformat() for seconds in (1, 1 + chance.random() * 60))
        state = chance.choice(STATES)
        times = {'started_at': begun, 'finished_at': ended}
        yield {
            'id': f'seed{number:08x}',
            'pipeline': 'RunCommand',
            'profile': RARE_PROFILE if number < RARE_RUNS else None,
            'parameters': {'command': ['encode', f'film-{number % 50}.mp4']},
            'state': state,
            'because': 'by hand',
            'steps': [{'name': 'run', 'state': state, 'progress': 100.0, 'attempt': 1, **times}],
            'created_at': created.isoformat(),
            **times,
        }


def lines(count: int, now: datetime) -> Iterator[dict[str, Any]]:
    """Lines as ffmpeg prints them, a warning in a hundred, an error in a thousand."""
    chance = random.Random(1)  # noqa: S311 - the same lines in each store
    for seq in range(1, count + 1):
        level = 'error' if seq % 1_000 == 0 else 'warning' if seq % 100 == 0 else 'info'
        words = ' '.join(chance.choices(WORDS, k=3))
        yield {
            'seq': seq,
            'id': f'seed-{seq}',
            'timestamp': (now - SPAN + SPAN * (seq - 1) / count).isoformat(),
            'level': level,
            'message': f'frame={seq} fps={chance.random() * 60:.1f} size={seq * 37}kB {words}',
            'source': 'nightly' if seq % (count // 20) == 7 else 'ffmpeg',
            'run': f'seed{seq * 100 // count:08x}',
            'step': 'run',
            'fields': {},
        }


def write_runs(path: Path, count: int, now: datetime) -> None:
    from storage.runs import RunStore, insert_run

    store = RunStore(path)
    with store.transaction() as connection:
        for run in runs(count, now):
            insert_run(connection, run)
    store.close()


def write_lines(path: Path, count: int, now: datetime) -> None:
    import storage.logs as logs

    # An earlier build has it in the package itself.
    store = (logs if hasattr(logs, 'LogStore') else importlib.import_module('storage.logs.store')).LogStore(path)
    some: list[dict[str, Any]] = []
    for line in lines(count, now):
        some.append(line)
        if len(some) == 10_000:
            store.append(some)
            some.clear()
    store.append(some)
    index = getattr(store, 'index_next', None) or store.index_some
    while index():
        pass
    store.close()


def write_events(path: Path, events: Sequence[dict[str, Any]]) -> None:
    from storage.documents import Documents

    documents = Documents(path)
    documents.change({event['id']: event for event in events})
    documents.close()


def main(root: str, folder: str) -> None:
    sys.path[0] = root
    data, wanted, now = Path(folder), json.load(sys.stdin), datetime.now(UTC)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if wanted.get('runs'):
        write_runs(data / 'runs.db', wanted['runs'], now)
    if wanted.get('lines'):
        write_lines(data / 'logs.db', wanted['lines'], now)
    if wanted.get('events'):
        write_events(data / 'events.json', wanted['events'])


if __name__ == '__main__':
    main(*sys.argv[1:])
