"""Passes on what the system tells of the watch folders: one listener for all, since each costs a thread."""

import asyncio
import contextlib
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from watchfiles import awatch

from synapse.language import _

from .folder import POLL_SECONDS, Identity, WatchedFolder

log = logging.getLogger(__name__)

TIMEOUT_MILLISECONDS = 1000
"""How long the system is listened to without a sign of life."""


class Listener:
    """Used on the event loop only.

    :param folders: returns those that are at work now
    """

    def __init__(self, folders: Callable[[], Iterable[WatchedFolder]]) -> None:
        self._folders = folders
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name='watch folders')

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def check(self) -> None:
        """Check whether these are still the folders to listen to: some have come, gone, or are others now."""
        self._news.set()

    def places(self) -> dict[str, Identity]:
        """Return which folders to listen to, and which folder each is now."""
        return {
            folder.watch.folder: folder.identity
            for folder in self._folders()
            if folder.identity is not None and not folder.polls
        }

    async def _listen(self) -> None:
        while True:
            self._news.clear()
            places = self.places()
            if not places:
                await self._news.wait()
                continue
            try:
                await self._listen_to(places)
            except (OSError, RuntimeError) as error:
                # A folder that has just gone, or the system has too many listeners: then they are looked at in turn.
                log.info(_('the watch folders cannot be listened to: %s'), error)
                await asyncio.sleep(POLL_SECONDS)
                for folder in self._folders():
                    folder.rescan()

    async def _listen_to(self, places: Mapping[str, Identity]) -> None:
        """Pass on what happens in these folders until there are others to listen to, or one of them is replaced."""
        stop = asyncio.Event()
        checking = asyncio.create_task(self._stop_when_others(places, stop))
        by_place = defaultdict(list)
        for folder in self._folders():
            for place in {folder.watch.folder, folder.real_path}:  # macOS tells the real one
                by_place[place].append(folder)
        news = awatch(
            *places,
            watch_filter=None,
            debounce=300,
            step=50,
            rust_timeout=TIMEOUT_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
            stop_event=stop,
        )
        is_first = True
        try:
            async with contextlib.aclosing(news):
                async for changes in news:
                    if is_first:  # by now the system was asked: look for what came before that
                        is_first = False
                        for folder in self._folders():
                            folder.rescan()
                    for _, path in changes:
                        place, name = os.path.split(path)
                        for folder in by_place.get(place, ()):
                            folder.tell(name)
                    if any(path in by_place for _, path in changes):  # a folder itself: it may have been replaced
                        return
        finally:
            checking.cancel()

    async def _stop_when_others(self, places: Mapping[str, Identity], stop: asyncio.Event) -> None:
        while self.places() == places:
            await self._news.wait()
            self._news.clear()
        stop.set()
