"""One watch folder at work: looks at its files until they have arrived, and hands them over one by one, in order."""

import asyncio
import itertools
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from storage.files import StorageError
from storage.foreign_words import system_words
from storage.taken_files import TakenFiles
from synapse.errors import SynapseError
from synapse.inbox.arriving import (
    FoundFile,
    being_written,
    digest_of,
    has_coarse_time,
    is_download,
    is_temporary_name,
    version_of,
)
from synapse.inbox.names import is_accepted
from synapse.inbox.newest import matches
from synapse.language import _, answering_in, own_language
from synapse.records import now_utc
from synapse.waiting import is_set_within

from .arrivals import Arrivals
from .records import WaitingFile, WaitingState, Watch

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""How often files that are arriving are looked at."""
IDLE_SECONDS = 2.0
"""How often it is checked that the folder is still there, and how soon something that failed is tried again."""
POLL_SECONDS = 5.0
"""How often the whole folder is looked at where the system tells of no changes."""
RESCAN_SECONDS = 300.0
"""How often the whole folder is looked at anyway: the system drops notifications when there are too many."""
MOST_WAITING = 10_000
"""Files that are waited for at the same time; others are found when these are taken."""
MOST_SHOWN = 20
AT_ONCE = 50
"""Files of which it is asked at once whether they are being written."""

Identity = tuple[int, int]


class Refused(Exception):
    """This one file is not taken: the message says why."""


class WatchedFolder:
    """Used on the event loop only; the disk is read in threads.

    :param take: creates the run of a file, and returns once it is saved; raises `Refused` for a file that can never be
        taken, `SynapseError` if all have to wait
    :param refuse: remembers that a file is not taken, and why
    :param changed: called when what it shows has changed
    :param suffixes: returns which suffixes are taken, all if there are none
    :param polls: look at the whole folder often, instead of waiting to be told of changes
    """

    def __init__(
        self,
        watch: Watch,
        *,
        taken: TakenFiles,
        take: Callable[[FoundFile], Awaitable[None]],
        refuse: Callable[[FoundFile, str], Awaitable[None]],
        changed: Callable[[], None],
        suffixes: Callable[[], Collection[str]],
        polls: bool,
    ) -> None:
        self.watch = watch
        self.polls = polls
        self.error: str | None = None
        self.identity: Identity | None = None
        """Device and inode of the folder; None while it cannot be read."""
        self.real_path = watch.folder
        self._taken, self._take, self._refuse = taken, take, refuse
        self._changed, self._suffixes = changed, suffixes
        self._arrivals = Arrivals(watch.settle_seconds)
        self._named: set[str] = set()
        self._news = asyncio.Event()
        self._rescan_at = 0.0
        self._shown: object = None

    def tell(self, name: str) -> None:
        """Take in that something happened to a file of this name."""
        if len(self._named) < MOST_WAITING:
            self._named.add(name)
        else:
            self._rescan_at = 0.0
        self._news.set()

    def rescan(self) -> None:
        """Look at the whole folder as soon as possible."""
        self._rescan_at = 0.0
        self._news.set()

    def waiting(self) -> tuple[Sequence[WaitingFile], int]:
        """Return the first files that have not been taken yet, and how many there are."""
        now = asyncio.get_running_loop().time()
        return [*self._arrivals.waiting(now, limit=MOST_SHOWN)], len(self._arrivals)

    async def work(self) -> None:
        """Look and take until it is cancelled."""
        while True:
            try:
                with answering_in(own_language()):  # why a file is not taken is kept
                    await self._look()
                    await self._take_settled()
            except StorageError as error:
                self.error = _('It could not be saved which files are taken: {error}', error=error)
            except Exception:
                log.exception(_('the watch folder %s failed'), self.watch.folder)
                self.error = _('Something went wrong. The log has the details, and it tries again.')
            self._show()
            await is_set_within(self._news, self._pause())

    def _pause(self) -> float:
        if self.error is not None:
            return IDLE_SECONDS
        if len(self._arrivals):
            return TICK_SECONDS
        left = self._rescan_at - asyncio.get_running_loop().time()
        return max(TICK_SECONDS, min(IDLE_SECONDS, left))

    def _show(self) -> None:
        shown = (self.error, *self.waiting())
        if shown != self._shown:
            self._shown = shown
            self._changed()

    # What is there

    async def _look(self) -> None:
        """Look at the files that were told of and those that are waited for, or at the whole folder."""
        now = asyncio.get_running_loop().time()
        is_whole = now >= self._rescan_at
        named, self._named = self._named, set()
        self._news.clear()
        looked_for = None if is_whole else {*named, *self._arrivals.names}
        try:
            identity, seen, is_cut = await asyncio.to_thread(self._seen, looked_for)
        except OSError as error:
            self.error, self.identity = _sentence(error, self.watch.path), None
            self._arrivals.clear()
            self._rescan_at = 0.0
            return
        if identity != self.identity:  # another folder in its place: not all of it may have been seen
            self.identity, self._rescan_at = identity, 0.0
        elif is_whole:
            wait = POLL_SECONDS if self.polls else RESCAN_SECONDS
            self._rescan_at = now + (TICK_SECONDS if is_cut else wait)
        if self.error is not None and not len(self._arrivals):
            self.error = None
        self._arrivals.saw(seen, looked_for, asyncio.get_running_loop().time())

    def _seen(self, names: Collection[str] | None) -> tuple[Identity, dict[str, FoundFile | None], bool]:
        """Return which folder this is, its files that are not taken yet, and whether there are more.

        :raises OSError: if the folder cannot be read
        """
        folder = self.watch.path
        known = folder.stat()
        self.real_path = os.path.realpath(folder)
        seen: dict[str, FoundFile | None] = {}
        with os.scandir(folder) as entries:  # also to find out whether it may be read
            every = (entry.name for entry in entries) if names is None else iter(sorted(names))
            fitting = (name for name in every if self._fits(name))
            while batch := [*itertools.islice(fitting, 500)]:
                seen.update(self._new_among(batch))
                if len(seen) >= MOST_WAITING:
                    break
        return (known.st_dev, known.st_ino), seen, bool(batch)

    def _fits(self, name: str) -> bool:
        is_taken = is_accepted(name, self._suffixes())
        return is_taken and matches(name, self.watch.pattern) and not is_temporary_name(name)

    def _new_among(self, names: Iterable[str]) -> Iterator[tuple[str, FoundFile | None]]:
        fresh = []
        for name in names:
            path = self.watch.path / name
            found = version_of(path, self.watch.owner)
            if found is None:
                if path.is_symlink():
                    yield name, None
            elif found == self._arrivals.version_of(name):
                yield name, found
            else:
                fresh.append((name, found))
        known = self._taken.known(self.watch.owner, [found.version for _, found in fresh])
        for (name, found), (is_taken, digest) in zip(fresh, known, strict=True):
            # The same path, size and precise time is the same version: a drive that is mounted anew numbers anew.
            if not is_taken and (digest is None or has_coarse_time(found)):
                yield name, found

    # What has arrived

    async def _take_settled(self) -> None:
        settled = self._arrivals.settled(asyncio.get_running_loop().time())
        for begin in range(0, len(settled), AT_ONCE):
            for found, held in await asyncio.to_thread(self._tried, settled[begin : begin + AT_ONCE]):
                name = os.path.basename(found.path)  # noqa: PTH119 - thousands of paths
                if held is WaitingState.TAKEN:
                    self._arrivals.drop(name)
                elif held is not None:
                    self._arrivals.hold(name, held)
                elif not await self._is_taken(name, found):
                    return
            self._show()

    async def _is_taken(self, name: str, found: FoundFile) -> bool:
        """Hand over a file; return False if the others have to wait too."""
        try:
            await self._take(found)
        except Refused as refusal:
            if await asyncio.to_thread(found.is_there):  # otherwise it was refused because it has just gone
                await self._refuse(found, str(refusal))
        except SynapseError as error:
            self.error = f'{error.message} {error.hint}'.strip()
            return False
        self.error = None
        self._arrivals.drop(name)
        return True

    def _tried(self, files: Sequence[FoundFile]) -> list[tuple[FoundFile, WaitingState | None]]:
        """Return files with what still keeps each from being taken; leaves out those that have just changed."""
        written = being_written(Path(found.path) for found in files)
        tried: list[tuple[FoundFile, WaitingState | None]] = []
        for found in files:
            path = Path(found.path)
            if path in written:
                tried.append((found, WaitingState.OPEN))
            elif is_download(path):
                tried.append((found, WaitingState.DOWNLOADING))
            elif found.is_there():
                try:
                    tried.append(self._told_apart(found))
                except OSError:
                    if found.is_there():  # it may not be read, which its run will say
                        tried.append((found, None))
        return tried

    def _told_apart(self, found: FoundFile) -> tuple[FoundFile, WaitingState | None]:
        """Return the file with its digest, if only that tells its versions apart, and whether this one was taken.

        :raises OSError: if it cannot be read
        """
        if not has_coarse_time(found):
            return found, None
        whole = found.changed(digest=digest_of(Path(found.path)))
        [known] = self._taken.known(found.owner, [found.version])
        if known.digest != whole.digest:
            return whole, None
        self._taken.remember(found.owner, [found.version], at=now_utc(), digest=whole.digest)
        return whole, WaitingState.TAKEN


def _sentence(error: OSError, folder: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return _('There is no folder {folder}. It is watched again as soon as it is back.', folder=folder)
    if isinstance(error, NotADirectoryError):
        return _('{folder} is a file, not a folder.', folder=folder)
    if isinstance(error, PermissionError):
        return _('{folder} may not be read by the user that Synapse runs as.', folder=folder)
    return _('{folder} cannot be read: {reason}.', folder=folder, reason=system_words(error))
