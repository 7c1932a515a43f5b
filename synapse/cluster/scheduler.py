"""`python -m synapse.cluster.scheduler ADDRESS FOLDER`: the scheduler of Dask, in a process of its own.

It prints the address at which it listens and ends when its standard input does, so with the control room. FOLDER has
the code of the cluster; with an address of `tcp:` on loopback it is not used.
"""

import asyncio
import sys
from pathlib import Path

from distributed import Scheduler
from distributed.security import Security

from .dask_set_up import NO_PAGES
from .identity import saved_code, security_of


async def serve(address: str, folder: Path) -> None:
    """Serve until the input ends."""
    security = security_of(saved_code(folder), folder / 'scheduler') if address.startswith('tls:') else Security()
    async with Scheduler(host=address, security=security, **NO_PAGES) as scheduler:
        print(scheduler.address, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == '__main__':
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
