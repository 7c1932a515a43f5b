"""Whether the frames of a film come as regularly as its header says."""

from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

PLACES = (0.0, 0.3, 0.6, 0.9)
"""Parts of the film at which its packets are looked at."""
SAMPLED_PACKETS = 40
"""Of the picture, at each place."""
_MOST_PACKETS = 500
_MOST_AT_END = 5000
"""Of all streams, from the last key frame on."""
LASTING_FRAMES = 4
"""Longer than this many frames take, the last one isn't shown in a steady film: it ends a slide show, say."""
_REORDERED = 8
"""Left out at the end of a sample: frames that are shown between these may be stored after it."""


def has_uneven_frames(container: Any, stream: Any) -> bool:
    """Whether frames are missing or late in any of the samples, or the last one is shown long; decodes nothing.

    Returns to the start of the film. Matroska has no field for a varying rate: screen recorders write one that is too
    high, or none.

    :param container: an `av.container.InputContainer`
    :param stream: one of its pictures
    """
    import av

    rate = float(stream.average_rate or 0)
    if not rate or not container.duration:
        return False
    length = container.duration
    is_uneven = False
    for place in PLACES:
        with suppress(av.error.FFmpegError):
            container.seek(int((container.start_time or 0) + place * length))
            moments = _moments(container, stream)
            gaps = [later - earlier for earlier, later in pairwise(moments)]
            is_uneven = is_uneven or max(gaps, default=0.0) * rate > 1.6
    with suppress(av.error.FFmpegError):
        container.seek((container.start_time or 0) + length)
        is_uneven = is_uneven or _longest_at_end(container, stream) * rate > LASTING_FRAMES
    with suppress(av.error.FFmpegError):
        container.seek(container.start_time or 0)
    return is_uneven


def _longest_at_end(container: Any, stream: Any) -> float:
    """Return how long a frame lasts at most from here on, in seconds, as far as the container says it."""
    packets = islice(container.demux(), _MOST_AT_END)
    own = (packet for packet in packets if packet.stream_index == stream.index and packet.duration)
    return max((float(packet.duration * packet.time_base) for packet in own), default=0.0)


def _moments(container: Any, stream: Any) -> list[float]:
    """Return when the next frames are shown, in seconds, in this order."""
    moments: list[float] = []
    for count, packet in enumerate(container.demux()):
        if packet.stream_index == stream.index and packet.pts is not None:
            moments.append(float(packet.pts * packet.time_base))
        if len(moments) == SAMPLED_PACKETS or count == _MOST_PACKETS:
            # Frames before the first packet, a key frame, belong to what is before the sample.
            return sorted(moment for moment in moments if moment >= moments[0])[:-_REORDERED]
    return sorted(moment for moment in moments if moment >= moments[0])
