import hashlib
import json
import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from synapse.builtin.publish_video import PublishVideo
from synapse.builtin.sample import make_sample_video
from synapse.media.captions.text import as_srt, as_vtt, cues
from synapse.pipelines.describe import describe, validate_parameters
from tests.parts.one_run import OneRun
from tests.parts.videos import call_ffmpeg, look_at, make_video, size_of


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp('clips') / 'launch_teaser v3.mp4')


def publish(tmp_path: Path, video: Path, **parameters: Any) -> OneRun:
    parameters = {'video': str(video), 'height': 480, 'enlarge': True, 'quality': 'draft'} | parameters
    return OneRun(tmp_path / 'run', 'PublishVideo', parameters, destination=tmp_path / 'out').finish()


def delivered(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / 'out').glob('*'))


def test_its_description_is_the_contract() -> None:
    description = describe(PublishVideo)

    fields = description['schema']['properties']
    assert [step['name'] for step in description['steps']] == ['ingest', 'caption', 'render', 'publish']
    assert fields['caption']['default'] == ''
    assert fields['height']['enum'] == [480, 720, 1080]
    assert '.mp4' in fields['video']['x-accepts']
    assert description['schema']['required'] == ['video']


def test_parameters_keep_their_names_through_validation() -> None:
    checked = validate_parameters(PublishVideo, {'video': '/x.mp4', 'caption': '{title}'})

    assert checked['parameters']['caption'] == '{title}'
    assert validate_parameters(PublishVideo, checked['parameters']) == checked


@pytest.mark.parametrize('caption', ['{nobody}', '{title.__class__}', '{title!r}', '{}', 'a { b', '{title:>9}'])
def test_a_template_with_an_unknown_name_is_refused_before_a_run(caption: str) -> None:
    checked = validate_parameters(PublishVideo, {'video': '/x.mp4', 'caption': caption})

    assert '{title}' in checked['fields']['caption']


@pytest.mark.parametrize(
    ('caption', 'sentence'),
    [('a\0b', 'NUL characters are not allowed.'), ('a\ud83d', 'This has half of a character. Type it again.')],
)
def test_a_caption_that_no_file_can_hold_is_refused_before_a_run(caption: str, sentence: str) -> None:
    checked = validate_parameters(PublishVideo, {'video': '/x.mp4', 'caption': caption})

    assert checked == {'ok': False, 'fields': {'caption': sentence}}


def test_a_video_goes_all_the_way(tmp_path: Path, clip: Path) -> None:
    run = publish(tmp_path, clip, caption='{title} by {profile}\n{duration} & {{done}}')

    assert (run.state, run.error) == ('succeeded', {})
    names = [f'launch_teaser v3{suffix}' for suffix in ('.jpg', '.json', '.mp4', '.srt', '.vtt')]
    assert delivered(tmp_path) == names
    assert sorted(run.artifacts) == names
    video = tmp_path / 'out' / 'launch_teaser v3.mp4'
    assert size_of(video) == (854, 480)
    assert 'Audio: aac' in look_at(video)
    assert 'Subtitle: mov_text' in look_at(video)
    assert 'launch teaser v3 by Studio' in (tmp_path / 'out' / 'launch_teaser v3.srt').read_text()
    assert '0:02 &amp; {done}' in (tmp_path / 'out' / 'launch_teaser v3.vtt').read_text()


def test_progress_of_the_rendering_is_real_and_never_decreases(tmp_path: Path) -> None:
    video = make_video(tmp_path / 'long.mp4', seconds=6, size='640x360')

    run = publish(tmp_path, video, height=720, quality='good')

    shown = run.progress('render')
    percents = [percent for percent, _ in shown]
    assert len(shown) >= 3
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents)
    assert percents[-1] == 100
    assert all(re.fullmatch(r'frame \d+ of 150(, \d+ fps)?', note) for _, note in shown[:-1])


def test_the_sidecar_has_sizes_checksums_and_parameters(tmp_path: Path, clip: Path) -> None:
    publish(tmp_path, clip)

    sidecar = json.loads((tmp_path / 'out' / 'launch_teaser v3.json').read_text())
    assert sidecar['run'] == {'id': 'r1', 'number': 1}
    assert sidecar['parameters']['height'] == 480
    assert sidecar['source']['width'] == 320
    for file in sidecar['files']:
        data = (tmp_path / 'out' / file['name']).read_bytes()
        assert (file['size'], file['sha256']) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ('size', 'parameters', 'expected'),
    [
        ('322x180', {'aspect': '9:16', 'fit': 'pad', 'height': 480}, (480, 854)),
        ('180x322', {'aspect': '16:9', 'fit': 'crop', 'height': 720}, (1280, 720)),
        ('242x130', {'aspect': '1:1', 'fit': 'crop', 'height': 480, 'captions': 'sidecar'}, (480, 480)),
        ('182x322', {'aspect': 'keep', 'height': 480, 'captions': 'sidecar'}, (480, 850)),
    ],
)
def test_the_output_has_exactly_the_chosen_shape(
    tmp_path: Path, size: str, parameters: dict[str, Any], expected: tuple[int, int]
) -> None:
    video = make_video(tmp_path / 'clip.mp4', seconds=0.5, size=size, sound=False)

    run = publish(tmp_path, video, **parameters)

    assert run.error == {}
    assert size_of(tmp_path / 'out' / 'clip.mp4') == expected


