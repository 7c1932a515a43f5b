"""`python -m synapse.cluster.scheduler ADDRESS FOLDER`: the scheduler of Dask, in a process of its own.

It prints the address at which it listens, `0.0.0.0` for all of this machine, or `error NUMBER` if the system refuses
that. It ends when its standard input does, so with the control room. Each line of its input is a list of addresses, as
JSON: these workers are removed, as `removal` has it, and another line is printed. FOLDER has the code of the cluster;
an address of `tcp:` on loopback needs none.
"""

import asyncio
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from distributed import Scheduler
from distributed.security import Security

from synapse.language import AUTO, read_language, speak

from .dask_set_up import NO_PAGES
from .identity import saved_code, security_of
from .names import names_of_first
from .removal import renew, serial_in, shut_out
from .words import LANGUAGE, NAME_OF_FIRST


class _Scheduler(Scheduler):  # type: ignore[misc]  # its types are not read
    """Takes no worker that is called as the first machine: nobody could tell the two apart."""

    async def add_worker(self, comm: Any, *, name: str, **options: Any) -> None:
        if name in names_of_first():
            await comm.write({'status': 'error', 'message': f'{NAME_OF_FIRST}: {name}', 'time': time.time()})
        else:
            await super().add_worker(comm, name=name, **options)


async def serve(address: str, folder: Path) -> None:
    """Serve until the input ends."""
    loop = asyncio.get_running_loop()
    own: set[int] = set()
    # It asks for the way to the Internet, to tell its address; only its port is needed.
    warnings.filterwarnings('ignore', "Couldn't detect a suitable IP", RuntimeWarning)
    security = _security(folder) if address.startswith('tls:') else Security()
    async with _Scheduler(host=address, security=security, **NO_PAGES) as scheduler:
        print(scheduler.listener.listen_address, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            own.add(await asyncio.to_thread(serial_in, folder / 'room'))
            await _remove(scheduler, folder, json.loads(line), own)
            print('removed', flush=True)


async def _remove(scheduler: Any, folder: Path, addresses: list[str], own: set[int]) -> None:
    renew(scheduler, await asyncio.to_thread(_security, folder), 'scheduler')
    await shut_out(scheduler, addresses, own)


def _security(folder: Path) -> Security:
    return security_of(saved_code(folder), folder / 'scheduler')


if __name__ == '__main__':
    speak(read_language(os.environ.get(LANGUAGE, '')) or AUTO)
    try:
        asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
    except RuntimeError as error:  # by Dask, of what the system has said
        if not isinstance(error.__cause__, OSError):
            raise
        print(f'error {error.__cause__.errno}', flush=True)
