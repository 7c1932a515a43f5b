"""Whether the frames of a film come as regularly as its header says."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

PLACES = (0.0, 0.3, 0.6, 0.9)
"""Parts of the film at which its packets are looked at."""
SAMPLED_PACKETS = 40
"""Of the picture, at each place."""
_MOST_PACKETS = 500
_EDGE = 8
"""Left out at both ends of a sample: frames that are shown there may be stored outside of it."""


def has_uneven_frames(container: Any, stream: Any) -> bool:
    """Whether frames are missing or late in any of the samples; reads without decoding, then returns to the start.

    Matroska has no field for a varying rate: screen recorders write one that is too high, or none.

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
            moments = sorted(_moments(container, stream))[_EDGE:-_EDGE]
            gaps = [later - earlier for earlier, later in pairwise(moments)]
            is_uneven = is_uneven or max(gaps, default=0.0) * rate > 1.6
    with suppress(av.error.FFmpegError):
        container.seek(container.start_time or 0)
    return is_uneven


def _moments(container: Any, stream: Any) -> Iterator[float]:
    """Yield the moments in seconds of some packets from here on, in the order of the file."""
    found = 0
    for count, packet in enumerate(container.demux()):
        if packet.stream_index == stream.index and packet.pts is not None:
            yield float(packet.pts * packet.time_base)
            found += 1
        if found == SAMPLED_PACKETS or count == _MOST_PACKETS:
            return