def test_captions_can_be_burnt_in(tmp_path: Path) -> None:
    video = tmp_path / "black: it's [1].mp4"
    call_ffmpeg('-f', 'lavfi', '-i', 'color=black:size=320x180:rate=10:duration=1', str(video))

    run = publish(tmp_path, video, captions='burn', caption='WWWWWWWWWW')

    result = tmp_path / 'out' / video.name
    assert run.error == {}
    assert 'mov_text' not in look_at(result)
    brightest = call_ffmpeg('-i', str(result), '-vf', 'signalstats,metadata=print', '-f', 'null', '-')
    assert 'lavfi.signalstats.YMAX=16\n' not in brightest


def test_without_a_font_burning_in_is_refused_before_rendering(
    tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'no_fonts.conf').write_text('<fontconfig></fontconfig>')
    monkeypatch.setenv('FONTCONFIG_FILE', str(tmp_path / 'no_fonts.conf'))

    run = publish(tmp_path, clip, captions='burn')

    assert (run.failed_step, run.error['message']) == ('ingest', 'No font is installed for burning in captions.')


def text_file(path: Path, clip: Path) -> None:
    path.write_text('Dear diary, today I was called a video.\n' * 50)


def half_an_mp4(path: Path, clip: Path) -> None:
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])


def half_a_streamable_mp4(path: Path, clip: Path) -> None:
    call_ffmpeg('-i', str(clip), '-c', 'copy', '-movflags', '+faststart', str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def half_an_mkv(path: Path, clip: Path) -> None:
    call_ffmpeg('-i', str(clip), '-c', 'copy', '-f', 'matroska', str(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def only_sound(path: Path, clip: Path) -> None:
    call_ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', str(path))


def a_picture(path: Path, clip: Path) -> None:
    call_ffmpeg('-i', str(clip), '-frames:v', '1', '-c:v', 'png', '-f', 'image2', '-update', '1', str(path))


def rubbish(path: Path, clip: Path) -> None:
    path.write_bytes(bytes(range(256)) * 400)


def scrambled(path: Path, clip: Path) -> None:
    call_ffmpeg('-i', str(clip), '-c', 'copy', '-movflags', '+faststart', str(path))
    data = bytearray(path.read_bytes())
    start = data.index(b'mdat') + 4
    data[start:] = bytes((byte * 31 + 7) % 256 for byte in data[start:])
    path.write_bytes(data)


def playlist(path: Path, clip: Path) -> None:
    path.write_text(f'ffconcat version 1.0\nfile {clip}\n')


@pytest.mark.parametrize(
    ('spoil', 'sentence'),
    [
        (text_file, 'bad.mp4 is a text file, not a video.'),
        (playlist, 'bad.mp4 is a text file, not a video.'),
        (half_an_mp4, 'bad.mp4 is incomplete: its index is missing.'),
        (half_a_streamable_mp4, 'bad.mp4 is incomplete: it ends at '),
        (half_an_mkv, 'bad.mp4 is incomplete: it ends at '),
        (only_sound, 'bad.mp4 has no picture, only sound.'),
        (a_picture, 'bad.mp4 is a picture, not a video.'),
        (rubbish, 'bad.mp4 is not a video that can be read.'),
        (scrambled, 'bad.mp4 is damaged: '),
        (lambda path, clip: path.touch(), 'bad.mp4 is empty.'),
        (lambda path, clip: None, 'There is no file '),
    ],
)
def test_a_file_that_is_not_a_playable_video_is_refused_with_the_reason(
    tmp_path: Path, clip: Path, spoil: Any, sentence: str
) -> None:
    video = tmp_path / 'bad.mp4'
    spoil(video, clip)

    run = publish(tmp_path, video)

    assert (run.state, run.failed_step) == ('failed', 'ingest')
    assert run.error['message'].startswith(sentence)
    assert run.error['hint']
    assert run.error['traceback'] is None
    assert delivered(tmp_path) == []


def test_a_folder_is_not_taken_for_a_video(tmp_path: Path) -> None:
    run = publish(tmp_path, tmp_path)

    assert (run.failed_step, run.error['message']) == ('ingest', f'{tmp_path} is a folder, not a file.')


def test_one_frame_is_one_frame(tmp_path: Path) -> None:
    clip = make_video(tmp_path / 'one.mp4', seconds=0.04, sound=False)

    run = publish(tmp_path, clip)

    assert run.error == {}
    rendered = next(message for _, message in run.lines if 'frame' in message)
    assert rendered.startswith('Rendered 1 frame, ')
    assert ' 0.0 MB' not in rendered


def test_a_name_that_is_taken_is_never_overwritten_silently(tmp_path: Path, clip: Path) -> None:
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'launch_teaser v3.srt').write_text('mine')

    run = publish(tmp_path, clip)

    assert run.state == 'succeeded'
    assert 'launch_teaser v3-2.mp4' in delivered(tmp_path)
    assert (tmp_path / 'out' / 'launch_teaser v3.srt').read_text() == 'mine'
    assert (
        'warning',
        'launch_teaser v3.mp4 already exists, so this one is called launch_teaser v3-2.mp4',
    ) in run.lines


def test_a_taken_name_can_be_refused_or_replaced(tmp_path: Path, clip: Path) -> None:
    (tmp_path / 'out').mkdir()
    old = tmp_path / 'out' / 'launch_teaser v3.mp4'
    old.write_text('old')

    refused = publish(tmp_path, clip, if_exists='refuse')
    assert (refused.failed_step, old.read_text()) == ('ingest', 'old')
    assert str(old) in refused.error['message']

    replaced = publish(tmp_path, clip, if_exists='replace')
    assert replaced.state == 'succeeded'
    assert size_of(old)[1] == 480


def test_a_destination_that_cannot_be_written_fails_before_the_work(tmp_path: Path, clip: Path) -> None:
    (tmp_path / 'out').write_text('a file where the folder should be')

    run = publish(tmp_path, clip)

    assert run.failed_step == 'ingest'
    assert str(tmp_path / 'out') in run.error['message']


def test_the_input_is_never_replaced_by_its_own_output(tmp_path: Path, clip: Path) -> None:
    own = tmp_path / 'films' / 'talk.mp4'
    own.parent.mkdir()
    own.write_bytes(clip.read_bytes())

    run = publish(tmp_path, own, destination=str(own.parent), if_exists='replace')

    assert run.state == 'failed'
    assert run.failed_step == 'ingest'
    assert run.error['message'] == f'{own} is the input of this run, so it cannot be replaced.'
    assert own.read_bytes() == clip.read_bytes()
    assert [path.name for path in own.parent.iterdir()] == ['talk.mp4']


def test_its_own_destination_overrides_that_of_the_profile(tmp_path: Path, clip: Path) -> None:
    run = publish(tmp_path, clip, destination=f'file://{tmp_path}/elsewhere')

    assert run.state == 'succeeded'
    assert (tmp_path / 'elsewhere' / 'launch_teaser v3.mp4').is_file()


def test_a_run_that_is_stopped_leaves_no_process_and_nothing_half_delivered(tmp_path: Path) -> None:
    video = make_video(tmp_path / 'long.mp4', seconds=8, size='1280x720')
    programs: list[psutil.Process] = []

    def stop_when_rendering(run: OneRun, message: dict[str, Any]) -> None:
        if message['t'] == 'progress' and message['step'] == 'render' and not programs:
            programs.extend(psutil.Process(run.pid).children(recursive=True))
            if programs:
                run.tell('cancel')

    run = OneRun(
        tmp_path / 'run',
        'PublishVideo',
        {'video': str(video), 'quality': 'best'},
        destination=tmp_path / 'out',
        on_message=stop_when_rendering,
    ).finish()

    assert run.state == 'cancelled'
    assert programs
    assert not any(program.is_running() and program.status() != psutil.STATUS_ZOMBIE for program in programs)
    assert delivered(tmp_path) == []


def test_cues_fill_the_video_and_longer_lines_are_shown_longer() -> None:
    items = cues('short\n\n' + 'long ' * 10, 10)

    assert (items[0].start, items[-1].end) == (0, pytest.approx(10))
    assert items[0].end == items[1].start < 5
    assert as_srt(items).startswith('1\n00:00:00,000 --> 00:00:0')
    assert as_vtt(items).startswith('WEBVTT\n\n00:00:00.000 --> ')


def test_more_lines_than_seconds_share_cues() -> None:
    items = cues('\n'.join(f'line {number}' for number in range(10)), 3)

    assert [item.text.count('\n') + 1 for item in items] == [3, 3, 4]


def test_the_sample_video_plays(tmp_path: Path) -> None:
    sample = tmp_path / 'new folder' / 'sample.mp4'

    make_sample_video(sample)

    assert size_of(sample) == (960, 540)
    assert 'Duration: 00:00:12' in look_at(sample)
    assert 1e6 < sample.stat().st_size < 5e6
    assert [path.name for path in sample.parent.iterdir()] == ['sample.mp4']
    assert [path.stat().st_mode & 0o777 for path in (sample.parent, sample)] == [0o700, 0o600]
