"""The poster of a film: one typical frame as JPEG."""

from collections.abc import Iterator
from pathlib import Path

from synapse.host.run import Run
from synapse.language import _

from .ffmpeg import ffmpeg, source
from .probe import MediaFile
from .render import RenderPlan

_MOST_FRAMES = 50
_JPEG = 'format=gbrp,scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p'
"""JFIF has BT.601 in full range, whatever it was made of. By way of RGB, since ffmpeg 7 mixes up the matrices."""


def make_poster(run: Run, video: Path, poster: Path, media: MediaFile, plan: RenderPlan) -> None:
    """Write the poster of a film.

    :param plan: one that does not keep HDR
    :raises StepFailed: if no frame can be decoded
    """
    for attempt in _attempts(source(video), media, plan):
        outcome = ffmpeg(run, [*attempt, f'file:{poster}'], is_quiet=True)
        if poster.is_file():
            return
    raise outcome.failure(_('No poster could be made'))


def _attempts(opened: list[str], media: MediaFile, plan: RenderPlan) -> Iterator[list[str]]:
    """Yield arguments without the output, best first; the next are for when one makes no file.

    The first takes the most typical frame of the second that starts at a third of the picture. Its length may be
    wrong, or all of it one frame that starts earlier; then the first second, and at last the first frame must do.
    """
    video = media.video
    if video is None:
        for seek in (['-ss', f'{plan.seconds / 3:.3f}'], []):
            yield [*opened, *plan.picture_arguments(_JPEG), *seek, *_ONE_FRAME]
        return
    # The filter wants at least two frames; it makes do with fewer.
    thumbnail = f'thumbnail={max(2, min(_MOST_FRAMES, round(video.average_rate)))}'
    third = max(0.0, video.start - media.start) + (video.seconds or media.seconds or 0.0) / 3
    for seek, filters in ((['-ss', f'{third:.3f}'], [thumbnail]), ([], [thumbnail]), ([], [])):
        yield [*seek, *plan.input_arguments, *opened, *plan.picture_arguments(*filters, _JPEG), *_ONE_FRAME]


_ONE_FRAME = ('-frames:v', '1', '-q:v', '3', '-update', '1', '-map_metadata', '-1')
