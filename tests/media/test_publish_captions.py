import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import pytest

from tests.parts.one_run import OneRun
from tests.parts.videos import call_ffmpeg, make_video


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp('clips') / 'film.mp4', seconds=2, size='64x48', rate=5, sound=False)


def publish(tmp_path: Path, video: Path, **parameters: Any) -> OneRun:
    parameters = {'video': str(video), 'height': 480, 'quality': 'draft'} | parameters
    return OneRun(tmp_path / 'run', 'PublishVideo', parameters, destination=tmp_path / 'out').finish()


def track_of(path: Path) -> tuple[str, list[str]]:
    with av.open(str(path)) as file:
        track = file.streams.subtitles[0]
        texts = [bytes(packet)[2:].decode() for packet in file.demux(track) if packet.size > 2]
        return track.metadata.get('language', ''), texts


@pytest.mark.parametrize('caption', ['日' * 1600, 'ж' * 2449, '\n'.join(str(number) for number in range(199))])
def test_a_caption_of_any_length_is_published_whole(tmp_path: Path, clip: Path, caption: str) -> None:
    run = publish(tmp_path, clip, caption=caption)

    assert run.error == {}
    assert ''.join(track_of(tmp_path / 'out' / 'film.mp4')[1]).replace('\n', '') == caption.replace('\n', '')


def test_what_is_too_fast_to_read_is_said_before_the_film_is_rendered(tmp_path: Path, clip: Path) -> None:
    chosen = tmp_path / 'fast.srt'
    chosen.write_text(f'1\n00:00:00,500 --> 00:00:01,000\n{"word " * 8}\n\n2\n00:00:01,000 --> 00:00:02,000\nhello\n')

    caption = publish(tmp_path / 'caption', clip, caption='a line of a caption\n' * 20, language='deu')
    subtitles = publish(tmp_path / 'subtitles', clip, subtitles=str(chosen))
    calm = publish(tmp_path / 'calm', clip, caption='hello')

    assert warnings(caption) == [
        'film.mp4 has no sound, so the language deu is ignored.',
        'The caption is too long to read: that takes about 25 s, the film 2.0 s.',
    ]
    assert warnings(subtitles) == [
        '1 of 2 captions is too fast to read. The first, at 0:00, takes about 2.6 s and is shown for 0.5 s.'
    ]
    assert warnings(calm) == []


def warnings(run: OneRun) -> list[str]:
    return [message for level, message in run.lines if level == 'warning']


def test_commands_are_text_in_the_track_of_the_video(tmp_path: Path, clip: Path) -> None:
    typed = '{\\an8}up\na<b and c>d\nC:\\new {note}'

    video = tmp_path / 'captions.mp4'
    video.write_bytes(clip.read_bytes())

    run = publish(tmp_path, video, caption=typed.replace('{', '{{').replace('}', '}}'))

    assert run.error == {}
    assert '\n'.join(track_of(tmp_path / 'out' / 'captions.mp4')[1]) == typed


def test_a_subtitle_file_next_to_the_video_is_published_with_its_faults_said(tmp_path: Path, clip: Path) -> None:
    video = tmp_path / 'film.mp4'
    video.write_bytes(clip.read_bytes())
    said = '<i>Où est-elle</i> allée après le dîner ? Ça va être très bien, déjà à l’été.'
    lines = f'1\r\n00:00:00,500 --> 00:00:01,000\r\n{said}\r\n\r\n2\r\n00:01:00,000 -->\r\nlate\r\n'
    video.with_suffix('.srt').write_bytes(lines.encode('cp1252'))

    run = publish(tmp_path, video, caption='not this', captions='burn')

    assert run.error == {}
    assert 'Où est-elle allée après le dîner ?' in (tmp_path / 'out' / 'film.srt').read_text()
    assert 'not this' not in (tmp_path / 'out' / 'film.vtt').read_text()
    assert json.loads((tmp_path / 'out' / 'film.json').read_text())['captions_from'] == 'film.srt'
    assert ('warning', 'film.srt: Line 6: the cue comes after the film ends at 0:02, so it is left out.') in run.lines


def test_a_chosen_subtitle_file_is_shifted(tmp_path: Path, clip: Path) -> None:
    chosen = tmp_path / 'other.vtt'
    chosen.write_text('WEBVTT\n\n00:10.000 --> 00:11.000\nhello\n')

    run = publish(tmp_path, clip, subtitles=str(chosen), subtitle_shift=-9.5)

    assert run.error == {}
    with av.open(str(tmp_path / 'out' / 'film.mp4')) as file:
        [cue] = [packet for packet in file.demux(file.streams.subtitles[0]) if packet.size > 2]
        assert (cue.pts * cue.time_base, cue.duration * cue.time_base) == (0.5, 1)
    assert '00:00:00,500 --> 00:00:01,500\nhello' in (tmp_path / 'out' / 'film.srt').read_text()


def test_a_subtitle_file_that_is_none_fails_before_the_work(tmp_path: Path, clip: Path) -> None:
    chosen = tmp_path / 'other.srt'
    chosen.write_text('Dear diary')

    run = publish(tmp_path, clip, subtitles=str(chosen))

    assert (run.failed_step, run.error['message']) == ('ingest', 'other.srt has no subtitles in it.')


def test_what_is_said_becomes_the_captions(tmp_path: Path) -> None:
    spec = find_spec('moonshine_voice')
    assert spec
    assert spec.origin
    voice, video = Path(spec.origin).parent / 'assets' / 'beckett.wav', tmp_path / 'talk.mp4'
    picture = ('-f', 'lavfi', '-i', 'color=size=64x48:rate=2:duration=10', '-pix_fmt', 'yuv420p')
    call_ffmpeg('-i', str(voice), *picture, '-c:a', 'aac', str(video))

    run = publish(tmp_path, video, automatic_captions=True)

    language, texts = track_of(tmp_path / 'out' / 'talk.mp4')
    assert run.error == {}
    assert 'try again' in ' '.join(texts).lower()
    assert language == 'eng'
    assert json.loads((tmp_path / 'out' / 'talk.json').read_text())['captions_from'] == 'speech'


def test_a_silent_film_has_its_caption_instead_of_what_is_said(tmp_path: Path, clip: Path) -> None:
    run = publish(tmp_path, clip, automatic_captions=True, captions='sidecar')

    assert 'film' in (tmp_path / 'out' / 'film.srt').read_text()
    assert ('warning', 'No speech was recognized in the film, so its caption is shown instead.') in run.lines
