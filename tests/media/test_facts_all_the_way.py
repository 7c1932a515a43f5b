"""Films whose words, lengths or rates were once taken wrongly, from the file to what is delivered."""

from pathlib import Path
from typing import Any

import pytest

from synapse.builtin import publish_video
from synapse.builtin.publish_video import PublishVideo
from synapse.media.encoders import Encoder
from synapse.media.length import measured
from synapse.media.probe import MediaFile, probe
from tests.parts.local_run import LocalRun
from tests.parts.one_run import OneRun
from tests.parts.videos import call_ffmpeg, make_video

SCREEN = "testsrc2=s=160x90:r=25:d=10,select='lt(n,25)+not(mod(n,50))',settb=1/1000"


def publish(tmp_path: Path, video: Path, **parameters: Any) -> OneRun:
    parameters = {'video': str(video), 'height': 480, 'quality': 'draft'} | parameters
    return OneRun(tmp_path / 'run', 'PublishVideo', parameters, destination=tmp_path / 'out').finish()


def delivered(tmp_path: Path) -> MediaFile:
    [path] = (tmp_path / 'out').glob('*.mp4')
    return measured(path, probe(path))


def test_nothing_that_people_wrote_is_taken_for_a_fact(tmp_path: Path) -> None:
    film = make_video(tmp_path / 'film.mp4', seconds=1)
    chapters = tmp_path / 'chapters.txt'
    block = '[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle=Video: {}\n'
    chapters.write_text(';FFMETADATA1\n' + ''.join(block.format(10 * n, 10 * n + 10, n) for n in range(70)))
    video = tmp_path / 'Video: holiday, 9x9.mp4'
    call_ffmpeg(
        *('-i', str(film), '-i', str(chapters), '-map', '0', '-map_chapters', '1', '-c', 'copy'),
        *('-metadata', 'description=' + 'Duration: 00:10:00.00\n' * 250, f'file:{video}'),
    )
    lines = ['Video: how we made it', '[error] moov atom not found', 'frame=99', 'progress=end', 'Duration: 00:10:00']
    caption = '\n'.join(lines + [f'Stream #0:{number}: Video: none' for number in range(194)])

    run = publish(tmp_path, video, caption=caption)

    assert run.error == {}
    media = delivered(tmp_path)
    assert media.seconds == pytest.approx(1, abs=0.1)
    assert media.video is not None
    assert (media.video.frames, len(media.chapters)) == (25, 70)
    [warning] = [message for level, message in run.lines if level in ('warning', 'error')]
    assert warning.startswith('The caption is too long to read')


def test_a_recording_of_a_browser_is_published(tmp_path: Path) -> None:
    film = make_video(tmp_path / 'film.mp4', seconds=2)
    video = tmp_path / 'recording.webm'
    call_ffmpeg('-i', str(film), '-c:v', 'libvpx', '-deadline', 'realtime', '-c:a', 'libopus', '-live', '1', str(video))

    run = publish(tmp_path, video)

    assert run.error == {}
    assert delivered(tmp_path).seconds == pytest.approx(2, abs=0.1)
    assert run.progress('render')[-1][0] == 100
    assert all(' of 50' in note for _, note in run.progress('render')[:-1])


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
@pytest.mark.parametrize('has_sound', [True, False])
def test_a_last_frame_that_lasts_a_minute_is_shown_for_a_minute(tmp_path: Path, suffix: str, has_sound: bool) -> None:
    video = tmp_path / f'slides{suffix}'
    sound = ('-f', 'lavfi', '-i', 'sine=duration=61') if has_sound else ()
    call_ffmpeg(
        *('-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=1', *sound, '-c:v', 'libx264', '-preset', 'ultrafast'),
        *('-pix_fmt', 'yuv420p', '-bsf:v', "setts=duration='if(eq(N,24),60/TB,DURATION)'", str(video)),
    )

    run = publish(tmp_path, video)

    assert (run.error, [line for line in run.lines if line[0] == 'warning']) == ({}, [])
    media = delivered(tmp_path)
    assert media.video is not None
    assert (media.video.frames, media.video.seconds) == (25, pytest.approx(61, abs=0.1))


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
def test_a_silent_screen_recording_of_variable_rate_keeps_all_its_frames(tmp_path: Path, suffix: str) -> None:
    video = tmp_path / f'screen{suffix}'
    encode = ('-fps_mode', 'vfr', '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-pix_fmt', 'yuv420p')
    call_ffmpeg('-f', 'lavfi', '-i', SCREEN, *encode, str(video))
    given = measured(video, probe(video))

    run = publish(tmp_path, video)

    assert run.error == {}
    media = delivered(tmp_path)
    assert given.video is not None
    assert media.video is not None
    assert media.video.frames == given.video.frames == 29
    assert media.stated_seconds == pytest.approx(given.seconds, abs=2.1)
    assert media.seconds == pytest.approx(given.seconds, abs=2.1)


def test_an_encoder_that_fails_on_this_film_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = tmp_path / 'slow.mp4'
    call_ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=7:d=1', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', str(video))
    # It knows only the rates of television, so that it encodes the trial and not this film.
    picky = Encoder('mpeg1video', {'draft': (), 'good': (), 'best': ()})
    monkeypatch.setattr(publish_video, 'encoder_for', lambda *_: picky)
    local = LocalRun(tmp_path / 'run')
    pipeline = PublishVideo(video=video, height=480, destination=str(tmp_path / 'out'))

    for step in (pipeline.ingest, pipeline.caption, pipeline.render):
        step(local.run)

    instead = 'mpeg1video failed, so the processor encodes: '
    assert [level for level, message in local.lines if message.startswith(instead)] == ['warning']
    [made] = (tmp_path / 'run' / 'artifacts').glob('*.mp4')
    assert probe(made).sentence.endswith('7 fps, h264, no sound')
    local.close()
