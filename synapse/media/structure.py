"""The outermost structure of media files: enough to tell whether their end is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b'\x1a\x45\xdf\xa3', b'\x18\x53\x80\x67'


def stated_bytes(path: Path) -> int | None:
    """Return how many bytes a file must have by its own structure, None if it doesn't say.

    Reads MP4 and QuickTime (ISO/IEC 14496-12, 4.2), Matroska and WebM (RFC 8794 and 9559), and AVI (RIFF).
    """
    with path.open('rb') as file:
        head = file.read(12)
        if head[:4] == b'RIFF':
            return 8 + int.from_bytes(head[4:8], 'little')
        if head[:4] == _EBML:
            return _end_of_segment(file)
        if head[4:8] == b'ftyp':
            return max(end for _, end in _boxes(file))
    return None


def lacks_index(path: Path) -> bool:
    """Whether it is an MP4 or QuickTime file without its `moov`, so that nothing in it can be found."""
    with path.open('rb') as file:
        is_mp4 = file.read(8)[4:] == b'ftyp'
        return is_mp4 and all(kind != b'moov' for kind, _ in _boxes(file))


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield type and end of each outermost box."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size = int.from_bytes(head[:4])
        size = int.from_bytes(head[8:16]) if size == 1 else size
        yield head[4:8], at + size
        if size < 8:  # 0: up to the end of the file, wherever that is
            return
        at += size


def _end_of_segment(file: BinaryIO) -> int | None:
    file.seek(0)
    for expected in (_EBML, _SEGMENT):
        if file.read(4) != expected:
            return None
        size = _vint(file)
        if size is None:
            return None
        end = file.tell() + size
        if expected == _EBML:
            file.seek(end)
    return end


def _vint(file: BinaryIO) -> int | None:
    """Read the size of an EBML element, None for "unknown", as live recordings have it."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    bits = 7 * length
    size = int.from_bytes(bytes([first[0] & ((1 << (8 - length)) - 1)]) + rest)
    return None if size == (1 << bits) - 1 else size
