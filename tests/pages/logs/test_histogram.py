"""The histogram on a real log: what its bars, words and buttons say, and when it reads again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pages.logs.filter import LogFilter
from pages.logs.histogram import LogHistogram
from pages.logs.range_picker import Span
from synapse.log.log import Level
from synapse.records import now_utc
from tests.parts.on_page import OnPage, is_shown, on_page, text_of

MINUTE = timedelta(minutes=1)


class Charted:
    def __init__(self, it: OnPage[LogHistogram], selected: list[Span]) -> None:
        self.it, self.room, self.say, self.selected = it, it.room, it.say, selected

    @property
    def chart(self) -> LogHistogram:
        return self.it.part

    @property
    def title(self) -> str:
        return text_of(self.chart._title)

    @property
    def words(self) -> str:
        return text_of(self.chart._words)

    @property
    def has_hint(self) -> bool:
        return is_shown(self.chart._hint)

    @property
    def buttons(self) -> list[str]:
        """Those in the head that can be seen."""
        found = [item for item in self.chart._head.descendants() if item.tag == 'button']
        return [text_of(item) for item in found if is_shown(item)]

    @property
    def bars(self) -> dict[int, list[int]]:
        picture = self.chart._plot.props['picture'] or {'bars': []}
        return {number: counts for number, *counts in picture['bars']}

    @property
    def total(self) -> list[int]:
        """Lines by group in all bars."""
        return [sum(counts) for counts in zip([0] * 4, *self.bars.values(), strict=False)]

    def pick(self, start: datetime, end: datetime | None) -> None:
        """As by dragging over the plot."""
        ends = [int(start.timestamp() * 1000), None if end is None else int(end.timestamp() * 1000)]
        self.it.emit(self.chart._plot, 'pick', ends)

    def press(self, words: str) -> None:
        links = [item for item in self.chart.descendants() if item.tag == 'button' and text_of(item) == words]
        self.it.emit(links[0], 'click')

    async def counts(self, *total: int) -> None:
        await self.it.until(lambda: self.total == list(total))

    async def read(self) -> None:
        """Nothing more has to be read."""
        await self.it.until(lambda: self.chart._to_read.name == 'NOTHING' and not self.chart._reading.locked())


@asynccontextmanager
async def charted(tmp_path: Path, only: LogFilter | None = None, *, lines: Any = ()) -> AsyncIterator[Charted]:
    selected: list[Span] = []

    def draw(room: Any) -> LogHistogram:
        return LogHistogram(room, only or LogFilter(), on_select=lambda start, end: selected.append((start, end)))

    async with on_page(tmp_path, draw) as it:
        for ago, level in lines:
            it.say('x', level=level, timestamp=now_utc() - ago)
        await it.user.open('/')
        charts = Charted(it, selected)
        await it.until(lambda: charts.chart._bars is not None)
        await charts.read()
        yield charts


async def test_the_last_minutes_are_read_and_new_lines_counted(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(5 * MINUTE, Level.INFO), (4 * MINUTE, Level.ERROR)]) as it:
        await it.counts(1, 0, 0, 1)
        it.say('new', level=Level.WARNING)
        await it.counts(1, 0, 1, 1)

        assert it.title == 'Lines per 10 s'
        assert it.words == 'The last 15 min.'
        assert it.has_hint


async def test_only_lines_of_the_run_and_source_are_counted(tmp_path: Path) -> None:
    async with charted(tmp_path, LogFilter(source='camera')) as it:
        it.say('elsewhere')
        it.say('here', source='camera')
        await it.counts(1, 0, 0, 0)
        it.chart.show(LogFilter())

        await it.counts(2, 0, 0, 0)


async def test_levels_are_hidden_in_the_browser_without_reading_again(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.INFO)]) as it:
        before = it.chart._bars
        it.chart.show(LogFilter(groups=frozenset({'error', 'warning'})))
        await it.read()

        assert it.chart._plot.props['groups'] == ['warning', 'error']
        assert it.chart._bars is before


async def test_dragging_selects_counts_and_reports(tmp_path: Path) -> None:
    lines = [(5 * MINUTE, Level.INFO), (4 * MINUTE, Level.ERROR), (1 * MINUTE, Level.INFO)]
    async with charted(tmp_path, lines=lines) as it:
        start, end = now_utc() - 6 * MINUTE, now_utc() - 3 * MINUTE
        it.pick(start, end)
        await it.it.until(lambda: it.words.endswith(', 2 lines'))

        ((first, last),) = it.selected
        assert first is not None
        assert last is not None
        assert abs(first - start) + abs(last - end) < timedelta(milliseconds=2)
        assert it.buttons == ['Zoom', 'Clear']


async def test_the_window_in_which_something_was_selected_no_longer_slides(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(5 * MINUTE, Level.INFO)]) as it:
        before = it.chart._bars
        it.pick(now_utc() - 6 * MINUTE, now_utc() - 3 * MINUTE)
        await it.read()

        assert it.chart._bars is before
        assert before is not None
        assert before.window == it.chart._view.held


async def test_the_count_of_a_selection_follows_the_levels_and_new_lines(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.INFO), (MINUTE, Level.ERROR)]) as it:
        it.pick(now_utc() - 2 * MINUTE, None)
        await it.it.until(lambda: it.words.endswith('to now, 2 lines'))
        it.say('new', level=Level.ERROR)
        await it.it.until(lambda: it.words.endswith('to now, 3 lines'))
        start, end = it.selected[-1]
        it.chart.show(LogFilter(groups=frozenset({'info'}), start=start, end=end))

        assert it.words.endswith('to now, 1 line')


async def test_a_selection_without_lines_says_no_lines(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(10 * MINUTE, Level.INFO)]) as it:
        it.pick(now_utc() - 2 * MINUTE, now_utc() - MINUTE)

        await it.it.until(lambda: it.words.endswith(', no lines'))


async def test_clearing_the_selection_frees_the_window(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(10 * MINUTE, Level.INFO)]) as it:
        it.pick(now_utc() - 2 * MINUTE, now_utc() - MINUTE)
        await it.read()
        it.press('Clear')
        await it.read()

        assert it.selected[-1] == (None, None)
        assert it.has_hint
        assert it.chart._plot.props.get('selection') is None


async def test_zooming_in_shows_finer_bars_and_all_leads_back(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(10 * MINUTE, Level.INFO)]) as it:
        it.pick(now_utc() - 2 * MINUTE, now_utc() - MINUTE)
        await it.read()
        it.press('Zoom')
        await it.it.until(lambda: it.title == 'Lines per second')
        zoomed = it.buttons
        it.press('All')
        await it.it.until(lambda: it.title == 'Lines per 10 s')

        assert zoomed == ['All', 'Clear']
        assert it.buttons == ['Zoom', 'Clear']


async def test_the_whole_log_and_the_latest_minutes_are_one_press_apart(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(timedelta(hours=10), Level.INFO), (MINUTE, Level.INFO)]) as it:
        await it.counts(1, 0, 0, 0)
        it.press('Whole log')
        await it.counts(2, 0, 0, 0)
        whole = it.buttons
        it.press('Latest')
        await it.counts(1, 0, 0, 0)

        assert whole == ['Latest']
        assert it.buttons == ['Whole log']


async def test_a_time_range_chosen_elsewhere_is_selected_and_brought_into_sight(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(timedelta(hours=10), Level.INFO), (MINUTE, Level.INFO)]) as it:
        start, end = now_utc() - timedelta(hours=11), now_utc() - timedelta(hours=9)
        it.chart.show(LogFilter(start=start, end=end))
        await it.it.until(lambda: it.words.endswith(', 1 line'))

        assert it.chart._bars is not None
        assert it.chart._bars.window.covers((start, end), now_utc())
        assert it.selected == []


async def test_an_old_log_shows_the_present_again_with_its_first_new_line(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(timedelta(hours=10), Level.INFO)]) as it:
        assert it.chart._bars is not None
        assert not it.chart._bars.is_live
        it.say('new')
        await it.it.until(lambda: it.chart._bars is not None and it.chart._bars.is_live)

        await it.counts(1, 0, 0, 0)


async def test_clearing_the_log_empties_the_bars(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.ERROR)] * 3) as it:
        await it.counts(0, 0, 0, 3)
        await it.room.log.clear(who='Ada')

        await it.counts(1, 0, 0, 0)


async def test_a_tab_in_the_background_counts_nothing_and_reads_once_it_is_back(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.INFO)]) as it:
        it.it.emit(it.chart._plot, 'looking', False)
        it.say('unseen')
        await it.it.settled()
        before, timer = it.total, it.chart._timer
        it.it.emit(it.chart._plot, 'looking', True)
        await it.counts(2, 0, 0, 0)

        assert before == [1, 0, 0, 0]
        assert timer is None


async def test_what_cannot_be_read_is_said_and_can_be_tried_again(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.INFO)]) as it:
        histogram, it.room.log.histogram = it.room.log.histogram, _broken  # type: ignore[method-assign, assignment]
        it.press('Whole log')
        await it.it.until(lambda: is_shown(it.chart._trouble))
        plot = is_shown(it.chart._plot)
        it.room.log.histogram = histogram  # type: ignore[method-assign]
        it.press('Try again')
        await it.it.until(lambda: not is_shown(it.chart._trouble))

        assert not plot
        await it.counts(1, 0, 0, 0)


async def _broken(*_: Any, **__: Any) -> Any:
    raise OSError('the disk is gone')


async def test_a_histogram_that_is_left_has_no_timer(tmp_path: Path) -> None:
    async with charted(tmp_path, lines=[(MINUTE, Level.INFO)]) as it:
        ticking = it.chart._timer
        it.chart.delete()

        assert ticking is not None
        assert ticking.cancelled()
