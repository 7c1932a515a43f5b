"""Whether a film plays: its end is there, and it decodes where it is tried."""

from collections.abc import Callable, Sequence
from pathlib import Path

from synapse.durations import clock
from synapse.host.run import Run
from synapse.pipelines.pipeline import StepFailed

from .ffmpeg import ffmpeg, source
from .probe import MediaFile, last_end
from .structure import stated_bytes

WHOLE_SECONDS = 60.0
"""Films up to this long are decoded from start to end; of longer ones the start, the end and `PLACES` between."""
EDGE_SECONDS = 3.0
PLACES = 8
PLACE_SECONDS = 0.5

_STATING = frozenset({'mov', 'matroska', 'webm', 'avi', 'asf', 'flv'})
"""Containers whose header states the length; for others libavformat may guess it from the bit rate."""


def check_playable(run: Run, path: Path, media: MediaFile, on_progress: Callable[[float], None]) -> None:
    """Look for the end of a film, then decode all of it, or several places of one that is longer than a minute.

    What lies between the places isn't looked at: damage there is found while rendering.

    :param on_progress: called with the fraction that is done, from 0 to 1
    :raises StepFailed: if the end is missing or it cannot be decoded
    """
    seconds = media.seconds or 0.0
    _check_end(path, media)
    on_progress(0.1)
    places: list[tuple[Sequence[str], float]] = [([], seconds)]
    if seconds > WHOLE_SECONDS:
        ats = (seconds * number / (PLACES + 1) for number in range(1, PLACES + 1))
        places = [
            (['-t', f'{EDGE_SECONDS:g}'], EDGE_SECONDS),
            # From the key frame before it: decoding up to the exact place would take most of the time.
            *((['-noaccurate_seek', '-ss', f'{at:.3f}', '-t', f'{PLACE_SECONDS:g}'], PLACE_SECONDS) for at in ats),
            (['-sseof', f'-{EDGE_SECONDS:g}'], EDGE_SECONDS),
        ]
    flickers: list[str] = []
    for number, (where, length) in enumerate(places):

        def show(at: float, number: int = number, length: float = length) -> None:
            part = min(1.0, at / length) if length else 1.0
            on_progress(0.1 + 0.9 * (number + part) / len(places))

        flickers += _errors_decoding(run, path, media, where, show)
    if flickers:
        run.log.warning(f'{path.name} has minor errors and may flicker: {flickers[0]}')


def _check_end(path: Path, media: MediaFile) -> None:
    stated = media.stated_seconds
    if not stated or not _STATING & set(media.formats):
        return
    is_cut = (stated_bytes(path) or 0) > path.stat().st_size
    reached = last_end(path, media)
    if is_cut or reached < stated - max(2.0, stated * 0.01):
        raise StepFailed(
            f'{path.name} is incomplete: it ends at {clock(reached)} of {clock(stated)}.',
            'Copy it again from its source.',
        )


def _errors_decoding(
    run: Run, path: Path, media: MediaFile, where: Sequence[str], on_progress: Callable[[float], None]
) -> list[str]:
    """Decode one place of a film and return the errors that can be lived with.

    :raises StepFailed: if it has no frames there, or too few that can be decoded
    """
    streams = [stream for stream in (media.video, media.sound) if stream is not None]
    outcome = ffmpeg(
        run,
        [
            *(*where, '-max_error_rate', '0.1', *source(path)),
            *(word for stream in streams for word in ('-map', f'0:{stream.index}')),
            *('-f', 'null', '-'),
        ],
        on_progress=lambda progress: on_progress(progress.seconds),
        is_quiet=True,
    )
    if outcome.code or (media.video and not outcome.progress.frame and '-sseof' not in where):
        words = outcome.errors[0] if outcome.errors else 'it has no frames'
        raise StepFailed(f'{path.name} is damaged: {words}.', 'Check whether it plays in a video player.')
    return outcome.errors
