"""Whether a film is refused before it is rendered, and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse.media import check
from synapse.media.check import check_playable
from synapse.media.ffmpeg import FfmpegResult, ffmpeg
from synapse.media.length import measured
from synapse.media.probe import probe
from synapse.pipelines.pipeline import StepFailed
from tests.parts.local_run import LocalRun
from tests.parts.videos import call_ffmpeg

SECONDS = 100
"""Longer than what is decoded as a whole."""


@pytest.fixture(scope='module')
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('films') / 'long.mp4'
    call_ffmpeg(
        *('-f', 'lavfi', '-i', f'testsrc2=s=96x64:r=10:d={SECONDS}', '-f', 'lavfi', '-i', f'sine=d={SECONDS}'),
        *('-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '20', '-b:a', '32k'),
        *('-movflags', '+faststart', str(path)),
    )
    return path


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRun]:
    local = LocalRun(tmp_path / 'run')
    yield local
    local.close()


def checked(local: LocalRun, path: Path) -> list[float]:
    """The progress that the check showed."""
    media = probe(path)
    media = media if media.is_measured else measured(path, media)
    shown: list[float] = []
    played = check_playable(local.run, path, media, shown.append)
    is_long = (media.seconds or 0) > check.WHOLE_SECONDS
    assert played == ('at its start, its end and 8 places between' if is_long else 'from start to end')
    return shown


def remuxed(long_film: Path, path: Path, *arguments: str) -> Path:
    call_ffmpeg('-i', str(long_film), '-c', 'copy', *arguments, str(path))
    return path


def zeroed(film: Path, path: Path, start: float, length: float) -> Path:
    """A copy with zeros from a part of it on."""
    data = bytearray(film.read_bytes())
    at, size = int(len(data) * start), int(len(data) * length)
    data[at : at + size] = bytes(size)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi', 'a.mts', 'a.flv'])
def test_a_long_film_passes_without_a_word(local: LocalRun, long_film: Path, tmp_path: Path, name: str) -> None:
    shown = checked(local, remuxed(long_film, tmp_path / name))

    assert shown == sorted(shown)
    assert shown[-1] == pytest.approx(1, abs=0.1)
    assert local.lines == []


def test_the_end_of_a_recording_without_a_length_is_found_without_decoding_all_of_it(
    local: LocalRun, long_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[int] = []

    def counted(*arguments: Any, **more: Any) -> FfmpegResult:
        result = ffmpeg(*arguments, **more)
        frames.append(result.progress.frame)
        return result

    monkeypatch.setattr(check, 'ffmpeg', counted)

    checked(local, remuxed(long_film, tmp_path / 'live.mkv', '-live', '1'))

    assert local.lines == []
    assert len(frames) == check.PLACES + 2
    # Ten a second; up to twenty more from the key frame before.
    assert all(0 < count <= 10 * check.EDGE_SECONDS + 21 for count in frames)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi', 'a.flv'])
def test_the_missing_end_of_a_long_film_is_found(local: LocalRun, long_film: Path, tmp_path: Path, name: str) -> None:
    film = remuxed(long_film, tmp_path / name, '-movflags', '+faststart')
    film.write_bytes(film.read_bytes()[: int(film.stat().st_size * 0.93)])

    with pytest.raises(StepFailed, match=f'{name} is incomplete: it'):
        checked(local, film)


def test_a_copy_that_broke_off_and_was_filled_up_with_zeros_is_found(
    local: LocalRun, long_film: Path, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed, match=r'filled.mp4 is damaged: .*[^.]\.'):
        checked(local, zeroed(long_film, tmp_path / 'filled.mp4', 0.6, 0.4))


def test_a_scratch_in_one_place_is_a_warning(local: LocalRun, long_film: Path, tmp_path: Path) -> None:
    checked(local, zeroed(long_film, tmp_path / 'scratched.mp4', 0.55, 0.02))

    [(level, message)] = local.lines
    assert level == 'warning'
    assert message.startswith('scratched.mp4 has minor errors and may flicker: ')


def test_a_recording_that_starts_between_key_frames_passes(local: LocalRun, long_film: Path, tmp_path: Path) -> None:
    film = remuxed(long_film, tmp_path / 'tv.ts')
    data = film.read_bytes()
    start = len(data) // SECONDS // 188 * 188
    film.write_bytes(data[start:])

    checked(local, film)


def test_a_cut_wmv_is_found_by_its_size(local: LocalRun, long_film: Path, tmp_path: Path) -> None:
    film = tmp_path / 'a.wmv'
    call_ffmpeg('-t', '5', '-i', str(long_film), str(film))
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])

    with pytest.raises(StepFailed, match=r'a\.wmv is incomplete: its end is missing\.'):
        checked(local, film)


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_a_long_film_whose_picture_ends_early_passes(
    local: LocalRun, long_film: Path, tmp_path: Path, suffix: str
) -> None:
    film = tmp_path / f'early{suffix}'
    call_ffmpeg(
        '-t', '20', '-i', str(long_film), '-i', str(long_film), '-map', '0:v', '-map', '1:a', '-c', 'copy', str(film)
    )

    checked(local, film)

    assert local.lines == []


@pytest.mark.parametrize('rate', ['1/30', '1', '240'])
def test_films_of_odd_rates_pass(local: LocalRun, tmp_path: Path, rate: str) -> None:
    film = tmp_path / 'odd.mp4'
    call_ffmpeg('-f', 'lavfi', '-i', f'color=s=96x64:r={rate}', '-frames:v', '3', '-c:v', 'libx264', str(film))

    checked(local, film)

    assert local.lines == []
