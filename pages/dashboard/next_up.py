"""The next three events with the time left until each; from the moment it fires, a row shows its run."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from nicegui import ui

from pages.parts.cards import Card, empty, guide_link, keep_rows, set_class, set_props, tick
from pages.parts.dialogs import say
from pages.parts.html import WORDS, Glyph, button, el, icon, look_of, opens
from pages.parts.words import pipeline_color, time_so_far
from pages.scheduler.event.dialog import open_event_dialog
from pages.scheduler.parts.days import clock_in, day_in
from synapse.calendar.events import Event
from synapse.calendar.messages import OccurrencesChanged, ScheduleChanged
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.runs.causes import cause_words
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from synapse.waiting import Timer

MOST = 3
MOST_LIVE = 2
COUNTED = 10
"""At most this many of today are counted; more are shown as `10+`."""
SOON_SECONDS = 0.25

Key = tuple[str, datetime]


class NextUp(Card):
    """A row is the same element while its occurrence waits, fires and runs; the time left ticks in the browser.

    :param is_large: draw the empty state at full size, as on the first start
    """

    def __init__(self, room: ControlRoom, classes: str = 'third is-list next-card', *, is_large: bool = False) -> None:
        super().__init__(_('Next up'), classes, label=_('Next events'))
        self._room = room
        self._is_large = is_large
        self._rows: dict[Key, _Row] = {}
        self._midnight = Timer()
        with self.head:
            el('a', 'sy-btn is-ghost is-sm', _('Calendar'), href='/scheduler')
        with self:
            self._list = el('ul', 'sy-rows nx-rows')
            self._none = el('div', 'nx-none')
        with self._none:
            self._draw_none()
        soon = self.at_most_every(SOON_SECONDS, self._show)
        self.follow(room.bus, ScheduleChanged, lambda _: soon())
        self.follow(room.bus, OccurrencesChanged, lambda _: soon())
        self.follow(room.bus, PipelinesChanged, lambda _: soon())
        self.follow(room.bus, RunChanged, lambda message: soon() if message.moved and message.run.due else None)
        self.watch(room.status, ('next',), soon)
        self.when_gone(self._midnight.cancel)
        self._show()

    def _draw_none(self) -> None:
        title, text = _('Nothing planned yet'), _('Pick a day and Synapse starts the run for you.')
        if self._is_large:
            with empty(title, text, 'calendar'):
                self._draw_new()
                guide_link('plan')
            return
        with el('div', 'sy-x none-row'):
            with el('span', 'ei'):
                icon('calendar')
            with el('span', 'sy-grow'):
                el('b', text=title)
                el('p', 'sy-cap', text)
            self._draw_new()

    def _draw_new(self) -> None:
        opens(button(_('New event'), icon_name='plus', small=True), lambda: open_event_dialog(self._room))

    def _show(self) -> None:
        runs = self._room.runs
        live = [run for run in (*runs.live(), *runs.waiting()) if run.event_id and run.due]
        fired = {(str(run.event_id), run.due): run for run in live if run.due is not None}
        coming = self._room.calendar.upcoming(COUNTED)
        newest = sorted(fired, key=lambda key: key[1])[-MOST_LIVE:]
        planned = {(event.id, due): event for due, event in coming if (event.id, due) not in fired}
        keys = [*newest, *planned][:MOST]
        keep_rows(self._list, self._rows, keys, lambda key: _Row(self._room, key))
        for index, key in enumerate(keys):
            if key in fired:
                self._rows[key].show_live(fired[key])
            else:
                self._rows[key].show_planned(planned[key], is_next=index == len(newest))
        set_props(self._list, hidden=not keys)
        set_props(self._none, hidden=bool(keys))
        self._show_count([due for due, _ in coming])

    def _show_count(self, dues: list[datetime]) -> None:
        """Show how many are left today, and do so again at midnight."""
        zone = ZoneInfo(self._room.calendar.zone)
        now = now_utc()
        today = day_in(now, zone)
        count = sum(day_in(due, zone) == today for due in dues)
        more = '+' if count >= COUNTED else ''
        self.count.set_text(_('{count} left today', count=f'{count}{more}') if count else '')
        midnight = datetime.combine(today + timedelta(days=1), time(), zone)
        wait = max(1.0, (midnight - now).total_seconds() + 0.5)
        self._midnight.start(wait, self._call, self._show)


class _Row:
    """An occurrence, then its run."""

    def __init__(self, room: ControlRoom, key: Key) -> None:
        self._room = room
        self._id, self._due = key
        self._run: RunRecord | None = None
        zone = ZoneInfo(room.calendar.zone)
        with el('li') as self.row:
            el('span', 'sy-mono sy-num sy-2', clock_in(self._due, zone))
            self._dot = el('i', 'sy-pdot')
            self._glyph = Glyph('planned')
            self._title = el('button', 'nx-title sy-ell sy-grow', type_='button')
            opens(self._title, self._open, what='')
            self._repeats = icon('repeat', size=13, classes='sy-3')
            self._word = el('span', 'sy-cap')
            self._clock = el('span', 'sy-cap sy-num nx-left', data_format='countdown', data_far=_far(self._due, zone))

    def show_planned(self, event: Event, *, is_next: bool) -> None:
        self._title.set_text(event.title)
        problem = self._room.calendar.problem_of(event)
        self._glyph.show('broken' if problem else 'planned')
        self._word.set_text(WORDS['broken'] if problem else '')
        set_props(self._word, title=problem or None)
        look = look_of('broken' if problem else 'planned')
        self._show(event.pipeline, look, is_live=False, has_word=bool(problem))
        self._repeats.set_visibility(event.is_repeating)
        set_class(self._clock, 'is-next', is_next)
        tick(self._clock, until=self._due)

    def show_live(self, run: RunRecord) -> None:
        if self._run is None and not self._title.text:
            self._title.set_text(cause_words(run.because))
        self._run = run
        self._glyph.show(run.state)
        self._word.set_text(WORDS[run.state])
        self._show(run.pipeline, look_of(run.state), is_live=True, has_word=True)
        self._repeats.set_visibility(False)
        self._clock.classes(remove='is-next')
        tick(self._clock, since=None if run.held_at else run.started_at, text=time_so_far(run))

    def _show(self, pipeline: str, look: str, *, is_live: bool, has_word: bool) -> None:
        self.row.classes(replace=f'{pipeline_color(self._room, pipeline)} st-{look}{" is-live" if is_live else ""}')
        self._dot.set_visibility(not has_word)
        self._glyph.set_visibility(has_word)
        self._word.set_visibility(has_word)

    def _open(self) -> None:
        if self._run is not None:
            ui.navigate.to(f'/runs/{self._run.number}')
            return
        event = next((event for event in self._room.calendar.events() if event.id == self._id), None)
        if event is None:
            say(_('This event has been deleted.'), kind='warning')
        else:
            open_event_dialog(self._room, event=event, due=self._due)


def _far(due: datetime, zone: ZoneInfo) -> str:
    """Return the day to show while more than a day is left."""
    local = due.astimezone(zone)
    is_near = due - now_utc() < timedelta(days=6)
    return moment('EEE' if is_near else 'MMMd', local)
