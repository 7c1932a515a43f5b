"""How a pipeline does: its last run, how long one usually takes, and when the next one is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nicegui import background_tasks

from pages.parts.html import WORDS, Glyph, el, look_of, opens
from pages.parts.scope import Scope
from pages.parts.words import length_of, moment_of, title_of
from pages.runs.run_side import LAST_RUNS, LastRuns
from pages.scheduler.event.dialog import open_event_dialog
from synapse.calendar.events import Event
from synapse.calendar.messages import ScheduleChanged
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord

SOON_SECONDS = 0.5
COMING = 5


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was read of it, the newest run first and the next occurrence first."""

    ended: Sequence[RunRecord]
    usual_seconds: float | None
    coming: Sequence[tuple[datetime, Event]]


async def record_of(room: ControlRoom, pipeline: str, *, runs: int, coming: int) -> Record:
    """Read it.

    :param runs: how many that have ended, at most
    :param coming: how many occurrences, at most
    """
    usual = await room.runs.estimates.typical(pipeline)
    return Record(
        ended=await room.runs.recent(pipeline, limit=runs),
        usual_seconds=sum(usual.values()) or None,
        coming=room.calendar.upcoming(coming, pipeline=pipeline),
    )


class RecordPart(Scope):
    """A part that shows the record of a pipeline, now and after each change of it."""

    runs = 1
    coming = 1

    def __init__(self, room: ControlRoom, pipeline: str, tag: str) -> None:
        super().__init__(tag)
        self._room, self._pipeline = room, pipeline
        soon = self.at_most_every(SOON_SECONDS, self._read)
        self.follow(room.bus, ScheduleChanged, lambda _: soon())
        self.follow(room.bus, RunChanged, lambda news: soon() if news.moved and news.run.pipeline == pipeline else None)

    def _read(self) -> None:
        background_tasks.create(self._show_what_is_read(), name='record of a pipeline')

    async def _show_what_is_read(self) -> None:
        record = await record_of(self._room, self._pipeline, runs=self.runs, coming=self.coming)
        self._call(lambda: self._show(record))

    def _show(self, record: Record) -> None:
        raise NotImplementedError


class RecordFacts(RecordPart):
    """Last run, usual time and next run, as facts of a card."""

    def __init__(self, room: ControlRoom, pipeline: str) -> None:
        super().__init__(room, pipeline, 'dl')
        self.classes('facts is-record')
        self._show(Record(ended=(), usual_seconds=None, coming=room.calendar.upcoming(1, pipeline=pipeline)))
        self._read()

    def _show(self, record: Record) -> None:
        self.clear()
        with self:
            el('dt', text=_('Last run'))
            with el('dd'):
                self._draw_last(record.ended)
            el('dt', text=_('Usually'))
            usual = length_of(record.usual_seconds)
            el('dd', 'sy-num', usual or _('not known yet'))
            el('dt', text=_('Next run'))
            with el('dd', 'sy-num'):
                self._draw_next(record.coming)

    def _draw_last(self, ended: Sequence[RunRecord]) -> None:
        if not ended:
            el('span', text=_('none yet'))
        for run in ended:
            with el('a', f'sy-x st-{look_of(run.state)}', href=f'/runs/{run.number}'):
                Glyph(run.state, size=12)
                when = moment_of(self._room, run.finished_at or run.created_at)
                el('span', text=f'#{run.number} {WORDS[run.state]}, {when}')

    def _draw_next(self, coming: Sequence[tuple[datetime, Event]]) -> None:
        if not coming:
            el('span', text=_('not planned'))
        for due, event in coming:
            words = _('{moment}, {event}', moment=moment_of(self._room, due), event=event.title)
            el('a', '', words, href=f'/scheduler?pipeline={self._pipeline}')


class PastRuns(RecordPart):
    """The last runs: a small plot of how long they took, and one row each."""

    runs = LAST_RUNS

    def __init__(self, room: ControlRoom, pipeline: str) -> None:
        super().__init__(room, pipeline, 'div')
        with self:
            self._plot = LastRuns(None)
            with self._plot.card:
                self._rows = el('ul', 'sy-rows')
                el('a', 'sy-btn is-ghost is-sm', _('All runs'), href=f'/runs?pipeline={pipeline}')
        self._read()

    def _show(self, record: Record) -> None:
        self._plot.show(record.ended, is_same=True)
        self._rows.clear()
        with self._rows:
            for run in record.ended:
                with el('li'), el('a', f'sy-x sy-grow st-{look_of(run.state)}', href=f'/runs/{run.number}'):
                    Glyph(run.state)
                    el('span', 'sy-num', f'#{run.number}')
                    el('span', 'sy-ell sy-grow', title_of(self._room, run))
                    el('span', 'sy-num sy-2', length_of(run.took_seconds))
                    el('span', 'sy-num sy-cap', moment_of(self._room, run.finished_at or run.created_at))


class ComingRuns(RecordPart):
    """The next occurrences of all events of the pipeline."""

    coming = COMING

    def __init__(self, room: ControlRoom, pipeline: str) -> None:
        super().__init__(room, pipeline, 'section')
        self.classes('glass-card').props['aria-label'] = _('What comes next')
        with self:
            with el('div', 'sy-head'):
                el('h2', 'sy-grow', _('What comes next'))
                el('a', 'sy-btn is-ghost is-sm', _('Calendar'), href=f'/scheduler?pipeline={pipeline}')
            self._rows = el('ul', 'sy-rows')
        self._read()

    def _show(self, record: Record) -> None:
        self._rows.clear()
        with self._rows:
            if not record.coming:
                el('li', 'sy-cap', _('Nothing is planned. Plan starts it for you, once or again and again.'))
            for due, event in record.coming:
                self._draw(due, event)

    def _draw(self, due: datetime, event: Event) -> None:
        with el('li'):
            el('span', 'sy-num sy-2', moment_of(self._room, due))
            title = el('button', 'nx-title sy-ell sy-grow', event.title, type_='button')
        opens(title, lambda: open_event_dialog(self._room, event=event, due=due))
