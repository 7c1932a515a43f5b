"""How fast the log grows: lines per level in each of the last 900 seconds, in memory, for small live charts."""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping

from .entry import Level

SECONDS = 900


class LogRate:
    """Counts lines by the second in which they were logged. Use it on the event loop only.

    :param clock: seconds since 1970
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seconds: dict[int, Counter[Level]] = {}
        self._latest: deque[tuple[float, int]] = deque()
        self._in_latest = 0

    def add(self, counts: Mapping[Level, int]) -> None:
        now, lines = self._clock(), sum(counts.values())
        self._slot(int(now)).update(counts)
        self._latest.append((now, lines))
        self._in_latest += lines
        self._forget(now)

    def restore(self, counts: Iterable[tuple[int, Level, int]]) -> None:
        """Count `(second since 1970, level, lines)` from before the program started."""
        oldest = int(self._clock()) - SECONDS
        for second, level, lines in counts:
            if second > oldest:
                self._slot(second)[level] += lines

    def since(self, seconds: int) -> dict[Level, int]:
        """The number of lines of each level in the last `seconds`, at most 900."""
        first = int(self._clock()) - seconds
        sums: Counter[Level] = Counter()
        for second, counts in self._seconds.items():
            if second > first:
                sums.update(counts)
        return {level: sums[level] for level in Level}

    def bars(self, levels: Collection[Level], *, seconds: int = 300, bars: int = 24) -> list[int]:
        """The number of lines of these levels in each of `bars` parts of the last `seconds`, oldest part first."""
        now, heights = int(self._clock()), [0] * bars
        for second, counts in self._seconds.items():
            age = now - second
            if 0 <= age < seconds:
                heights[bars - 1 - age * bars // seconds] += sum(counts[level] for level in levels)
        return heights

    def per_second(self) -> float:
        self._forget(self._clock())
        return float(self._in_latest)

    def _slot(self, second: int) -> Counter[Level]:
        return self._seconds.setdefault(second, Counter())

    def _forget(self, now: float) -> None:
        while self._latest and (self._latest[0][0] <= now - 1 or self._latest[0][0] > now):
            self._in_latest -= self._latest.popleft()[1]
        if len(self._seconds) > SECONDS + 60:
            self._seconds = {second: counts for second, counts in self._seconds.items() if second > now - SECONDS}
