"""Whether the data folder is still the one that was opened: what is saved is lost with one moved or deleted."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from synapse.errors import NotReady
from synapse.language import N_, _

LOOK_SECONDS = 2.0


class DataFolder:
    """Compares the folder and the files that are held open with what was there at the start.

    :param files: names of files in it
    """

    def __init__(self, folder: Path, *files: str) -> None:
        self._folder = folder
        self._paths = [folder, *(folder / name for name in files)]
        self._opened: dict[Path, tuple[int, int] | None] = {}
        self.problem = ''
        """Why nothing may be saved, as it was when it was looked at last; empty if all is well."""

    def remember(self) -> None:
        """Take what is there now as what was opened; reads the disk."""
        self._opened = {path: _identity(path) for path in self._paths}

    def look(self) -> str:
        """Return the present problem; reads the disk."""
        changed = [path for path, known in self._opened.items() if _identity(path) != known]
        if not changed:
            return ''
        if changed[0] == self._folder:
            return _(
                'The data folder {folder} was moved, replaced or deleted while Synapse was running.',
                folder=self._folder,
            )
        return _(
            '{name} in the data folder {folder} was moved, replaced or deleted while Synapse was running.',
            name=changed[0].name,
            folder=self._folder,
        )

    async def check(self) -> None:
        """Look now.

        :raises NotReady: `data_folder_gone`
        """
        self.problem = await asyncio.to_thread(self.look)
        self.require()

    def require(self) -> None:
        """:raises NotReady: `data_folder_gone`, if there was a problem when it was looked at last"""
        if self.problem:
            raise NotReady('data_folder_gone', self.problem, WAY_OUT)

    async def watch(self, on_change: Callable[[str], None]) -> None:
        """Look every two seconds, and call `on_change` with the problem each time it is another one."""
        known = ''
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.problem = await asyncio.to_thread(self.look)
            if self.problem != known:
                known = self.problem
                on_change(known)


WAY_OUT = N_('Put it back where it was, or stop Synapse and start it with --data and the new place.')


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
