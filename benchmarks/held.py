"""Runs a program and records how long its event loop is held: `python benchmarks/held.py FILE main.py ARGUMENTS`.

Each line of the file has the maxima of a tenth of a second: wall time, and processor time of the loop's own thread.
"""

import asyncio
import runpy
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

TURN = 0.001
EACH_SECONDS = 0.1


async def note(path: Path) -> None:
    """Write how long the loop was held: as long as a short sleep takes longer than it should."""
    with path.open('a', buffering=1) as file:
        held, own, written = 0.0, 0.0, time.perf_counter()
        while True:
            since, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TURN)
            now = time.perf_counter()
            held, own = max(held, now - since - TURN), max(own, time.thread_time() - worked)
            if now - written > EACH_SECONDS:
                file.write(f'{held:.6f} {own:.6f}\n')
                held, own, written = 0.0, 0.0, now


def main() -> None:
    path, program = Path(sys.argv[1]), sys.argv[2]
    path.touch()
    run = asyncio.Runner.run

    def noted(self: asyncio.Runner, work: Coroutine[Any, Any, Any], **options: Any) -> Any:
        async def both() -> Any:
            watching = asyncio.create_task(note(path))
            try:
                return await work
            finally:
                watching.cancel()

        return run(self, both(), **options)

    asyncio.Runner.run = noted  # type: ignore[assignment, method-assign]
    sys.argv[:] = sys.argv[2:]
    sys.path[0] = str(Path.cwd())
    runpy.run_path(program, run_name='__main__')


if __name__ == '__main__':
    main()
