"""What is in a media file, as libavformat itself tells it (PyAV): nothing is read out of text meant for people."""

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from synapse.durations import clock
from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

from .pace import has_uneven_frames
from .structure import lacks_index

SAMPLED_FRAMES = 12
"""How many frames are decoded to see what no header says: rotation, interlacing."""
_LISTS = frozenset({'hls', 'dash', 'concat', 'tty', 'lavfi', 'ffmetadata', 'sdp', 'rtsp'})
"""Formats that name other files or places to read from, or that make a picture of text."""

Hdr = Literal['pq', 'hlg']
FieldOrder = Literal['progressive', 'interlaced']

# The numbers are those of ITU-T H.273, which libavutil and all modern containers use; the names are ffmpeg's.
_PRIMARIES = {
    1: 'bt709',
    4: 'bt470m',
    5: 'bt470bg',
    6: 'smpte170m',
    7: 'smpte240m',
    9: 'bt2020',
    11: 'smpte431',
    12: 'smpte432',
}
_TRANSFERS = {
    1: 'bt709', 4: 'gamma22', 5: 'gamma28', 6: 'smpte170m', 7: 'smpte240m', 8: 'linear', 13: 'iec61966-2-1',
    14: 'bt2020-10', 15: 'bt2020-12', 16: 'smpte2084', 18: 'arib-std-b67',
}  # fmt: skip
_MATRICES = {0: 'gbr', 1: 'bt709', 4: 'fcc', 5: 'bt470bg', 6: 'smpte170m', 7: 'smpte240m', 9: 'bt2020nc', 10: 'bt2020c'}
_RANGES = {1: 'tv', 2: 'pc'}


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stream(_Fact):
    index: int
    """In the file, counted from 0, as ffmpeg's `-map 0:INDEX` takes it."""
    codec: str
    """As ffmpeg names it."""
    start: float = 0.0
    """Seconds; where the stream begins on the clock of the container."""
    seconds: float | None = None
    """Length of this stream; None where the container doesn't say, see `measured`."""


class VideoStream(Stream):
    """One stream of pictures; `width` and `height` are pixels as stored, before rotation and aspect."""

    width: int
    height: int
    sample_aspect: float = 1.0
    """Width of a pixel by its height."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees, clockwise, by which a player turns the picture."""
    is_mirrored: bool = False
    """Whether a player shows left and right exchanged, too."""
    average_rate: float
    """Frames a second over the whole stream; 0 if unknown."""
    base_rate: float
    """The lowest rate at which all timestamps can be told apart; differs from the average where the rate varies."""
    pixel_format: str
    bits: int = 8
    """Of one colour component."""
    primaries: str = ''
    transfer: str = ''
    matrix: str = ''
    range: str = ''
    """These four as ffmpeg names them; empty where the file doesn't say."""
    field_order: FieldOrder = 'progressive'
    has_alpha: bool = False
    frames: int = 0
    """As the container counts them; 0 where it doesn't."""
    is_uneven: bool = False
    """Whether a look at some of the frames found them at varying intervals."""

    @property
    def hdr(self) -> Hdr | None:
        return {'smpte2084': 'pq', 'arib-std-b67': 'hlg'}.get(self.transfer)  # type: ignore[return-value]

    @property
    def varies(self) -> bool:
        """Whether frames come at varying intervals, as from phones and screen recorders."""
        if not self.base_rate:
            return self.is_uneven
        # Half the base rate is a steady one, too: H.264 counts fields, of which a frame has two.
        is_steady = any(abs(factor * self.average_rate / self.base_rate - 1) <= 0.01 for factor in (1, 2))
        return self.is_uneven or not is_steady

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height in square pixels as a player shows them."""
        wide, high = max(1, round(self.width * self.sample_aspect)), self.height
        return (high, wide) if self.rotation in (90, 270) else (wide, high)


class AudioStream(Stream):
    """One sound track."""

    channels: int
    layout: str
    rate: int
    """Samples a second."""
    language: str = ''
    """ISO 639-2 as the file says it; empty for none and for `und`."""
    title: str = ''
    is_default: bool = False


class SubtitleStream(_Fact):
    """One track of subtitles inside the file."""

    index: int
    codec: str
    language: str = ''
    title: str = ''
    is_default: bool = False


class Chapter(_Fact):
    """A named stretch, in seconds."""

    start: float
    end: float
    title: str = ''


class MediaFile(_Fact):
    """Everything that a file says of itself."""

    container: str
    """What a person calls it: `mp4`, `mkv`."""
    formats: tuple[str, ...]
    """libavformat's names for its demuxer, such as `mov` and `mp4`."""
    seconds: float | None = None
    """Length of the longest stream; None until `measured` where the container doesn't say."""
    stated_seconds: float | None = None
    """Length as the container says it, right or wrong."""
    start: float = 0.0
    videos: tuple[VideoStream, ...] = ()
    """Pictures that move, in the order of the file; still covers are in `cover`."""
    sounds: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleStream, ...] = ()
    cover: int | None = None
    """Index of the stream that holds a cover picture."""
    chapters: tuple[Chapter, ...] = ()
    tags: dict[str, str] = {}
    """As the file writes them, keys in lower case. Text of people: never a fact about the media."""

    @property
    def film_indexes(self) -> frozenset[int]:
        """Indexes of the streams that are the film itself, pictures and sound."""
        return frozenset(stream.index for stream in (*self.videos, *self.sounds))

    @property
    def is_measured(self) -> bool:
        """Whether `seconds` can be relied upon.

        Where frames come at varying intervals, MP4 files can state the sum of the decoding times, which is shorter.
        """
        varies = self.video is not None and self.video.varies
        return self.seconds is not None and not (varies and self.seconds == self.stated_seconds)

    @property
    def sentence(self) -> str:
        """What people want to know of it, in one line."""
        words = [self.container, clock(self.seconds or 0)]
        if self.video:
            wide, high = self.video.shown_size
            rate = f'{self.video.average_rate:.4g} fps'
            rate = _('{rate} on average', rate=rate) if self.video.varies else rate
            turned = [_('rotated by {rotation}°', rotation=self.video.rotation)] if self.video.rotation else []
            hdr = ['HDR'] if self.video.hdr else []
            words += [f'{wide}×{high}', *turned, rate, self.video.codec, *hdr]
        words.append(_('sound {codec}', codec=self.sound.codec) if self.sound else _('no sound'))
        return ', '.join(words)

    @property
    def video(self) -> VideoStream | None:
        """The picture: the default stream, else the first."""
        return self.videos[0] if self.videos else None

    @property
    def sound(self) -> AudioStream | None:
        """The track that a player chooses: the first marked as default, else the first."""
        return next((sound for sound in self.sounds if sound.is_default), next(iter(self.sounds), None))


