"""A process that saves many runs in parallel and prints each change once it is saved: `NUMBER STATE`, a line each.

`python -m tests.parts.group_writer PATH [LIMIT]`, where LIMIT is how many bytes a file may have.
"""

import asyncio
import contextlib
import resource
import sys
from itertools import count
from pathlib import Path

from storage.files import DiskFull
from storage.runs import RunStore
from tests.parts.writers import run_document

AT_ONCE = 30
STATES = ('running', 'paused', 'succeeded')


async def main() -> None:
    store = RunStore(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        limit = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    newest = next(iter(store.page(limit=1)), {'number': 0})
    numbers = count(newest['number'] + 1)

    async def lives() -> None:
        while True:
            document = run_document(next(numbers))
            run = await store.group.commit(store.create, document)
            print(run['id'], run['state'], flush=True)
            for state in STATES:
                await store.group.commit(store.save, run | {'state': state})
                print(run['id'], state, flush=True)

    async def until_full() -> None:
        with contextlib.suppress(DiskFull):
            await lives()

    await asyncio.gather(*(until_full() for _ in range(AT_ONCE)))
    print('full', flush=True)


if __name__ == '__main__':
    asyncio.run(main())
