"""Which sound track is published, and how many channels it has then."""

from dataclasses import dataclass
from typing import Literal

from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

from .languages import same_language
from .probe import AudioStream, MediaFile

Channels = Literal['keep', 'stereo']

# With the configurations 1 to 6 and 12 of ISO/IEC 14496-3 players know by a number where each channel belongs; ffmpeg
# would write any other layout in a way that only some of them read.
_STANDARD = {
    'mono': 'mono',
    'stereo': 'stereo',
    '3.0': '3.0',
    '4.0': '4.0',
    '5.0': '5.0',
    '5.0(side)': '5.0',
    '5.1': '5.1',
    '5.1(side)': '5.1',
    '7.1': '7.1',
}
_BY_COUNT = {1: 'mono', 2: 'stereo', 6: '5.1', 7: '7.1', 8: '7.1'}
_COUNTS = {'mono': 1, 'stereo': 2, '3.0': 3, '4.0': 4, '5.0': 5, '5.1': 6, '7.1': 8}
_MOST_RATE = 48_000
_BITS_PER_CHANNEL = 80_000
_MOST_BITS_PER_SAMPLE = 6
"""An AAC frame has at most 6,144 bits for 1,024 samples of a channel."""


@dataclass(frozen=True, slots=True)
class Sound:
    """How ffmpeg makes the published sound of a track.

    :param filters: for `-af`
    :param layout: as ffmpeg names it
    :param rate: samples a second
    :param bits: bits a second
    :param changes: what is done to it, in a few words each
    """

    track: AudioStream
    filters: str
    layout: str
    rate: int
    bits: int
    changes: tuple[str, ...]

    def output_arguments(self, number: int) -> list[str]:
        """Map the track and encode it as AAC.

        :param number: of the track in the output, from 0; players choose the first
        """
        return [
            *('-map', f'0:{self.track.index}', f'-filter:a:{number}', self.filters, f'-c:a:{number}', 'aac'),
            *(f'-b:a:{number}', str(self.bits), f'-ar:a:{number}', str(self.rate)),
            *(f'-disposition:a:{number}', '0' if number else 'default'),
        ]


def chosen_sound(media: MediaFile, language: str = '') -> AudioStream | None:
    """Return the track to publish: the first in a language, else the one that a player chooses.

    :param language: ISO 639 code of two or three letters; empty for any
    :raises StepFailed: if there is sound, but none in this language
    """
    if not language or not media.sounds:
        return media.sound
    found = [sound for sound in media.sounds if same_language(sound.language, language)]
    if not found:
        known = ', '.join(dict.fromkeys(sound.language or _('unknown') for sound in media.sounds))
        raise StepFailed(
            _('The video has no sound in the language {language}, only: {known}.', language=language, known=known),
            _('Choose one of these, or leave the language empty.'),
        )
    return next((sound for sound in found if sound.is_default), found[0])


def choice_of_sound(media: MediaFile, language: str = '', *, keeps_all: bool = False) -> str:
    """Return which of several tracks is published, such as `Sound: deu (1 of 2); eng left out`; empty for only one.

    :raises StepFailed: see `chosen_sound`
    """
    chosen = chosen_sound(media, language)
    if chosen is None or len(media.sounds) < 2:
        return ''
    others = ', '.join(_name(track) for track in media.sounds if track != chosen)
    what = _('then {others}', others=others) if keeps_all else _('{others} left out', others=others)
    return _(
        'Sound: {name} ({index} of {count}); {what}',
        name=_name(chosen),
        index=media.sounds.index(chosen) + 1,
        count=len(media.sounds),
        what=what,
    )


def _name(track: AudioStream) -> str:
    return track.language or _('unknown language')


def sound(track: AudioStream, channels: Channels = 'keep') -> Sound:
    """Return how a track is published."""
    layout = _layout(track, channels)
    rate = min(track.rate, _MOST_RATE) or _MOST_RATE
    count = _COUNTS[layout]
    is_mixed = count < track.channels
    return Sound(
        track=track,
        # Gaps and a late start are filled with silence: some players ignore when a track of an MP4 starts.
        filters=f'aresample=async=1:first_pts=0,{_mix(track, layout)}',
        layout=layout,
        rate=rate,
        bits=count * min(_BITS_PER_CHANNEL, _MOST_BITS_PER_SAMPLE * rate),
        changes=(_('sound of {channels} channels mixed to {layout}', channels=track.channels, layout=layout),)
        if is_mixed
        else (),
    )


def _layout(track: AudioStream, channels: Channels) -> str:
    if channels == 'stereo' and track.channels > 2:
        return 'stereo'
    if track.layout in _STANDARD:
        return _STANDARD[track.layout]
    if track.channels > 8:
        return 'stereo' if _is_unnamed(track) else '7.1'
    return _BY_COUNT.get(track.channels, 'stereo')


def _is_unnamed(track: AudioStream) -> bool:
    """Whether the file doesn't say where the channels belong."""
    return track.layout in ('', f'{track.channels} channels')


def _mix(track: AudioStream, layout: str) -> str:
    if not _is_unnamed(track) or track.channels <= 8:
        return f'aformat=channel_layouts={layout}'
    # ffmpeg itself refuses to mix channels without a place, or gives them one; these are the tracks of a recorder.
    left, right = ('+'.join(f'c{channel}' for channel in range(start, track.channels, 2)) for start in (0, 1))
    return f'pan=stereo|FL<{left}|FR<{right}'
