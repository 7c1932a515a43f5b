"""The numbers and titles that log lines show for the ids of their runs."""

from collections.abc import Iterable

from pages.parts.words import title_of
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.log.log import Entry

MOST_NAMES = 5_000


class RunNames:
    """Names by run id, read once; at most 5,000 of them are remembered."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._names: dict[str, tuple[str, str]] = {}

    async def learn(self, entries: Iterable[Entry]) -> None:
        """Read what `of` needs for these entries."""
        unknown = {entry.run for entry in entries if entry.run} - self._names.keys()
        if len(self._names) + len(unknown) > MOST_NAMES:
            self._names.clear()
        for run_id in unknown:
            self._names[run_id] = await self._read(run_id)

    def of(self, run_id: str | None) -> tuple[str, str]:
        """The number of a run such as `#12`, and what it is about; empty for a run that was removed."""
        return self._names.get(run_id or '', ('', ''))

    async def _read(self, run_id: str) -> tuple[str, str]:
        try:
            run = await self._room.runs.get(run_id)
        except NotFound:
            return '', ''
        return f'#{run.number}', title_of(self._room, run)
