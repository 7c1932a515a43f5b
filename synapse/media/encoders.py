"""Which encoder makes the picture: one of the graphics card where it really works here, else the processor."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from synapse.host.run import Run

from .ffmpeg import ffmpeg

Quality = Literal['draft', 'good', 'best']


@dataclass(frozen=True, slots=True)
class Encoder:
    """An H.264 encoder of ffmpeg.

    :param name: as ffmpeg calls it
    :param qualities: its options by quality
    :param first: options before the inputs
    :param filters: what brings a picture of the processor to it
    """

    name: str
    qualities: dict[Quality, Sequence[str]]
    first: Sequence[str] = ()
    filters: str = ''

    def options(self, quality: Quality) -> list[str]:
        """Return the options for the output."""
        return ['-c:v', self.name, *self.qualities[quality]]


def _by_level(option: str, draft: int, good: int, best: int, *more: str) -> dict[Quality, Sequence[str]]:
    return {
        'draft': (option, str(draft), *more),
        'good': (option, str(good), *more),
        'best': (option, str(best), *more),
    }


_APPLE = ('-tag:v', 'hvc1', '-x265-params', 'log-level=error')
"""The one mark under which Apple's players take HEVC."""
SOFTWARE = Encoder(
    'libx264',
    {
        'draft': ('-preset', 'veryfast', '-crf', '28'),
        'good': ('-preset', 'fast', '-crf', '22'),
        'best': ('-preset', 'slow', '-crf', '18'),
    },
)
HEVC = Encoder(
    'libx265',
    {
        'draft': ('-preset', 'veryfast', '-crf', '30', *_APPLE),
        'good': ('-preset', 'fast', '-crf', '24', *_APPLE),
        'best': ('-preset', 'slow', '-crf', '20', *_APPLE),
    },
)
"""For HDR, in 10 bits."""
HARDWARE: dict[str, Sequence[Encoder]] = {
    'darwin': (Encoder('h264_videotoolbox', _by_level('-q:v', 50, 62, 75)),),
    'win32': (
        Encoder('h264_nvenc', _by_level('-cq', 30, 24, 20, '-preset', 'p5', '-b:v', '0')),
        Encoder('h264_qsv', _by_level('-global_quality', 29, 24, 20)),
        Encoder('h264_amf', _by_level('-qp_i', 28, 23, 19, '-rc', 'cqp')),
    ),
    'linux': (
        Encoder('h264_nvenc', _by_level('-cq', 30, 24, 20, '-preset', 'p5', '-b:v', '0')),
        Encoder('h264_qsv', _by_level('-global_quality', 29, 24, 20)),
        Encoder(
            'h264_vaapi',
            _by_level('-qp', 28, 23, 19),
            first=('-vaapi_device', '/dev/dri/renderD128'),
            filters='format=nv12,hwupload',
        ),
    ),
}
"""By `sys.platform`, the best first."""


def encoder_for(run: Run, quality: Quality) -> Encoder:
    """Return the encoder to use; tries those of the graphics card with one frame each.

    The best quality is left to the processor: at the same size its picture is better.
    """
    candidates = () if quality == 'best' else HARDWARE.get(sys.platform, ())
    return first_working(run, candidates, quality) or SOFTWARE


def first_working(run: Run, candidates: Iterable[Encoder], quality: Quality) -> Encoder | None:
    """Return the first that encodes a frame; that ffmpeg lists it says nothing about this machine."""
    return next((encoder for encoder in candidates if _works(run, encoder, quality)), None)


def _works(run: Run, encoder: Encoder, quality: Quality) -> bool:
    filters = ['-vf', encoder.filters] if encoder.filters else []
    # Graphics cards refuse pictures that are much smaller.
    picture = ['-f', 'lavfi', '-i', 'color=size=640x360:rate=25:duration=1,format=yuv420p']
    outcome = ffmpeg(
        run,
        [*encoder.first, *picture, *filters, *encoder.options(quality), '-frames:v', '1', '-f', 'null', '-'],
        is_quiet=True,
    )
    return outcome.code == 0 and outcome.progress.frame == 1
