"""Whether a film plays: its end is there, and it decodes where it is tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from synapse.durations import clock
from synapse.host.run import Run
from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

from .dolby_vision import is_dolby_only
from .ffmpeg import FfmpegResult, ffmpeg, source
from .length import last_end
from .probe import MediaFile
from .structure import stated_bytes

WHOLE_SECONDS = 60.0
"""Films up to this long are decoded from start to end; of longer ones the start, the end and `PLACES` between."""
EDGE_SECONDS = 3.0
PLACES = 8
PLACE_SECONDS = 0.5
MOST_BAD_PLACES = 1
"""Of those between. A scratch is seen for a moment; in two of eight places there would be damage all over the film."""

_STATING = frozenset({'mov', 'matroska', 'webm', 'avi', 'asf', 'flv'})
"""Containers whose header states the length; for others libavformat may guess it from the bit rate."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a film is decoded.

    :param where: options before the input
    :param seconds: how much of it
    :param most_errors: the part of its packets that may fail
    """

    where: Sequence[str]
    seconds: float
    most_errors: float = 0.1


def check_playable(run: Run, path: Path, media: MediaFile, on_progress: Callable[[float], None]) -> str:
    """Look for the end of a film, then decode all of it, or several places of one that is longer than a minute.

    What lies between the places isn't looked at: damage there is found while rendering. Returns where it plays, in
    words.

    :param on_progress: called with the fraction that is done, from 0 to 1
    :raises StepFailed: if its colours cannot be converted, the end is missing, or it cannot be decoded
    """
    _check_colours(path, media)
    _check_end(path, media)
    on_progress(0.1)
    places = _places(media.seconds or 0.0)
    flickers: list[str] = []
    bad = 0
    for number, place in enumerate(places):

        def show(at: float, number: int = number, seconds: float = place.seconds) -> None:
            part = min(1.0, at / seconds) if seconds else 1.0
            on_progress(0.1 + 0.9 * (number + part) / len(places))

        result = _decoded(run, path, media, place, show)
        flickers += result.errors
        # Only at the start: the picture may end before the sound.
        has_no_frames = not number and media.video and not result.progress.frame
        if result.code or has_no_frames:
            bad += 1
            if number in (0, len(places) - 1) or bad > MOST_BAD_PLACES:
                words = result.first_error if result.errors else _('it has no frames')
                raise StepFailed(
                    _('{name} is damaged: {words}.', name=path.name, words=words),
                    _('Check whether it plays in a video player.'),
                )
    if flickers:
        run.log.warning(_('{name} has minor errors and may flicker: {reason}', name=path.name, reason=flickers[0]))
    return (
        _('from start to end')
        if len(places) == 1
        else _('at its start, its end and {places} places between', places=PLACES)
    )


def _places(seconds: float) -> list[_Place]:
    if seconds <= WHOLE_SECONDS:
        return [_Place([], seconds)]
    ats = (seconds * number / (PLACES + 1) for number in range(1, PLACES + 1))
    return [
        # Recordings of television start in the middle of a group of pictures, which cannot be decoded.
        _Place(['-t', f'{EDGE_SECONDS:g}'], EDGE_SECONDS, most_errors=0.5),
        *(_Place([*_from(at), '-t', f'{PLACE_SECONDS:g}'], PLACE_SECONDS) for at in ats),
        # Not by -sseof, which decodes the whole of a recording that states no length.
        _Place(_from(seconds - EDGE_SECONDS), EDGE_SECONDS),
    ]


def _from(at: float) -> list[str]:
    """Start at the key frame before: decoding up to the exact place would take most of the time."""
    return ['-noaccurate_seek', '-ss', f'{at:.3f}']


def _check_colours(path: Path, media: MediaFile) -> None:
    if media.video and 'mov' in media.formats and is_dolby_only(path):
        raise StepFailed(
            _('{name} has the colours of Dolby Vision only, which would come out green and purple.', name=path.name),
            _('Export it as HDR10, HLG or SDR, or as Dolby Vision of profile 8, and publish that.'),
        )


def _check_end(path: Path, media: MediaFile) -> None:
    is_cut = (stated_bytes(path) or 0) > path.stat().st_size
    stated = media.stated_seconds if _STATING & set(media.formats) else None
    if not stated:
        if is_cut:
            raise _incomplete(path, _('its end is missing'))
        return
    reached = last_end(path, media)
    if is_cut or reached < stated - max(2.0, stated * 0.01):
        is_told = clock(reached) != clock(stated)
        raise _incomplete(
            path,
            _('it ends at {reached} of {stated}', reached=clock(reached), stated=clock(stated))
            if is_told
            else _('its end is missing'),
        )


def _incomplete(path: Path, why: str) -> StepFailed:
    return StepFailed(_('{name} is incomplete: {why}.', name=path.name, why=why), _('Copy it again from its source.'))


def _decoded(
    run: Run, path: Path, media: MediaFile, place: _Place, on_progress: Callable[[float], None]
) -> FfmpegResult:
    """Decode one place of a film; it fails if too little can be decoded there."""
    streams = [stream for stream in (media.video, media.sound) if stream is not None]
    return ffmpeg(
        run,
        [
            *(*place.where, '-max_error_rate', f'{place.most_errors:g}', *source(path)),
            *(word for stream in streams for word in ('-map', f'0:{stream.index}')),
            *('-f', 'null', '-'),
        ],
        on_progress=lambda progress: on_progress(progress.seconds),
        is_quiet=True,
    )
