"""The list of runs in the browser: pages of it as a person scrolls, and what changes meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from pages.parts.dialogs import attempt
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs.history.finder import RunsFound
from synapse.runs.history.run_filter import RunFilter
from synapse.runs.messages import RunChanged, RunsRemoved
from synapse.runs.records import RunRecord

from .run_rows import row_of

PAGE = 100
MOST_NEWER = 1_000
"""Runs read at once to go up; after more than these, the list begins anew at its top."""
PUT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Selection:
    """The runs with these `numbers`; or `all` that fit the filter, without these."""

    all: bool = False
    numbers: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return self.all or bool(self.numbers)


class RunRows(ui.element, component='run_list.js'):
    """The rows; `static/run_list.js` has the methods that can be called."""

    def __init__(self) -> None:
        super().__init__()
        self._props['label'] = _('Runs')

    def tell(self, method: str, *values: Any) -> None:
        self.run_method('call', method, *values)


class RunList(Scope):
    """Shows what fits a filter.

    :param selected: called with what is selected now
    :param changed: called when runs may have come to fit, or no longer do
    :param searching: called while a search that takes long has found nothing yet
    """

    def __init__(
        self,
        room: ControlRoom,
        *,
        selected: Callable[[Selection], None],
        changed: Callable[[], None],
        searching: Callable[[], None],
    ) -> None:
        super().__init__()
        self.classes('runs-box')
        self._room = room
        self._only = RunFilter()
        self._changed, self._searching = changed, searching
        self._visit = 0
        self._starts: list[int | None] = []
        """The `before` of each page shown so far, so that those above can be shown again."""
        self._waiting: dict[int, list[Any]] = {}
        with self:
            self.rows = RunRows()
        self.rows.on('older', lambda event: self._show_older(int(event.args)))
        self.rows.on('newer', lambda event: self._show_newer(int(event.args)))
        self.rows.on('newest', lambda: self.show(self._only), js_handler='() => emit()')
        self.rows.on('selected', lambda event: selected(_selection(event)))
        self._put_soon = self.at_most_every(PUT_SECONDS, self._put, at_once=True)
        self.follow(room.bus, RunChanged, self._run_changed)
        self.follow(room.bus, RunsRemoved, self._removed)

    async def show(self, only: RunFilter) -> RunsFound | None:
        """Show and return the newest runs that fit; None if they cannot be read, or others are shown meanwhile."""
        self._only, self._visit, self._waiting, self._starts = only, self._visit + 1, {}, []
        found = await self._read(None)
        if found is None:
            return None
        self._starts = [None]
        self.rows.tell('reset', self._pictures(found.runs), found.rest is None)
        self._put()
        return found

    async def _show_older(self, after: int) -> None:
        found = await self._read(after)
        if found is not None:
            self._starts.append(after)
            self.rows.tell('append', self._pictures(found.runs), after, found.rest is None)

    async def _show_newer(self, before: int) -> None:
        visit = self._visit
        above = [start for start in reversed(self._starts) if start is None or start > before]
        for start in above:
            runs = await self._between(before, start)
            if visit != self._visit or self.is_deleted or runs is None:
                return
            if len(runs) > MOST_NEWER:
                await self.show(self._only)
                return
            if runs or start is None:  # the page that begins with the first row has nothing above it
                self.rows.tell('prepend', self._pictures(runs), before, start is not None)
                return

    async def _between(self, low: int, high: int | None) -> list[RunRecord] | None:
        """Return the runs that fit with numbers above `low` and below `high`; None if they cannot be read."""
        runs: list[RunRecord] = []
        while len(runs) <= MOST_NEWER:
            found = await attempt(self._room.runs.finder.search(self._only, before=high, limit=PAGE))
            if found is None:
                return None
            runs += [run for run in found.runs if run.number > low]
            high = found.rest
            if high is None or high <= low:
                break
        return runs

    async def _read(self, before: int | None) -> RunsFound | None:
        """Return the next runs that fit; None if they cannot be read, or are no longer asked for."""
        visit = self._visit
        while True:
            found = await attempt(self._room.runs.finder.search(self._only, before=before, limit=PAGE))
            if found is None or visit != self._visit or self.is_deleted:
                return None
            if found.runs or found.rest is None:
                return found
            before = found.rest
            self._searching()

    def _pictures(self, runs: list[RunRecord]) -> list[dict[str, Any]]:
        return [row_of(self._room, run) for run in runs]

    # What changes meanwhile

    def _run_changed(self, message: RunChanged) -> None:
        run = message.run
        if not message.moved:
            known, is_new = self._waiting.get(run.number, (run, False))
            self._waiting[run.number] = [known and run, is_new]
        else:
            fits = self._room.runs.finder.fits(run, self._only)
            self._waiting[run.number] = [run if fits else None, fits]
            self._changed()
        self._put_soon()

    def _put(self) -> None:
        if self._starts and self._waiting:
            changes, self._waiting = self._waiting, {}
            news = [
                [number, None if run is None else row_of(self._room, run), is_new]
                for number, (run, is_new) in changes.items()
            ]
            self.rows.tell('put', news)

    def _removed(self, message: RunsRemoved) -> None:
        self.rows.tell('forget', list(message.ids))
        self._changed()


def _selection(event: GenericEventArguments) -> Selection:
    return Selection(bool(event.args['all']), frozenset(int(number) for number in event.args['numbers']))
