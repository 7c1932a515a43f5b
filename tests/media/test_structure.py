"""How long a file has to be by its own words."""

from pathlib import Path

import pytest

from synapse.media.structure import lacks_index, stated_bytes
from tests.parts.videos import call_ffmpeg, make_video

KINDS = {
    'film.mp4': ('-c', 'copy'),
    'fast.mp4': ('-c', 'copy', '-movflags', '+faststart'),
    'parts.mp4': ('-c', 'copy', '-movflags', 'frag_keyframe+empty_moov'),
    'film.mov': ('-c', 'copy'),
    'film.mkv': ('-c', 'copy'),
    'film.avi': ('-c', 'copy'),
    'film.wmv': (),
}


@pytest.fixture(scope='module')
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('films')
    source = make_video(folder / 'source.mp4', seconds=1, size='160x90')
    for name, arguments in KINDS.items():
        call_ffmpeg('-i', str(source), *arguments, str(folder / name))
    return folder


@pytest.mark.parametrize('name', KINDS)
def test_a_missing_end_shows(films: Path, tmp_path: Path, name: str) -> None:
    whole = (films / name).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(whole[: len(whole) * 2 // 3])

    assert (stated_bytes(films / name) or 0) <= len(whole)
    assert (stated_bytes(cut) or 0) > len(whole) * 2 // 3 or lacks_index(cut) or name == 'parts.mp4'
    assert not lacks_index(films / name)


def test_bytes_behind_the_film_are_not_missed(films: Path, tmp_path: Path) -> None:
    path = tmp_path / 'dashcam.mp4'
    path.write_bytes((films / 'fast.mp4').read_bytes() + b'gpsdata, no box' * 10)

    assert (stated_bytes(path) or 0) <= path.stat().st_size


def test_quicktime_without_a_file_type_is_known_too(films: Path, tmp_path: Path) -> None:
    whole = (films / 'fast.mp4').read_bytes()
    path = tmp_path / 'old.mov'
    path.write_bytes(whole[int.from_bytes(whole[:4]) : -1000])

    assert stated_bytes(path) == path.stat().st_size + 1000


@pytest.mark.parametrize('name', ['live.mkv', 'pipe.avi', 'pipe.wmv'])
def test_a_recorder_that_could_not_go_back_states_nothing(films: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith('live'):
        call_ffmpeg('-i', str(films / 'film.mkv'), '-c', 'copy', '-live', '1', str(path))
    else:
        data = bytearray((films / f'film{path.suffix}').read_bytes())
        if path.suffix == '.avi':
            data[4:8] = b'\xff' * 4
        else:
            data[data.index(bytes.fromhex('a1dcab8c47a9cf118ee400c00c205365')) + 88] |= 1
        path.write_bytes(data)

    assert stated_bytes(path) is None