def probe(path: Path) -> MediaFile:
    """Read the headers of a file, and a few frames of its first picture; takes milliseconds.

    :raises StepFailed: with the reason, if it holds neither picture nor sound
    """
    with opened(path) as container:
        formats = tuple(container.format.name.split(','))
        if any(name == 'image2' or name.endswith('_pipe') for name in formats):
            raise StepFailed(_('{name} is a picture, not a video.', name=path.name), _('Give the video itself.'))
        if _LISTS & set(formats):
            raise _no_media(path)
        videos, covers = [], []
        for stream in container.streams.video:
            if stream.codec_context is None or not stream.codec_context.width:
                continue
            is_cover = bool(int(stream.disposition) & _ATTACHED_PICTURE)
            covers.append(stream.index) if is_cover else videos.append(stream)
        videos.sort(key=lambda stream: (not int(stream.disposition) & _DEFAULT, stream.index))
        sounds = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not videos and not sounds:
            raise _no_media(path)
        looks = _look(container, videos[0]) if videos else {}
        if videos and not videos[0].frames:
            looks['is_uneven'] = has_uneven_frames(container, videos[0])
        seconds = container.duration / 1e6 if container.duration else None
        suffix = path.suffix.lower().lstrip('.')
        return MediaFile(
            container=suffix if suffix in (*formats, 'mkv', 'm4v') else formats[0],
            formats=formats,
            seconds=seconds,
            stated_seconds=seconds,
            start=(container.start_time or 0) / 1e6,
            videos=tuple(_video(stream, looks if stream is videos[0] else {}) for stream in videos),
            sounds=tuple(_sound(stream) for stream in sounds),
            subtitles=tuple(_subtitle(stream) for stream in container.streams.subtitles),
            cover=covers[0] if covers else None,
            chapters=tuple(_chapter(chapter) for chapter in container.chapters()),
            tags={key.lower(): value for key, value in container.metadata.items()},
        )


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An `av.container.InputContainer` that reads this file and no other place.

    :raises StepFailed: if it cannot be opened, or turns out to be no media while it is read
    """
    import av  # costs 100 ms, and only films need it

    try:
        # A name like `-` or `http:...` is a file too; and what the file names is not followed anywhere.
        with av.open(f'file:{path}', options={'protocol_whitelist': 'file'}, metadata_errors='replace') as container:
            yield container
    except av.error.FFmpegError as error:
        raise _no_media(path) from error


_DEFAULT, _ATTACHED_PICTURE = 1, 1024
"""AV_DISPOSITION_DEFAULT and AV_DISPOSITION_ATTACHED_PIC of libavformat's avformat.h."""


