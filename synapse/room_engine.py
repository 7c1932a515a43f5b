"""What carries out the runs of a control room: this machine, and others once they may join."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from .engine.engine import HostHandle, HostNotStarted, LocalEngine, OnLine, OnMessage
from .language import _
from .protocol.messages import Job

if TYPE_CHECKING:
    from .cluster.machines import Machines


class RoomEngine:
    """See `Engine`. Nothing of Dask is imported before `open`.

    :param load_others: returns what carries out runs elsewhere. It imports that, so it is called in a thread
    """

    def __init__(self, local: LocalEngine, load_others: 'Callable[[], Machines]') -> None:
        self.local = local
        self.others: Machines | None = None
        """What carries out runs elsewhere; None while other machines may not join."""
        self._load_others = load_others
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Get ready to carry out runs here.

        :raises HostNotStarted: if nothing can be started
        """
        await self.local.start()

    async def open(self) -> None:
        """Let other machines join; the cluster follows in the background.

        :raises ImportError: if its packages are not installed
        :raises StorageError: if the code of the cluster cannot be saved
        """
        async with self._changing:
            if self.others is None:
                others = await asyncio.to_thread(self._load_others)
                await others.start()
                self.others = others

    async def shut(self) -> None:
        """End what runs elsewhere, and let no machine join any more."""
        async with self._changing:
            others, self.others = self.others, None
            if others is not None:
                await others.close()

    async def run(self, job: Job, on_message: OnMessage, on_line: OnLine, *, machine: str = '') -> HostHandle:
        """See `Engine.run`."""
        if not machine:
            return await self.local.run(job, on_message, on_line)
        if self.others is None:
            raise HostNotStarted(_('the machine {name} is not there', name=machine))
        return await self.others.run(job, on_message, on_line, machine=machine)

    async def close(self) -> None:
        """Kill every host, here and elsewhere, and end the scheduler of the cluster."""
        await self.shut()
        await self.local.close()
