"""How long a film is by its packets, where its headers don't say it or cannot be relied upon."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from .probe import MediaFile, Stream, VideoStream, opened

TAIL_SECONDS = 10.0


def measured(path: Path, media: MediaFile, on_progress: Callable[[float], None] = lambda _: None) -> MediaFile:
    """Return the film with the length of each stream by its packets; reads the whole file and decodes nothing.

    :param on_progress: called with the part that is read, from 0 to 1
    :raises StepFailed: if it cannot be read
    """
    size = max(1, path.stat().st_size)
    extents: dict[int, _Extent] = {}
    with opened(path) as container:
        for count, packet in enumerate(_packets(container)):
            if packet.size:  # else it is the end of a stream
                extents.setdefault(packet.stream_index, _Extent(packet.time_base)).take(packet)
            if count % 500 == 0 and packet.pos is not None:
                on_progress(min(1.0, packet.pos / size))
    for stream in media.videos:
        if stream.index in extents and stream.average_rate:
            extents[stream.index].count_up(Fraction(stream.average_rate))

    def told(stream: Stream) -> Any:
        extent = extents.get(stream.index)
        if extent is None:
            return stream.model_copy(update={'seconds': None})
        change: dict[str, Any] = {'seconds': extent.seconds, 'start': float(extent.start)}
        if isinstance(stream, VideoStream):
            rate = extent.count / extent.seconds if extent.seconds else stream.average_rate
            change |= {'frames': extent.count, 'average_rate': rate}
        return stream.model_copy(update=change)

    films = [extents[index] for index in media.film_indexes if index in extents]
    begin = min((extent.start for extent in films), default=Fraction(0))
    end = max((extent.end for extent in films), default=begin)
    return media.model_copy(
        update={
            'seconds': float(end - begin) or None,
            'start': float(begin),
            'videos': tuple(told(stream) for stream in media.videos),
            'sounds': tuple(told(stream) for stream in media.sounds),
        }
    )


class _Extent:
    """From where to where the packets of a stream reach; counted in its own units, since films have a million."""

    def __init__(self, unit: Fraction) -> None:
        self._unit = unit
        self._first: int | None = None
        self._last = 0
        self.count = 0

    def take(self, packet: Any) -> None:
        at = packet.dts if packet.pts is None else packet.pts
        self.count += 1
        if at is not None:
            self._first = at if self._first is None else min(self._first, at)
            self._last = max(self._last, at + (packet.duration or 0))

    def count_up(self, rate: Fraction) -> None:
        """Where no packet has a time, as in a bare stream of H.264, go by their number."""
        if self._first is None:
            self._first, self._last = 0, round(self.count / rate / self._unit)

    @property
    def start(self) -> Fraction:
        return (self._first or 0) * self._unit

    @property
    def end(self) -> Fraction:
        return self._last * self._unit

    @property
    def seconds(self) -> float:
        return float(self.end - self.start)


def _packets(container: Any) -> Iterator[Any]:
    """Yield packets as far as they can be read."""
    import av

    with suppress(av.error.FFmpegError):
        yield from container.demux()


def last_end(path: Path, media: MediaFile) -> float:
    """Return the second at which the last packet ends; reads only the end of the file.

    :raises StepFailed: if it cannot be read
    """
    import av

    reached = 0.0
    with opened(path) as container:
        with suppress(av.error.FFmpegError):  # then it is read from its start
            container.seek(int((media.start + max(0.0, (media.stated_seconds or 0) - TAIL_SECONDS)) * 1e6))
        for packet in _packets(container):
            if packet.pts is not None and packet.stream_index in media.film_indexes:
                reached = max(reached, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if not reached:
        return measured(path, media).seconds or 0.0
    return reached - media.start
