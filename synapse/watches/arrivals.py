"""Which files of a folder have arrived whole: pure rules that are given what was seen and the time."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from synapse.inbox.arriving import FoundFile

from .records import WaitingFile, WaitingState

GROWING_SECONDS = 3.0
"""How long after its last change a file is still called growing."""


@dataclass(slots=True)
class _Arrival:
    found: FoundFile
    since: float
    """Since when it is unchanged."""
    is_growing: bool = False
    held: WaitingState | None = None
    """What kept it from being taken when it was last tried."""


class Arrivals:
    """The files that have not been taken yet, by name."""

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._files: dict[str, _Arrival] = {}
        self._links: set[str] = set()

    def __len__(self) -> int:
        return len(self._files) + len(self._links)

    @property
    def names(self) -> Collection[str]:
        return [*self._files, *self._links]

    def version_of(self, name: str) -> FoundFile | None:
        """Return the version of a file as last seen."""
        arrival = self._files.get(name)
        return arrival.found if arrival else None

    def saw(self, seen: Mapping[str, FoundFile | None], looked_for: Collection[str] | None, now: float) -> None:
        """Take in what was seen: versions by name, None for a link.

        :param looked_for: the names that were looked for, None for the whole folder; those not seen are gone
        :param now: in seconds, of any clock that only goes forward
        """
        for name in self.names if looked_for is None else looked_for:
            if name not in seen:
                self.drop(name)
        for name, found in seen.items():
            if found is None:
                self._files.pop(name, None)
                self._links.add(name)
                continue
            self._links.discard(name)
            before = self._files.get(name)
            if before is None or before.found != found:
                is_growing = before is not None and before.found.file == found.file
                self._files[name] = _Arrival(found, now, is_growing)

    def settled(self, now: float) -> list[FoundFile]:
        """Return the files that were unchanged for long enough, oldest change first."""
        ready = [
            arrival.found
            for arrival in self._files.values()
            if arrival.found.size and now - arrival.since >= self._settle_seconds
        ]
        return sorted(ready, key=lambda found: (found.mtime_ns, found.path))

    def hold(self, name: str, state: WaitingState) -> None:
        """Keep a file although it is unchanged."""
        if name in self._files:
            self._files[name].held = state

    def drop(self, name: str) -> None:
        self._files.pop(name, None)
        self._links.discard(name)

    def clear(self) -> None:
        self._files.clear()
        self._links.clear()

    def waiting(self, now: float, *, limit: int) -> Iterator[WaitingFile]:
        """Yield why each file waits, at most `limit` of them."""
        for name, arrival in [*self._files.items()][:limit]:
            yield WaitingFile(name=name, size=arrival.found.size, state=self._state_of(arrival, now))
        for name in sorted(self._links)[: max(0, limit - len(self._files))]:
            yield WaitingFile(name=name, size=0, state=WaitingState.LINK)

    def _state_of(self, arrival: _Arrival, now: float) -> WaitingState:
        quiet = now - arrival.since
        if not arrival.found.size:
            return WaitingState.EMPTY
        if arrival.held is not None:
            return arrival.held
        if arrival.is_growing and quiet < GROWING_SECONDS:
            return WaitingState.GROWING
        return WaitingState.READY if quiet >= self._settle_seconds else WaitingState.SETTLING
