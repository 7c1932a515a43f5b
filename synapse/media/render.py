"""What RENDER asks of ffmpeg: picture, sound, own subtitles and tags of a film as options of one call."""

from dataclasses import dataclass
from pathlib import Path

from synapse.host.run import Run
from synapse.language import _, _n
from synapse.pipelines.pipeline import StepFailed

from .encoders import Encoder, Quality
from .ffmpeg import ffmpeg, source
from .own_subtitles import left_out, own_subtitles
from .picture import PictureWishes, needs_zscale, picture
from .probe import MediaFile, SubtitleStream, VideoStream
from .sound import Channels, Sound, chosen_sound, sound
from .sound_film import film_of_sound

_SUBTITLE_TICKS = ('-time_base:s', '1:1000')
"""In ffmpeg's own microseconds a text that is shown for 36 minutes is too long for MP4, and the whole film fails."""


@dataclass(frozen=True, slots=True)
class SoundWishes:
    """What a person chose about the sound.

    :param language: an ISO 639 code, empty for the default track
    :param keeps_all: whether the other tracks follow that one
    """

    language: str = ''
    channels: Channels = 'keep'
    keeps_all: bool = False


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """How one film is rendered.

    :param size: width and height of the published picture
    :param hdr: whether it stays HDR, which takes an encoder of 10 bits
    :param filters: for the picture
    :param stream: the picture in the file; None if the filters make it of the sound
    :param varies: whether its frames come at varying intervals
    :param seconds: where the film ends if its picture would not
    :param sounds: the tracks, first the one that players choose
    :param changes: what is done to picture and sound, in a few words each
    """

    size: tuple[int, int]
    hdr: bool
    pixel_format: str
    filters: str
    stream: int | None
    varies: bool
    seconds: float
    sounds: tuple[Sound, ...]
    subtitles: tuple[SubtitleStream, ...]
    changes: tuple[str, ...]
    input_arguments: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is made of the film, in one line."""
        size = _('Renders at {width}×{height}', width=self.size[0], height=self.size[1])
        return f'{size}: {", ".join(self.changes)}' if self.changes else size

    def picture_arguments(self, *more: str) -> list[str]:
        """Map and filter the picture.

        :param more: filters after the others
        """
        filters = ','.join([self.filters, *more])
        if self.stream is not None:
            return ['-map', f'0:{self.stream}', '-vf', filters]
        return ['-filter_complex', f'{filters}[picture]', '-map', '[picture]', '-t', f'{self.seconds:.3f}']

    def arguments(
        self, video: Path, encoder: Encoder, quality: Quality, *, caption: Path | None = None, burnt: str = ''
    ) -> list[str]:
        """Return what ffmpeg needs before tags and output.

        :param caption: an mp4 whose text track is copied, before the film's own
        :param burnt: a filter that draws into the picture
        """
        # With frames out of order, the MP4 of a variable rate would state a length without its last frames; and in
        # ticks that ffmpeg chooses by the rate, its last frame could last for hours.
        timing = ['-bf', '0', '-enc_time_base:v', 'demux'] if self.varies else []
        first = int(caption is not None)
        own = [
            word
            for number, track in enumerate(self.subtitles, first)
            for word in ('-map', f'0:{track.index}', f'-c:s:{number}', 'mov_text')
        ]
        return [
            *(*encoder.first, *self.input_arguments, *source(video), *(source(caption) if caption else [])),
            *self.picture_arguments(*(filters for filters in (burnt, encoder.filters) if filters)),
            *(*encoder.options(quality), *timing),
            *([] if encoder.filters else ['-pix_fmt', self.pixel_format]),
            *(word for number, track in enumerate(self.sounds) for word in track.output_arguments(number)),
            *(['-map', '1:0', '-c:s:0', 'copy'] if caption else []),
            *(*own, *(_SUBTITLE_TICKS if caption or own else [])),
        ]


def render_plan(
    media: MediaFile, wishes: PictureWishes, heard: SoundWishes, *, keeps_subtitles: bool = False
) -> RenderPlan:
    """Return how a film is rendered.

    :raises StepFailed: if it has no sound in the language that was chosen
    """
    sounds = _sounds(media, heard)
    subtitles = own_subtitles(media) if keeps_subtitles else ()
    if media.video is None:
        return _plan_of_sound(media, wishes, sounds, subtitles)
    seen = picture(media.video, wishes)
    return RenderPlan(
        size=seen.size,
        hdr=seen.hdr,
        pixel_format=seen.pixel_format,
        filters=seen.filters,
        stream=media.video.index,
        varies=media.video.varies,
        seconds=media.seconds or 0.0,
        sounds=sounds,
        subtitles=subtitles,
        changes=(
            *seen.changes,
            *_changes(sounds),
            *(left_out(media) if keeps_subtitles else ()),
        ),
        input_arguments=tuple(seen.input_arguments),
    )


def _sounds(media: MediaFile, heard: SoundWishes) -> tuple[Sound, ...]:
    first = chosen_sound(media, heard.language)
    if first is None:
        return ()
    others = [track for track in media.sounds if track != first] if heard.keeps_all else []
    return tuple(sound(track, heard.channels) for track in (first, *others))


def _changes(sounds: tuple[Sound, ...]) -> tuple[str, ...]:
    kept = (_n('{count} sound track', '{count} sound tracks', len(sounds)),) if len(sounds) > 1 else ()
    return (*kept, *dict.fromkeys(change for made in sounds for change in made.changes))


def _plan_of_sound(
    media: MediaFile, wishes: PictureWishes, sounds: tuple[Sound, ...], subtitles: tuple[SubtitleStream, ...]
) -> RenderPlan:
    if not sounds:
        raise StepFailed(_('The file has neither picture nor sound.'), _('Choose a film or a recording.'))
    filters, size, shown = film_of_sound(media, sounds[0].track, wishes)
    return RenderPlan(
        size=size,
        hdr=False,
        pixel_format='yuv420p',
        filters=filters,
        stream=None,
        varies=False,
        seconds=media.seconds or 0.0,
        sounds=sounds,
        subtitles=subtitles,
        changes=(_('a film of {picture}', picture=shown), *_changes(sounds)),
    )


def has_zscale(run: Run, video: VideoStream | None) -> bool:
    """Whether this ffmpeg has the filter that a picture needs; True without trying if it needs none."""
    if video is None or not needs_zscale(video):
        return True
    trial = ['-f', 'lavfi', '-i', 'color=size=16x16:duration=0.04', '-vf', 'zscale', '-f', 'null', '-']
    return ffmpeg(run, trial, is_quiet=True).code == 0