def _look(container: Any, stream: Any) -> dict[str, Any]:
    """What only frames tell: how they are turned, whether they are two fields, and their colours."""
    import av

    looks: dict[str, Any] = {}
    try:
        for count, frame in enumerate(container.decode(stream)):
            if not count:
                # The decoder's own size is that of the last frame, which differs where a recording changes it.
                looks = {
                    'width': frame.width,
                    'height': frame.height,
                    **_orientation(frame),
                    'primaries': _PRIMARIES.get(int(frame.color_primaries), ''),
                    'transfer': _TRANSFERS.get(int(frame.color_trc), ''),
                    'matrix': _MATRICES.get(int(frame.colorspace), ''),
                    'range': _RANGES.get(int(frame.color_range), ''),
                }
            if frame.interlaced_frame:
                looks['field_order'] = 'interlaced'
                break
            if count >= SAMPLED_FRAMES:
                break
    except av.error.FFmpegError:
        return looks  # whether it plays is asked by another, who has words for it
    return looks


def _orientation(frame: Any) -> dict[str, Any]:
    """How a player turns a frame; ffmpeg's transpose and flips do the same by themselves."""
    turned = -frame.rotation % 360 if frame.rotation % 90 == 0 else 0
    try:
        matrix = frame.side_data.get('DISPLAYMATRIX')
    except ValueError:  # PyAV has no name for other data of this frame, such as EXIF
        matrix = None
    if matrix is None:
        return {'rotation': turned}
    # Row by row a, b, u, c, d, v, x, y, w, see av_display_rotation_get in libavutil's display.h.
    a, b, __, c, d, *__ = struct.unpack('=9i', bytes(matrix))
    is_mirrored = a * d - b * c < 0
    return {'rotation': 0 if is_mirrored and turned == 180 else turned, 'is_mirrored': is_mirrored}


def _video(stream: Any, looks: dict[str, Any]) -> VideoStream:
    context = stream.codec_context
    components = context.format.components if context.format else ()
    facts = {
        'width': context.width,
        'height': context.height,
        'primaries': _PRIMARIES.get(int(context.color_primaries), ''),
        'transfer': _TRANSFERS.get(int(context.color_trc), ''),
        'matrix': _MATRICES.get(int(context.colorspace), ''),
        'range': _RANGES.get(int(context.color_range), ''),
    }
    return VideoStream(
        index=stream.index,
        codec=context.codec.canonical_name if context.codec else context.name,
        sample_aspect=float(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1) or 1.0,
        average_rate=float(stream.average_rate or 0),
        base_rate=float(stream.base_rate or 0),
        pixel_format=context.pix_fmt or '',
        bits=max((component.bits for component in components), default=8),
        # Matroska keeps the transparency of VP8 and VP9 in a second stream of bytes and says so by this tag.
        has_alpha=any(component.is_alpha for component in components) or stream.metadata.get('alpha_mode') == '1',
        frames=stream.frames,
        **_times(stream),
        **(facts | {name: value for name, value in looks.items() if value}),
    )


def _sound(stream: Any) -> AudioStream:
    context = stream.codec_context
    layout = _kept(context.layout)
    return AudioStream(
        index=stream.index,
        codec=context.codec.canonical_name if context.codec else context.name,
        channels=layout.nb_channels,
        layout=layout.name,
        rate=context.sample_rate,
        **_track(stream),
        **_times(stream),
    )


def _kept(layout: Any) -> Any:
    """The same, never released.

    PyAV 18 copies a layout without the list of channels that a layout of one's own order points to, and frees that
    list with each copy: a second time when the file is closed, which ends the process. So too with `channels`, and with
    each decoded frame of sound: don't decode sound with PyAV.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))
    return layout


def _subtitle(stream: Any) -> SubtitleStream:
    return SubtitleStream(
        index=stream.index, codec=stream.codec_context.name if stream.codec_context else '', **_track(stream)
    )


def _track(stream: Any) -> dict[str, Any]:
    language = stream.metadata.get('language', '')
    return {
        'language': '' if language == 'und' else language,
        'title': stream.metadata.get('title', ''),
        'is_default': bool(int(stream.disposition) & _DEFAULT),
    }


def _times(stream: Any) -> dict[str, Any]:
    base = stream.time_base
    return {
        'start': float((stream.start_time or 0) * base),
        'seconds': float(stream.duration * base) if stream.duration else None,
    }


def _chapter(chapter: Any) -> Chapter:
    base = chapter['time_base']
    title = chapter.get('metadata', {}).get('title', '')
    return Chapter(start=float(chapter['start'] * base), end=float(chapter['end'] * base), title=title)


def _no_media(path: Path) -> StepFailed:
    with path.open('rb') as file:
        head = file.read(4096)
    if b'\0' not in head and _is_text(head):
        return StepFailed(_('{name} is a text file, not a video.', name=path.name), _('Give the video itself.'))
    if lacks_index(path):
        return StepFailed(
            _('{name} is incomplete: its index is missing.', name=path.name), _('Copy it again from its source.')
        )
    return StepFailed(
        _('{name} is not a video that can be read.', name=path.name), _('Check whether it plays in a video player.')
    )


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # only the last character is cut
    return True
