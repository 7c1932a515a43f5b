"""The outermost structure of media files: enough to tell whether their end is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b'\x1a\x45\xdf\xa3', b'\x18\x53\x80\x67'
_FILMED = frozenset({b'mdat', b'moov', b'moof'})
"""Boxes of MP4 that hold the film. Some cameras leave bytes behind them that aren't a box."""
_FIRST = frozenset({b'ftyp', b'wide', b'free', b'skip', *_FILMED})
"""Boxes that a file can start with; older QuickTime files have no `ftyp`."""
_UNKNOWN = (0, 0xFFFF_FFFF)
"""What programs write as the size of a RIFF that they cannot go back to."""
_ASF = bytes.fromhex('3026b2758e66cf11a6d900aa0062ce6c')
_ASF_PROPERTIES = bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365')
_MOST_HEADER = 64 * 1024


def stated_bytes(path: Path) -> int | None:
    """Return how many bytes a file must have by its own structure, None if it doesn't say.

    Reads MP4 and QuickTime (ISO/IEC 14496-12, 4.2), Matroska and WebM (RFC 8794 and 9559), AVI (RIFF), and WMV (ASF
    specification 1.2, 3.2).
    """
    with path.open('rb') as file:
        head = file.read(16)
        if head == _ASF:
            return _asf_size(file)
        if head[:4] == b'RIFF':
            size = int.from_bytes(head[4:8], 'little')
            return None if size in _UNKNOWN else 8 + size
        if head[:4] == _EBML:
            return _end_of_segment(file)
        if head[4:8] in _FIRST:
            return max((end for kind, end in _boxes(file) if kind in _FILMED), default=None)
    return None


def lacks_index(path: Path) -> bool:
    """Whether it is an MP4 or QuickTime file without its `moov`, so that nothing in it can be found."""
    with path.open('rb') as file:
        is_mp4 = file.read(8)[4:] in _FIRST
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


def _asf_size(file: BinaryIO) -> int | None:
    header = file.read(_MOST_HEADER)
    at = header.find(_ASF_PROPERTIES)
    if at < 0:
        return None
    properties = header[at : at + 92]
    is_broadcast = bool(properties[88:] and properties[88] & 1)  # then the size is a placeholder
    return None if is_broadcast else int.from_bytes(properties[40:48], 'little')


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
