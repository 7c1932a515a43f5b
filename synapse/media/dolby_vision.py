"""Whether the picture of a film is Dolby Vision that only its own players can show."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BEFORE_CHILDREN = {
    b'moov': 0, b'trak': 0, b'mdia': 0, b'minf': 0, b'stbl': 0, b'stsd': 8,
    b'dvh1': 78, b'dvhe': 78, b'hvc1': 78, b'hev1': 78, b'dav1': 78, b'av01': 78,
}  # fmt: skip
"""Boxes of MP4 on the way to the configuration, and what each has before the boxes in it, ISO/IEC 14496-12."""
_CONFIGURATIONS = (b'dvcC', b'dvvC')
_IPT_PROFILES = (5, 10)
"""HEVC and AV1. Without a compatible base layer these store the picture as IPT, not as YCbCr."""


def is_dolby_only(path: Path) -> bool:
    """Whether an MP4 or QuickTime file has Dolby Vision without a picture that other players understand.

    Profile 8, which phones record, has one, in HLG or HDR10. Format: "Dolby Vision Streams Within the ISO Base Media
    File Format" 2.2, 3.2.
    """
    with path.open('rb') as file:
        end = file.seek(0, 2)
        return any(_is_ipt(record) for record in _records(file, 0, end))


def _is_ipt(record: bytes) -> bool:
    return len(record) >= 5 and record[2] >> 1 in _IPT_PROFILES and record[4] >> 4 == 0


def _records(file: BinaryIO, at: int, end: int) -> Iterator[bytes]:
    """Yield the configurations between two places of a file; reads only the heads of other boxes."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(16)
        size, kind, start = int.from_bytes(head[:4]), head[4:8], at + 8
        if size == 1:
            size, start = int.from_bytes(head[8:16]), at + 16
        stop = min(end, at + size) if size else end
        if stop < start:
            return
        if kind in _CONFIGURATIONS:
            yield head[8:16]
        elif kind in _BEFORE_CHILDREN:
            yield from _records(file, start + _BEFORE_CHILDREN[kind], stop)
        at = stop
