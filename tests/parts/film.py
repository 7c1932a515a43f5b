"""A published film as PyAV and a decoder see it: facts of its header, colours of its pixels, pitch of its sound."""

import itertools
import math
import re
from array import array
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
from av.video.reformatter import ColorRange, Colorspace

from tests.parts.programs import output_of

Pixel = tuple[int, int, int]


class Seen:
    """One picture in RGB."""

    def __init__(self, frame: Any, *, is_jpeg: bool = False) -> None:
        source = (Colorspace.ITU601, ColorRange.JPEG) if is_jpeg else (Colorspace.ITU709, ColorRange.MPEG)
        rgb = frame.reformat(format='rgb24', src_colorspace=source[0], src_color_range=source[1])
        self.width, self.height = rgb.width, rgb.height
        self._line = rgb.planes[0].line_size
        self._data = bytes(rgb.planes[0])

    def at(self, x: float, y: float) -> Pixel:
        """The colour at a place from 0 to 1, left to right and top to bottom."""
        start = int(y * self.height) * self._line + 3 * int(x * self.width)
        red, green, blue = self._data[start : start + 3]
        return red, green, blue

    @property
    def corners(self) -> tuple[Pixel, ...]:
        return tuple(self.at(x, y) for y in (0.08, 0.92) for x in (0.08, 0.92))

    @property
    def square(self) -> tuple[int, int]:
        """Width and height of the black square in the middle, in pixels."""
        row = sum(max(self.at((x + 0.5) / self.width, 0.5)) < 64 for x in range(self.width))
        column = sum(max(self.at(0.5, (y + 0.5) / self.height)) < 64 for y in range(self.height))
        return row, column

    @property
    def brightest_column(self) -> int:
        """Where the brightest pixel of the middle line is."""
        return max(range(self.width), key=lambda x: sum(self.at((x + 0.5) / self.width, 0.5)))

    @property
    def combs(self) -> float:
        """How much neighbouring lines differ, on average of all pixels; some tens where fields are woven."""
        lines = [self._data[y * self._line : y * self._line + 3 * self.width] for y in range(self.height)]
        pairs = itertools.pairwise(lines)
        return sum(abs(a - b) for one, two in pairs for a, b in zip(one, two, strict=True)) / len(self._data)


class Film:
    """A file that was delivered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with av.open(str(path)) as container:
            self.tags = dict(container.metadata)
            self.chapters = [chapter['metadata'].get('title', '') for chapter in container.chapters()]
            self.seconds = (container.duration or 0) / 1e6
            video = container.streams.video[0]
            context = video.codec_context
            self.codec, self.pixel_format = context.name, context.pix_fmt
            self.size = (context.width, context.height)
            self.colours = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
            self.sounds = [
                (stream.codec_context.name, stream.codec_context.channels, stream.codec_context.sample_rate)
                for stream in container.streams.audio
            ]
            self.languages = [stream.metadata.get('language') for stream in container.streams.audio]
            self.defaults = [bool(int(stream.disposition) & 1) for stream in container.streams.audio]
            self.subtitle_languages = [stream.metadata.get('language') for stream in container.streams.subtitles]
            frames = list(container.decode(video))
        self.has_mastering = any('MASTERING' in str(item.type) for frame in frames for item in frame.side_data)
        self.times = [float(frame.time) for frame in frames]
        self.is_interlaced = any(frame.interlaced_frame for frame in frames)
        self.first, self.middle, self.last = Seen(frames[0]), Seen(frames[len(frames) // 2]), Seen(frames[-1])
        self._frames = frames

    def subtitles(self, number: int) -> list[str]:
        """The texts of a track of subtitles, counted from 0."""
        track = ('-map', f'0:s:{number}', '-f', 'srt', '-')
        text = output_of(imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', str(self.path), *track).decode()
        return [re.sub('<[^>]*>', '', block.splitlines()[2]) for block in text.strip().split('\n\n')]

    def pictures(self) -> list[tuple[float, Seen]]:
        return [(at, Seen(frame)) for at, frame in zip(self.times, self._frames, strict=True)]

    def samples(self, rate: int = 48_000) -> 'array[int]':
        """The sound as one channel of 16 bits, from the start of the film on, with silence where there is none."""
        sound = ('-map', '0:a:0', '-af', 'aresample=async=1:first_pts=0', '-ac', '1', '-ar', str(rate))
        raw = output_of(
            imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', str(self.path), *sound, '-f', 's16le', '-'
        )
        return array('h', raw)

    def pitch(self) -> float:
        """Hertz, counted from how often the sound crosses zero in its middle."""
        samples = self.samples()
        part = samples[len(samples) // 4 : len(samples) * 3 // 4]
        crossings = sum((a < 0) != (b < 0) for a, b in itertools.pairwise(part))
        return crossings / 2 / (len(part) / 48_000)


def poster_of(path: Path) -> Seen:
    with av.open(str(path)) as container:
        return Seen(next(container.decode(video=0)), is_jpeg=True)


def are_close(seen: tuple[Pixel, ...], wanted: tuple[Pixel, ...], tolerance: float) -> bool:
    """Whether no component of any colour differs by more than that."""
    return all(
        math.isclose(a, b, abs_tol=tolerance)
        for one, two in zip(seen, wanted, strict=True)
        for a, b in zip(one, two, strict=True)
    )
