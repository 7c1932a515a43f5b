import pytest

from synapse.media.languages import same_language, three_letters
from synapse.media.probe import AudioStream, MediaFile
from synapse.media.sound import choice_of_sound, chosen_sound, sound
from synapse.pipelines.pipeline import StepFailed


def track(index: int = 0, channels: int = 2, layout: str = 'stereo', **facts: object) -> AudioStream:
    known = {'index': index, 'codec': 'pcm_s16le', 'channels': channels, 'layout': layout, 'rate': 48_000}
    return AudioStream.model_validate(known | facts)


@pytest.mark.parametrize(
    ('channels', 'layout', 'made'),
    [
        (1, 'mono', 'mono'),
        (1, '1 channels', 'mono'),
        (2, 'downmix', 'stereo'),
        (3, '2.1', 'stereo'),
        (4, 'quad', 'stereo'),
        (6, '5.1(side)', '5.1'),
        (6, '6 channels', '5.1'),
        (8, '7.1(wide)', '7.1'),
        (8, '8 channels (FL+FR+FC+LFE+SL+SR+BL+BR)', '7.1'),
        (12, '7.1.4', '7.1'),
        (9, '9 channels', 'stereo'),
        (24, '24 channels', 'stereo'),
    ],
)
def test_channels_become_what_players_take(channels: int, layout: str, made: str) -> None:
    assert sound(track(channels=channels, layout=layout)).layout == made


def test_mixing_down_is_said_and_keeping_is_not() -> None:
    assert sound(track(channels=12, layout='7.1.4')).changes == ('sound of 12 channels mixed to 7.1',)
    assert sound(track(channels=6, layout='5.1')).changes == ()
    assert sound(track(channels=6, layout='5.1'), 'stereo').changes == ('sound of 6 channels mixed to stereo',)


def test_the_bit_rate_fits_into_what_aac_can_hold() -> None:
    assert sound(track(channels=1, layout='mono', rate=8000)).bits == 48_000
    assert sound(track()).bits == 160_000
    assert sound(track(rate=192_000)).rate == 48_000


def test_of_a_language_the_default_track_is_chosen() -> None:
    tracks = (
        track(1, language='eng'),
        track(2, language='ger'),
        track(3, language='deu', is_default=True),
    )
    media = MediaFile(container='mkv', formats=('matroska',), sounds=tracks)

    assert chosen_sound(media) == tracks[2]
    assert chosen_sound(media, 'de') == tracks[2]
    assert chosen_sound(media, 'en-GB') == tracks[0]
    with pytest.raises(StepFailed, match='no sound in the language fr, only: eng, ger, deu'):
        chosen_sound(media, 'fr')


def test_which_of_several_tracks_is_published_is_said() -> None:
    tracks = (track(1, language='deu', is_default=True), track(2, language='eng'), track(3))
    media = MediaFile(container='mkv', formats=('matroska',), sounds=tracks)

    assert choice_of_sound(media) == 'Sound: deu (1 of 3); eng, unknown language left out'
    assert choice_of_sound(media, 'en') == 'Sound: eng (2 of 3); deu, unknown language left out'
    assert choice_of_sound(media, keeps_all=True) == 'Sound: deu (1 of 3); then eng, unknown language'
    assert choice_of_sound(media.model_copy(update={'sounds': tracks[:1]})) == ''


def test_a_film_without_sound_has_none_in_any_language() -> None:
    assert chosen_sound(MediaFile(container='mkv', formats=()), 'fr') is None


@pytest.mark.parametrize(('one', 'other'), [('de', 'GER'), ('deu', 'de-CH'), ('zh', 'chi'), ('tlh', 'tlh')])
def test_codes_of_one_language(one: str, other: str) -> None:
    assert same_language(one, other)


@pytest.mark.parametrize(('code', 'three'), [('de', 'deu'), ('ger', 'deu'), ('', ''), ('x', ''), ('gsw', 'gsw')])
def test_mp4_takes_three_letters(code: str, three: str) -> None:
    assert three_letters(code) == three
