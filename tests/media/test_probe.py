"""What is known of a film before anything is decoded."""

from pathlib import Path

import pytest

from synapse.media.length import last_end, measured
from synapse.media.probe import MediaFile, probe
from synapse.pipelines.pipeline import StepFailed
from tests.parts.videos import call_ffmpeg, make_video

VARIABLE = ('-f', 'lavfi', '-i', "testsrc2=s=160x90:r=25:d=20,select='lt(n,25)+not(mod(n,50))',settb=1/1000")
B_FRAMES = ('-fps_mode', 'vfr', '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-pix_fmt', 'yuv420p')


@pytest.fixture(scope='module')
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp('films') / 'film.mp4', seconds=2, size='160x90')


def known(path: Path) -> MediaFile:
    media = probe(path)
    return media if media.is_measured else measured(path, media)


@pytest.mark.parametrize(
    ('name', 'arguments', 'sentence'),
    [
        ('a.mkv', ('-c', 'copy'), 'mkv, 0:02, 160×90, 25 fps, h264, sound aac'),
        ('a.mov', ('-c', 'copy', '-an'), 'mov, 0:02, 160×90, 25 fps, h264, no sound'),
        ('a.mts', ('-c', 'copy', '-f', 'mpegts'), 'mpegts, 0:02, 160×90, 25 fps, h264, sound aac'),
        ('a.flv', ('-c', 'copy'), 'flv, 0:02, 160×90, 25 fps, h264, sound aac'),
        ('a.wmv', (), 'asf, 0:02, 160×90, 25 fps, msmpeg4v3, sound wmav2'),
        ('a.3gp', ('-c:v', 'h263', '-s', '176x144', '-c:a', 'aac'), '3gp, 0:02, 256×144, 25 fps, h263, sound aac'),
        ('a.gif', ('-t', '1', '-r', '10'), 'gif, 0:01, 160×90, 10 fps, gif, no sound'),
        ('wrong.avi', ('-c', 'copy', '-f', 'mp4'), 'mov, 0:02, 160×90, 25 fps, h264, sound aac'),
        ('live.mkv', ('-c', 'copy', '-live', '1'), 'mkv, 0:02, 160×90, 25 fps, h264, sound aac'),
        ('live.webm', ('-c:v', 'libvpx', '-an', '-live', '1'), 'webm, 0:02, 160×90, 25 fps, vp8, no sound'),
        ('bare.h264', ('-c', 'copy', '-an'), 'h264, 0:02, 160×90, 25 fps, h264, no sound'),
        ('sound.m4a', ('-c', 'copy', '-vn'), 'm4a, 0:02, sound aac'),
    ],
)
def test_each_kind_is_known(film: Path, tmp_path: Path, name: str, arguments: tuple[str, ...], sentence: str) -> None:
    path = tmp_path / name
    call_ffmpeg('-i', str(film), *arguments, str(path))

    assert known(path).sentence == sentence


@pytest.mark.parametrize('suffix', ['.webm', '.mkv'])
def test_a_recording_without_a_length_is_measured_by_reading_it(film: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'live{suffix}'
    encode = ('-c:v', 'libvpx', '-c:a', 'libopus') if suffix == '.webm' else ('-c', 'copy')
    call_ffmpeg('-i', str(film), *encode, '-live', '1', str(path))
    media = probe(path)

    assert (media.stated_seconds, media.seconds, media.is_measured) == (None, None, False)
    media = measured(path, media)
    assert media.seconds == pytest.approx(2, abs=0.1)
    assert media.video is not None
    assert media.video.frames == 50
    assert media.is_measured


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_a_variable_rate_is_noticed_and_the_last_frame_counts(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'screen{suffix}'
    call_ffmpeg(*VARIABLE, *B_FRAMES, str(path))

    media = known(path)

    assert media.video is not None
    assert media.video.varies
    assert media.video.frames == 34
    assert media.video.average_rate < 2
    assert media.seconds is not None
    assert media.seconds > 18
    assert last_end(path, media) == pytest.approx(media.seconds, abs=0.1)


@pytest.mark.parametrize('rate', ['1', '24000/1001', '60', '240'])
def test_a_steady_rate_is_not_taken_for_a_variable_one(tmp_path: Path, rate: str) -> None:
    path = tmp_path / 'steady.mkv'
    call_ffmpeg('-f', 'lavfi', '-i', f'testsrc2=s=160x90:r={rate}', '-frames:v', '60', *B_FRAMES, str(path))

    media = probe(path)

    assert media.video is not None
    assert not media.video.varies
    assert media.is_measured


def test_what_people_wrote_is_no_fact(film: Path, tmp_path: Path) -> None:
    chapters = tmp_path / 'chapters.txt'
    blocks = (
        f'[CHAPTER]\nTIMEBASE=1/1000\nSTART={20 * number}\nEND={20 * number + 20}\ntitle=Stream #0:0: Video: {number}\n'
        for number in range(70)
    )
    chapters.write_text(';FFMETADATA1\n' + ''.join(blocks))
    path = tmp_path / 'Video: h264, 9x9, Duration: 00:10:00.mp4'
    call_ffmpeg(
        *('-i', str(film), '-i', str(chapters), '-map', '0', '-map_chapters', '1', '-c', 'copy'),
        *(
            '-metadata',
            'title=Duration: 00:10:00.00, start: 0',
            '-metadata',
            'comment=Stream #0:1: Audio: none\n' * 250,
        ),
        f'file:{path}',
    )

    media = probe(path)

    assert media.sentence == 'mp4, 0:02, 160×90, 25 fps, h264, sound aac'
    assert len(media.chapters) == 70
    assert media.tags['title'] == 'Duration: 00:10:00.00, start: 0'


@pytest.mark.parametrize('name', ['photo.jpg', 'photo.png', 'photo.bmp'])
def test_a_picture_is_called_one(film: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    call_ffmpeg('-i', str(film), '-frames:v', '1', '-update', '1', str(path))

    with pytest.raises(StepFailed, match=f'{name} is a picture, not a video'):
        probe(path)


def test_a_file_that_names_other_files_is_not_followed(film: Path, tmp_path: Path) -> None:
    playlist = tmp_path / 'list.mp4'
    playlist.write_text(f'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{film}\n#EXT-X-ENDLIST\n')

    with pytest.raises(StepFailed, match='is a text file'):
        probe(playlist)
