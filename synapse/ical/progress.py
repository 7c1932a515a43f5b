"""How far an import is; told from any thread, and the place where it is cancelled."""

import time
from collections.abc import Callable

EVERY_SECONDS = 0.1

Tell = Callable[[str, int, int], None]
"""Takes what is done, such as `read`, how many events of it are done, and how many there are."""


class ImportCancelled(Exception):
    """The person, or the program that sent the file, does not want it any more. Nothing was changed."""


class Progress:
    """Tells how far an import is, ten times a second at most.

    :param tell: called in the thread that does the work
    """

    def __init__(self, tell: Tell = lambda *_: None) -> None:
        self._tell = tell
        self._told = ('', float('-inf'))
        self._is_cancelled = False

    def cancel(self) -> None:
        """Let the import end at its next event; one that is being written is written to the end."""
        self._is_cancelled = True

    def at(self, stage: str, done: int, total: int) -> None:
        """Say how far this stage is.

        :raises ImportCancelled: after `cancel`
        """
        if self._is_cancelled:
            raise ImportCancelled
        before, at = self._told
        now = time.monotonic()
        if stage != before or now - at >= EVERY_SECONDS or done == total:
            self._told = (stage, now)
            self._tell(stage, done, total)
