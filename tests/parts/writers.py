"""A process that writes to one of the stores endlessly and prints each number once it is saved.

`python -m tests.parts.writers KIND PATH [LIMIT]`, where LIMIT is how many bytes a file may have.
"""

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storage import documents as documents_module
from storage.documents import Documents
from storage.files import DiskFull
from storage.logs.store import LogStore
from storage.runs import RunStore

KINDS = ('documents', 'journal', 'runs', 'logs')
NOW = '2026-10-14T14:08:31.204+02:00'
_FILLER = 'words ' * 60
_LONG = 'words ' * 1_000
"""With some of these the file is so large that changes go to its journal."""


def run_document(number: int, **values: Any) -> dict[str, Any]:
    """A run in the form that the store takes."""
    plain = {'id': f'r{number}', 'state': 'queued', 'pipeline': 'Demo', 'profile': None, 'created_at': NOW}
    return {**plain, 'finished_at': None, 'steps': [], 'filler': _FILLER, **values}


def log_row(seq: int, **values: Any) -> dict[str, Any]:
    """A log entry in the form that the store takes."""
    plain = {'id': f'x-{seq}', 'seq': seq, 'timestamp': NOW, 'level': 'info', 'message': f'line {seq} {_FILLER}'}
    return {**plain, 'source': 'test', 'run': None, 'step': None, 'fields': {}, **values}


def open_store(kind: str, path: Path) -> tuple[Callable[[int], object], Callable[[], set[int]], Callable[[], None]]:
    """How to save a number in a store of this kind, how to read which it has, and how to close it."""
    if kind in ('documents', 'journal'):
        documents_module.SETTLE_SECONDS = 0.01  # so that the journal is put into the file many times a second
        documents = Documents(path)
        filler = _FILLER if kind == 'documents' else _LONG
        return (
            lambda number: documents.put(f'd{number % 20}', {'n': number, 'filler': filler}),
            # Twenty documents are overwritten repeatedly: the content of each stands for all before.
            lambda: {number for document in documents.all() for number in range(document['n'], -1, -20)},
            documents.close,
        )
    if kind == 'runs':
        runs = RunStore(path)
        return (
            lambda number: runs.create(run_document(number)),
            lambda: {int(run['id'][1:]) for run in runs.page(limit=1_000_000)},
            runs.close,
        )
    logs = LogStore(path)
    return lambda number: logs.append([log_row(number)]), lambda: {row['seq'] for row in logs.iterate()}, logs.close


def main() -> None:
    kind, path = sys.argv[1], Path(sys.argv[2])
    put, has, _ = open_store(kind, path)
    if len(sys.argv) > 3:
        limit = int(sys.argv[3])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    number = max(has(), default=0)
    while True:
        number += 1
        try:
            put(number)
        except DiskFull as error:
            print(f'full {error}', flush=True)
            return
        print(number, flush=True)


if __name__ == '__main__':
    main()
