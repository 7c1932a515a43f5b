"""`long-lines.txt` of a run: the whole text of lines of which the log shows only the start."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from storage.foreign_words import text_of
from synapse.language import _

LONG_LINES = 'long-lines.txt'
LONGEST = 16 * 1024
"""Characters of one log message."""
MAX_BYTES = 64 * 1000**2


class LongLines:
    """Cuts long messages and saves them whole, up to 64 MB per run. Host and control room both append to the file.

    :param path: None to save nothing
    :param scrub: returns a text without the secrets of the run
    """

    def __init__(self, path: Path | None, scrub: Callable[[str], str] = lambda text: text) -> None:
        self._path = path
        self._scrub = scrub

    def cut(self, message: str, fields: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Return the start of a message, and its fields plus its length, `cut`; `not_kept` says why it is not saved."""
        text = self._scrub(message)
        cut: dict[str, Any] = {'cut': len(message)}
        if self._path is not None and (reason := self._keep(self._path, f'{text}\n'.encode('utf-8', 'replace'))):
            cut['not_kept'] = reason
        return text[:LONGEST], {**(fields or {}), **cut}

    def _keep(self, path: Path, line: bytes) -> str:
        try:
            with open(path, 'ab', opener=_private) as file:
                if file.tell() + len(line) > MAX_BYTES:
                    return _('{name} has reached its {most} MB', name=path.name, most=MAX_BYTES // 1000**2)
                file.write(line)
        except OSError as error:
            return text_of(error)
        return ''


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
