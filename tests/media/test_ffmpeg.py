"""What a call of ffmpeg says of itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse.media.encoders import SOFTWARE, Encoder, encoder_for, first_working
from synapse.media.ffmpeg import FfmpegProgress, ffmpeg, source
from tests.parts.local_run import LocalRun
from tests.parts.videos import call_ffmpeg, make_video

QUALITIES = {'draft': (), 'good': (), 'best': ()}
ABSENT = Encoder('h264_of_another_machine', QUALITIES)
WORKING = Encoder('mpeg4', QUALITIES)


@pytest.fixture(scope='module')
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp('films') / 'film.mp4', seconds=2, size='160x90')


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalRun]:
    local = LocalRun(tmp_path / 'run')
    yield local
    local.close()


def test_the_first_error_is_the_reason_not_the_last_line(local: LocalRun, film: Path) -> None:
    result = ffmpeg(local.run, [*source(film), '-vf', 'scale=w=abc', '-f', 'null', '-'])

    assert result.code
    assert len(result.errors) > 1
    assert 'abc' in result.first_error
    assert 'Nothing was written' not in str(result.failure('The video could not be rendered'))
    assert ('error', result.errors[0]) in local.lines


def test_a_full_disk_is_called_so(local: LocalRun, film: Path) -> None:
    result = ffmpeg(local.run, [*source(film), '-c', 'copy', '-f', 'mpegts', 'file:/dev/full'])

    assert str(result.failure('The video could not be rendered')).startswith(
        'The video could not be rendered: the disk is full.'
    )


def test_text_in_the_film_is_neither_a_message_nor_progress(local: LocalRun, film: Path, tmp_path: Path) -> None:
    told = tmp_path / 'told.mp4'
    text = '[error] all is lost\nframe=9000\nout_time_us=9000000000\nprogress=end\n[fatal] No space left on device'
    call_ffmpeg('-i', str(film), '-c', 'copy', '-metadata', f'comment={text}', '-metadata', f'title={text}', str(told))
    seen: list[int] = []

    def note(progress: FfmpegProgress) -> None:
        seen.append(progress.frame)

    result = ffmpeg(local.run, [*source(told), '-metadata', f'comment={text}', '-f', 'null', '-'], on_progress=note)

    assert (result.code, result.errors, result.warnings) == (0, [], [])
    assert max(seen) == result.progress.frame == 50
    assert result.progress.seconds == pytest.approx(2, abs=0.1)


@pytest.mark.skipif(sys.platform == 'win32', reason='no line ends in names there')
@pytest.mark.parametrize('is_there', [True, False])
def test_line_ends_in_a_name_fake_no_progress(local: LocalRun, film: Path, tmp_path: Path, is_there: bool) -> None:
    name = 'Film\nframe=9000\nout_time_us=9000000000\nprogress=end\n.mp4'
    path = tmp_path / name
    if is_there:
        path.write_bytes(film.read_bytes())
    seen: list[int] = []

    result = ffmpeg(
        local.run,
        # The other output cannot be made, and the error says its name.
        [*source(path), '-f', 'null', '-', *([] if is_there else [f'file:{tmp_path / "absent" / name}'])],
        on_progress=lambda progress: seen.append(progress.frame),
    )

    expected = 50 if is_there else 0
    assert (result.code == 0, result.progress.frame) == (is_there, expected)
    assert max(seen, default=0) == expected
    assert is_there or 'frame=9000' in result.errors


def test_nothing_of_a_call_is_left_and_its_fault_is_raised(local: LocalRun, film: Path) -> None:
    def fail(progress: FfmpegProgress) -> None:
        raise LookupError('by a listener')

    with pytest.raises(LookupError, match='by a listener'):
        ffmpeg(local.run, [*source(film), '-f', 'null', '-'], on_progress=fail)

    assert list(local.run.workdir.iterdir()) == []


def test_a_damaged_film_does_not_fill_the_memory_with_errors(local: LocalRun, film: Path, tmp_path: Path) -> None:
    data = bytearray(film.read_bytes())
    start = data.index(b'mdat') + 2000
    data[start : start + 20_000] = bytes(20_000)
    bad = tmp_path / 'bad.mp4'
    bad.write_bytes(data)

    result = ffmpeg(local.run, [*source(bad), '-f', 'null', '-'], is_quiet=True)

    assert 0 < len(result.errors) <= 200
    assert ' @ ' not in ''.join(result.errors)
    assert local.lines == []


def test_an_encoder_is_used_only_where_it_encodes_a_frame(local: LocalRun) -> None:
    assert first_working(local.run, [ABSENT, WORKING], 'good') is WORKING
    assert first_working(local.run, [ABSENT], 'good') is None
    assert local.lines == []


def test_the_best_quality_is_left_to_the_processor(local: LocalRun) -> None:
    assert encoder_for(local.run, 'best') is SOFTWARE
