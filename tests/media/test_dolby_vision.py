"""Dolby Vision whose colours nothing here can convert is refused; any other is published."""

import struct
from pathlib import Path

import pytest

from synapse.media.dolby_vision import is_dolby_only
from tests.parts.one_run import OneRun
from tests.parts.videos import call_ffmpeg

PARENTS = (b'moov', b'trak', b'mdia', b'minf', b'stbl', b'stsd', b'hvc1')


def dolby_film(path: Path, *, profile: int, compatible_with: int, kind: bytes = b'dvcC') -> Path:
    """A film of 10 bits whose sample entry says that it is Dolby Vision; its index is behind the picture."""
    call_ffmpeg(
        *('-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=0.4', '-c:v', 'libx265', '-preset', 'ultrafast'),
        *('-pix_fmt', 'yuv420p10le', '-tag:v', 'hvc1', '-metadata', 'title=dvcC', str(path)),
    )
    data = bytearray(path.read_bytes())
    record = struct.pack('>BBHB19x', 1, 0, profile << 9 | 1 << 3 | 5, compatible_with << 4)
    box = struct.pack('>I4s', 8 + len(record), kind) + record
    at = 0
    for parent in PARENTS:
        at = data.index(parent, at)
        size = int.from_bytes(data[at - 4 : at])
        data[at - 4 : at] = (size + len(box)).to_bytes(4)
    data[at - 4 + size : at - 4 + size] = box
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('kind', [b'dvcC', b'dvvC'])
@pytest.mark.parametrize(
    ('profile', 'compatible_with', 'expected'), [(5, 0, True), (8, 1, False), (8, 4, False), (10, 0, True)]
)
def test_only_pictures_without_a_compatible_base_are_refused(
    tmp_path: Path, kind: bytes, profile: int, compatible_with: int, expected: bool
) -> None:
    path = dolby_film(tmp_path / 'film.mp4', profile=profile, compatible_with=compatible_with, kind=kind)

    assert is_dolby_only(path) is expected


def test_it_is_said_before_anything_is_rendered(tmp_path: Path) -> None:
    path = dolby_film(tmp_path / 'film.mp4', profile=5, compatible_with=0)

    run = OneRun(tmp_path / 'run', 'PublishVideo', {'video': str(path)}, destination=tmp_path / 'out').finish()

    assert run.error['message'].startswith('film.mp4 has the colours of Dolby Vision only')
    assert 'profile 8' in run.error['hint']
    assert run.progress('render') == []


@pytest.mark.parametrize('data', [b'', b'\0\0\0\1moov', b'\0\0\0\0moov\0\0\0\3trak', b'\0\0\0\1moov' + b'\xff' * 8])
def test_damaged_boxes_are_no_dolby_vision(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / 'film.mp4'
    path.write_bytes(data)

    assert is_dolby_only(path) is False
