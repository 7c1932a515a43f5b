"""The beginning of a file as text to be shown: never more than a page can hold, however large the file is."""

import codecs
import json
from dataclasses import dataclass
from pathlib import Path

from storage.foreign_words import system_words
from synapse.errors import NotFound
from synapse.language import _

MOST_BYTES = 64 * 1024
"""Of a text; a file of JSON is laid out if it has no more than `MOST_JSON`."""
MOST_JSON = 256 * 1024
_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF32_BE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)
"""Byte order marks; the longer one of two that begin alike comes first."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """The text, and how many bytes of how many it is."""

    text: str
    shown: int
    size: int

    @property
    def is_all(self) -> bool:
        return self.shown == self.size


def beginning_of(path: Path) -> Beginning | None:
    """Return the beginning of a file as text, JSON laid out; None if the file is not text.

    It waits for the disk.

    :raises NotFound: `artifact_not_found`, if it cannot be read
    """
    is_json = path.suffix.lower() == '.json'
    try:
        with path.open('rb') as file:
            size = path.stat().st_size
            data = file.read(MOST_JSON if is_json and size <= MOST_JSON else MOST_BYTES)
    except OSError as error:
        raise NotFound(
            'artifact_not_found', _('{name} cannot be read: {reason}.', name=path.name, reason=system_words(error))
        ) from error
    text = _text_of(data, is_all=len(data) >= size)
    if text is None:
        return None
    return Beginning(_laid_out(text) if is_json and len(data) >= size else text, len(data), max(size, len(data)))


def _text_of(data: bytes, *, is_all: bool) -> str | None:
    """Return the text of some bytes, in which a letter may be cut in two at their end."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), '')
    if not encoding and b'\0' in data:
        return None
    return codecs.getincrementaldecoder(encoding or 'utf-8')('replace').decode(data, is_all)


def _laid_out(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
