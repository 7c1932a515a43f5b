"""How far a film is rendered."""

from synapse.language import _
from synapse.language.figures import number

from .ffmpeg import FfmpegProgress
from .probe import MediaFile

LEAD_SECONDS = 5.0
"""How far sound can be ahead of the picture while rendering: the encoder keeps frames back to compare them."""


class RenderMeter:
    """Turns ffmpeg's progress into a percentage that never decreases, up to 99; the rest is writing the index.

    Frames are the measure of the work. Where the container doesn't count them, their number is only likely: if the
    moment that is reached in the film says clearly otherwise, that is the measure.
    """

    def __init__(self, film: MediaFile) -> None:
        video = film.video
        self._frames = max(1, video.frames or round((film.seconds or 0) * video.average_rate)) if video else 0
        self._is_counted = bool(video and video.frames)
        self._seconds = film.seconds or 0.0
        self._lead = LEAD_SECONDS / self._seconds if self._seconds else 0.0
        self._shown = 0.0

    def percent(self, progress: FfmpegProgress) -> float:
        by_frames = progress.frame / self._frames if self._frames else 1.0
        by_time = progress.seconds / self._seconds if self._seconds else 1.0
        is_likely = by_frames <= by_time <= by_frames + self._lead
        part = by_frames if self._is_counted or is_likely else by_time
        self._shown = max(self._shown, min(99.0, 100 * part))
        return self._shown

    def note(self, progress: FfmpegProgress) -> str:
        text = _('frame {frame}', frame=progress.frame)
        if self._frames:
            text = _('frame {frame} of {total}', frame=progress.frame, total=max(self._frames, progress.frame))
        return f'{text}, {number(progress.fps, digits=0)} fps' if progress.fps else text
