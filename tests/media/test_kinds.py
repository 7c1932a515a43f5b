"""Films of all kinds through the whole pipeline, judged by what a player finds in the files that arrive."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.parts.clips import BLUE, CORNERS, GREEN, LONG_TITLE, RED, WHITE, Clips
from tests.parts.film import Film, Pixel, are_close, poster_of
from tests.parts.one_run import OneRun

BT709 = (1, 1, 1, 1)
"""Primaries, curve and matrix of BT.709 and limited range, as ITU-T H.273 and libavutil number them."""
BLACK, MAGENTA = (0, 0, 0), (255, 0, 255)
GREY = tuple((value, value, value) for value in (76, 150, 29, 255))


@dataclass(frozen=True, slots=True)
class Kind:
    """What comes out of a clip.

    :param says: the sentence in the log of RENDER
    :param frames: how many; None for as many as go in
    """

    clip: str
    size: tuple[int, int]
    says: str
    parameters: dict[str, Any] = field(default_factory=dict)
    corners: tuple[Pixel, ...] = CORNERS
    tolerance: float = 12
    frames: int = 10
    seconds: float = 0.4


HD = (160, 90)
KINDS = [
    Kind('plain', HD, 'Renders at 160×90'),
    Kind('untagged SD', HD, 'Renders at 160×90: BT.601 to BT.709'),
    Kind('BT.601 of a DVD', HD, 'Renders at 160×90: BT.601 to BT.709'),
    Kind('BT.601 of a phone in full range', HD, 'Renders at 160×90: BT.601 to BT.709, full range to limited'),
    Kind('full range', HD, 'Renders at 160×90: full range to limited'),
    Kind('motion JPEG of a camera', HD, 'Renders at 160×90: BT.601 to BT.709, full range to limited'),
    Kind('RGB of a screen recorder', HD, 'Renders at 160×90'),
    Kind('grey', HD, 'Renders at 160×90', corners=GREY),
    Kind('10 bits', HD, 'Renders at 160×90'),
    Kind('ProRes', HD, 'Renders at 160×90'),
    Kind('4:4:4', HD, 'Renders at 160×90'),
    Kind('GIF', HD, 'Renders at 160×90: transparency over black'),
    Kind('WMV', HD, 'Renders at 160×90: BT.601 to BT.709'),
    Kind('wrong suffix', HD, 'Renders at 160×90'),
    Kind('HDR10', (160, 88), 'Renders at 160×88: HDR10 to BT.709', tolerance=25, frames=5, seconds=0.2),
    Kind('HLG', (160, 88), 'Renders at 160×88: HLG to BT.709', tolerance=25, frames=5, seconds=0.2),
    Kind('P3 of a Mac', HD, 'Renders at 160×90: P3 to BT.709', tolerance=25),
    Kind('BT.2020 without HDR', HD, 'Renders at 160×90: BT.2020 to BT.709', tolerance=25),
    # ffmpeg's -display_rotation counts against the clock.
    Kind('turned by 90', (90, 160), 'Renders at 90×160: turned by 270°', corners=(GREEN, WHITE, RED, BLUE)),
    Kind('turned by 180', HD, 'Renders at 160×90: turned by 180°', corners=(WHITE, BLUE, GREEN, RED)),
    Kind('turned by 270', (90, 160), 'Renders at 90×160: turned by 90°', corners=(BLUE, RED, WHITE, GREEN)),
    Kind('mirrored', HD, 'Renders at 160×90: mirrored', corners=(GREEN, RED, WHITE, BLUE)),
    Kind(
        'turned and mirrored',
        (90, 160),
        'Renders at 90×160: turned by 270°, mirrored',
        corners=(WHITE, GREEN, BLUE, RED),
    ),
    Kind('anamorphic', (160, 90), 'Renders at 160×90: to square pixels'),
    Kind(
        'anamorphic and turned',
        (90, 160),
        'Renders at 90×160: turned by 270°, to square pixels',
        corners=(GREEN, WHITE, RED, BLUE),
    ),
    Kind('odd size', (160, 90), 'Renders at 160×90: BT.601 to BT.709'),
    Kind('portrait', (90, 160), 'Renders at 90×160'),
    Kind('tiny', (48, 32), 'Renders at 48×32'),
    Kind('tiny', (720, 480), 'Renders at 720×480', {'enlarge': True}),
    Kind('large', (854, 480), 'Renders at 854×480', frames=3, seconds=0.12),
    Kind('large portrait', (480, 854), 'Renders at 480×854', frames=3, seconds=0.12),
    Kind('one frame', HD, 'Renders at 160×90', frames=1, seconds=0.04),
    Kind('1 fps', HD, 'Renders at 160×90', frames=3, seconds=3),
    Kind('240 fps', HD, 'Renders at 160×90', frames=48, seconds=0.2),
    Kind('23.976 fps', HD, 'Renders at 160×90', frames=10, seconds=0.417),
    Kind('variable rate', HD, 'Renders at 160×90', seconds=0.88),
    Kind('starts at an hour', HD, 'Renders at 160×90'),
    Kind('still of three hours', HD, 'Renders at 160×90', frames=2, seconds=10_800.04),
    Kind('picture ends early', HD, 'Renders at 160×90', seconds=6),
    Kind('cover before the film', HD, 'Renders at 160×90'),
    Kind('title like a fact', HD, 'Renders at 160×90'),
    Kind('mono of 8 kHz', HD, 'Renders at 160×90'),
    Kind('5.1', HD, 'Renders at 160×90'),
    Kind('sides before backs', HD, 'Renders at 160×90'),
    Kind('nine channels', HD, 'Renders at 160×90: sound of 9 channels mixed to stereo'),
    Kind('two languages', HD, 'Renders at 160×90'),
]


@pytest.fixture(scope='session')
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return Clips(tmp_path_factory.mktemp('clips'))


def publish(folder: Path, clip: Path, **parameters: Any) -> OneRun:
    parameters = {'video': str(clip), 'height': 480, 'quality': 'draft'} | parameters
    return OneRun(folder / 'run', 'PublishVideo', parameters, destination=folder / 'out').finish()


def published(folder: Path, clip: Path, **parameters: Any) -> Film:
    run = publish(folder, clip, **parameters)
    assert run.error == {}
    return Film(folder / 'out' / 'clip.mp4')


def messages(run: OneRun, level: str) -> list[str]:
    return [text for found, text in run.lines if found == level]


@pytest.mark.parametrize('kind', KINDS, ids=lambda kind: ' '.join([kind.clip, *kind.parameters]))
def test_a_film_arrives_as_its_viewer_saw_it(kind: Kind, clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get(kind.clip), **kind.parameters)

    assert (run.error, messages(run, 'warning')) == ({}, [])
    assert kind.says in messages(run, 'info')
    film, poster = Film(tmp_path / 'out' / 'clip.mp4'), poster_of(tmp_path / 'out' / 'clip.jpg')
    assert (film.codec, film.pixel_format, film.size, film.colours) == ('h264', 'yuv420p', kind.size, BT709)
    assert (film.seconds, len(film.times)) == (pytest.approx(kind.seconds, abs=0.09), kind.frames)
    assert (poster.width, poster.height) == kind.size
    for picture in (film.first, film.last, poster):
        assert are_close(picture.corners, kind.corners, kind.tolerance), picture.corners
        wide, high = picture.square
        assert wide == pytest.approx(high, abs=3), 'stretched'


@pytest.mark.parametrize(
    'clip',
    ['VP9 with transparency', 'VP8 with transparency', 'ProRes with transparency', 'animation with transparency'],
)
def test_transparency_is_laid_over_black(clip: str, clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get(clip))

    for picture in (film.first, poster_of(tmp_path / 'out' / 'clip.jpg')):
        assert are_close((picture.at(0.2, 0.5), picture.at(0.8, 0.5)), (BLACK, GREEN), 6)


def test_transparency_is_laid_over_a_colour_of_choice(clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get('VP9 with transparency'), background='#4080ff', aspect='1:1')

    assert film.size == (160, 160)
    assert are_close((film.first.at(0.2, 0.5), film.first.at(0.8, 0.5)), ((64, 128, 255), GREEN), 6)
    assert are_close((film.first.at(0.5, 0.1),), ((64, 128, 255),), 6)


@pytest.mark.parametrize('first', ['top', 'bottom'])
def test_interlaced_films_are_deinterlaced(first: str, clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get(f'interlaced, {first} field first'))

    assert 'Renders at 160×96: BT.601 to BT.709, deinterlaced' in messages(run, 'info')
    film = Film(tmp_path / 'out' / 'clip.mp4')
    assert not film.is_interlaced
    assert len(film.times) == 20
    assert film.last.brightest_column > film.middle.brightest_column > film.first.brightest_column
    assert Film(clips.get(f'interlaced, {first} field first')).middle.combs > 5
    assert film.middle.combs < 2
    assert poster_of(tmp_path / 'out' / 'clip.jpg').combs < 2


def test_a_recording_whose_size_changes_midway_keeps_its_shape(clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get('size changes midway'), background='#ff8000')

    assert film.size == (160, 90)
    assert are_close(film.first.corners, CORNERS, 12)
    assert film.last.square == (pytest.approx(40, abs=2), pytest.approx(40, abs=2))
    assert are_close((film.last.at(0.05, 0.5),), ((255, 128, 0),), 6)


def test_hdr_is_kept_on_wish_with_a_poster_for_every_screen(clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get('HDR10'), hdr='keep')

    assert (film.codec, film.pixel_format, film.colours) == ('hevc', 'yuv420p10le', (9, 16, 9, 1))
    assert film.has_mastering
    assert are_close(poster_of(tmp_path / 'out' / 'clip.jpg').corners, CORNERS, 25)


def test_what_was_hdr_does_not_say_so_any_more(clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get('HDR10'))

    assert not film.has_mastering
    assert are_close((film.first.at(0.92, 0.92),), ((253, 253, 253),), 3)


@pytest.mark.parametrize(
    ('clip', 'parameters', 'size'),
    [
        ('plain', {'aspect': '9:16'}, (160, 284)),
        ('plain', {'aspect': '9:16', 'fit': 'crop'}, (50, 90)),
        ('plain', {'aspect': '1:1'}, (160, 160)),
        ('plain', {'aspect': '9:16', 'enlarge': True}, (480, 854)),
        ('portrait', {'aspect': '16:9', 'fit': 'crop', 'enlarge': True}, (854, 480)),
        ('anamorphic', {'aspect': '1:1', 'fit': 'crop'}, (90, 90)),
        ('large portrait', {'aspect': '1:1'}, (480, 480)),
    ],
)
def test_other_shapes_neither_stretch_nor_enlarge(
    clip: str, parameters: dict[str, Any], size: tuple[int, int], clips: Clips, tmp_path: Path
) -> None:
    film = published(tmp_path, clips.get(clip), background='#ff8000', **parameters)

    assert film.size == size
    wide, high = film.first.square
    assert wide == pytest.approx(high, abs=3)
    bar = film.first.at(0.5, 0.02) if clip == 'plain' else film.first.at(0.02, 0.5)
    assert are_close((bar,), ((255, 128, 0),), 6) == (parameters.get('fit') != 'crop')


@pytest.mark.parametrize(
    ('clip', 'parameters', 'sounds'),
    [
        ('plain', {}, []),
        ('mono of 8 kHz', {}, [('aac', 1, 8000)]),
        ('5.1', {}, [('aac', 6, 48_000)]),
        ('5.1', {'channels': 'stereo'}, [('aac', 2, 48_000)]),
        ('sound of 96 kHz', {}, [('aac', 1, 48_000)]),
        ('sides before backs', {}, [('aac', 8, 48_000)]),
        ('7.1.4', {}, [('aac', 8, 48_000)]),
        ('nine channels', {}, [('aac', 2, 48_000)]),
        ('two languages', {}, [('aac', 1, 44_100)]),
    ],
)
def test_sound_arrives_with_channels_that_players_take(
    clip: str, parameters: dict[str, Any], sounds: list[Any], clips: Clips, tmp_path: Path
) -> None:
    film = published(tmp_path, clips.get(clip), **parameters)

    assert film.sounds == sounds
    if sounds:
        assert film.pitch() == pytest.approx(800 if clip == 'nine channels' else 880, rel=0.02)


@pytest.mark.parametrize('clip', ['late sound', 'late sound in MKV', 'late picture'])
def test_what_starts_later_is_in_step_within_a_frame(clip: str, clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get(clip))

    flash = next(at for at, picture in film.pictures() if picture.at(0.5, 0.5)[0] > 200)
    tone = next(at for at, value in enumerate(film.samples()) if abs(value) > 3000) / 48_000
    assert flash == pytest.approx(0.6, abs=0.01)
    assert tone == pytest.approx(flash, abs=0.04)


@pytest.mark.parametrize(
    ('language', 'published_language', 'pitch'), [('', 'eng', 880), ('de', 'deu', 440), ('GER', 'deu', 440)]
)
def test_the_default_track_is_published_or_that_of_a_language(
    language: str, published_language: str, pitch: int, clips: Clips, tmp_path: Path
) -> None:
    film = published(tmp_path, clips.get('two languages'), language=language)

    assert film.languages == [published_language]
    assert film.pitch() == pytest.approx(pitch, rel=0.02)


def test_all_tracks_are_kept_on_wish_the_chosen_one_first(clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get('two languages'), all_sounds=True, language='de')
    film = Film(tmp_path / 'out' / 'clip.mp4')

    assert any(re.fullmatch(r'Sound: deu \(\d of 2\); then eng', text) for text in messages(run, 'info'))
    assert film.languages == ['deu', 'eng']
    assert film.defaults == [True, False]


def test_a_language_that_is_not_there_is_refused_at_once(clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get('two languages'), language='fr')

    assert (run.failed_step, run.error['message']) == (
        'ingest',
        'The video has no sound in the language fr, only: deu, eng.',
    )


def test_own_subtitles_come_along_on_wish_only(clips: Clips, tmp_path: Path) -> None:
    without = published(tmp_path / 'without', clips.get('two languages'), captions='sidecar')
    film = published(tmp_path / 'with', clips.get('two languages'), own_subtitles=True)

    assert without.subtitle_languages == []
    assert film.subtitle_languages[1:] == ['deu', 'eng']
    assert film.subtitles(2) == ['eng text']


@pytest.mark.parametrize('clip', ['film of a phone', 'film of a phone with a position'])
def test_nothing_private_goes_along(clip: str, clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get(clip))

    everything = b''.join(path.read_bytes() for path in (tmp_path / 'out').iterdir())
    assert not [word for word in (b'48.13', b'SN-4711', b'Cam\0', b'make', b'location') if word in everything]
    assert film.tags['title'] == 'Our holiday'
    assert film.tags['creation_time'].startswith('2024-05-01T10:00:00')
    assert film.languages == (['deu'] if clip == 'film of a phone' else ['und'])


def test_private_details_stay_if_asked_for(clips: Clips, tmp_path: Path) -> None:
    film = published(tmp_path, clips.get('film of a phone with a position'), keep_private=True)

    assert '+48.13' in film.tags['location']


def test_chapters_keep_their_titles(clips: Clips, tmp_path: Path) -> None:
    assert published(tmp_path, clips.get('chapters')).chapters == ['Opening', 'Video: the end']
    assert b'chpl' in (tmp_path / 'out' / 'clip.mp4').read_bytes()


def test_a_title_of_a_chapter_is_never_cut_within_a_letter(clips: Clips, tmp_path: Path) -> None:
    assert published(tmp_path, clips.get('a long chapter')).chapters == ['Opening', LONG_TITLE]
    assert b'chpl' not in (tmp_path / 'out' / 'clip.mp4').read_bytes()


def test_sound_without_a_picture_is_refused_with_an_offer(clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get('voice memo'))

    assert (run.failed_step, run.error['message']) == ('ingest', 'clip.m4a has no picture, only sound.')
    assert 'published with its cover or its waveform' in run.error['hint']


@pytest.mark.parametrize(
    ('clip', 'middle', 'says'),
    [
        ('song with a cover', MAGENTA, 'Renders at 854×480: a film of the cover of the sound'),
        ('voice memo', WHITE, 'Renders at 854×480: a film of the waveform of the sound'),
    ],
)
def test_sound_becomes_a_film_on_wish(clip: str, middle: Pixel, says: str, clips: Clips, tmp_path: Path) -> None:
    run = publish(tmp_path, clips.get(clip), without_picture='film')

    assert (run.error, messages(run, 'warning')) == ({}, [])
    assert says in messages(run, 'info')
    film = Film(tmp_path / 'out' / 'clip.mp4')
    assert (film.size, film.colours) == ((854, 480), BT709)
    assert film.seconds == pytest.approx(0.4, abs=0.21)
    assert film.pitch() == pytest.approx(880, rel=0.02)
    assert are_close((film.last.at(0.5, 0.5), film.last.at(0.02, 0.05)), (middle, BLACK), 40)
    assert poster_of(tmp_path / 'out' / 'clip.jpg').width == 854
