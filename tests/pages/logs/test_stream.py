"""The lines that the browser of a view gets: all of them, in order, and no faster than it confirms them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pages.logs.filter import LogFilter
from pages.logs.lines import LogLines
from pages.logs.stream import CAP, PAGE, SAMPLE_LINES, LogStream, Request
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.log.log import Entry, Level
from synapse.log.search import Search
from tests.parts.on_page import OnPage, on_page
from tests.parts.retention_lives import add_run
from tests.parts.scripted_browser import ScriptedBrowser

ERRORS = LogFilter(groups=frozenset({'error'}))


class Watched:
    """A stream, the element it fills, and what it reported."""

    def __init__(self, room: ControlRoom, only: LogFilter, line: int | None) -> None:
        self.heard: list[str] = []
        self.changes = 0
        with Scope() as self.scope:
            self.lines = LogLines('Log', has_run=True, follows=line is None)
        self.stream = LogStream(
            room, self.lines, self.scope, only, line, on_lines=self._on_lines, on_change=self._on_change
        )

    def _on_lines(self, entries: Sequence[Entry]) -> None:
        self.heard += [entry.message for entry in entries]

    def _on_change(self) -> None:
        self.changes += 1


class Streaming:
    def __init__(self, it: OnPage[Watched], browser: ScriptedBrowser) -> None:
        self.it, self.room, self.browser = it, it.room, browser
        self.say = it.say
        self.until = browser.until

    @property
    def watched(self) -> Watched:
        return self.it.part

    @property
    def stream(self) -> LogStream:
        return self.it.part.stream


@asynccontextmanager
async def streaming(
    tmp_path: Path,
    only: LogFilter = LogFilter(),  # noqa: B008 - frozen
    *,
    history: Sequence[str] = (),
    line: int | None = None,
    before: Callable[[ControlRoom], Any] = lambda _: None,
) -> AsyncIterator[Streaming]:
    """A view of a log with this history, once its first lines are in the browser."""
    async with on_page(tmp_path, lambda room: Watched(room, only, line)) as it:
        before(it.room)
        it.room.log.extend([{'level': 'info', 'message': text, 'source': 'test'} for text in history])
        browser = ScriptedBrowser(await it.user.open('/'))
        await browser.until(lambda: 'reset' in browser.methods)
        await it.settled()
        yield Streaming(it, browser)


def numbered(count: int, start: int = 0) -> list[str]:
    return [f'line {number}' for number in range(start, start + count)]


# Rows that are still being written


def row(text: str, number: int = 0) -> Entry:
    moment = datetime(2026, 10, 14, tzinfo=UTC)
    return Entry(f'r1/1/{number}', 0, moment, Level.INFO, text, 'tar', 'r1', 'pack')


def live_texts(browser: ScriptedBrowser) -> list[str]:
    return [fields[8] for fields in browser.live]


async def test_a_row_changes_in_place_and_leaves_as_its_line_arrives(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=['before']) as it:
        for text in ('10 %', '20 %'):
            it.room.log.redraw('r1', [row(text)])
            await it.until(lambda text=text: live_texts(it.browser) == [text])  # type: ignore[misc]
        calls = len(it.browser.calls)
        it.room.log.append('info', 'done', source='tar', run='r1')
        it.room.log.redraw('r1', [])
        await it.until(lambda: it.browser.texts == ['before', 'done'])

        assert live_texts(it.browser) == []
        assert len(it.browser.calls) == calls + 1
        assert it.room.log.rows() == []


async def test_a_view_that_is_opened_shows_the_rows_that_are_there(tmp_path: Path) -> None:
    rows = [row('outer 10 %'), row('inner 90 %', 1)]
    async with streaming(tmp_path, before=lambda room: room.log.redraw('r1', rows)) as it:
        await it.until(lambda: live_texts(it.browser) == ['outer 10 %', 'inner 90 %'])

        assert it.stream.written == 2


async def test_rows_are_filtered_as_lines_are(tmp_path: Path) -> None:
    only = LogFilter(run='r1', search=Search(text='outer'))
    async with streaming(tmp_path, only) as it:
        it.room.log.redraw('r2', [row('outer 1 %')._replace(run='r2')])
        it.room.log.redraw('r1', [row('outer 10 %'), row('inner 90 %', 1)])
        await it.until(lambda: live_texts(it.browser) == ['outer 10 %'])


async def test_a_reader_who_is_not_at_the_end_gets_no_rows(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3 * PAGE)) as it:
        it.stream.follow(False)
        it.stream.load('begin')
        await it.until(lambda: not it.browser.is_at_end)
        it.room.log.redraw('r1', [row('10 %')])
        await it.it.settled()

        assert live_texts(it.browser) == []


# History and what follows it


async def test_history_and_new_lines_meet_without_gap_or_repetition(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(50)) as it:
        it.say(*numbered(30, start=50))
        await it.until(lambda: it.browser.texts == numbered(80))

        assert it.browser.methods == ['reset', 'append']


async def test_a_long_history_starts_with_its_newest_page(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(PAGE + 20)) as it:
        assert it.browser.texts == numbered(PAGE, start=20)
        assert it.browser.has_older


async def test_lines_logged_while_history_is_read_are_not_lost(tmp_path: Path) -> None:
    async with streaming(tmp_path, ERRORS, history=numbered(3)) as it:
        it.stream.only = LogFilter()
        it.stream.load('end')
        it.say('in between')
        await it.until(lambda: len(it.browser.rows) == 4)

        assert it.browser.texts == [*numbered(3), 'in between']


async def test_only_the_last_of_several_requested_places_is_read(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(PAGE + 50)) as it:
        it.stream.load('begin')
        it.stream.load(30)
        it.stream.load('end')
        it.say('last')
        await it.until(lambda: it.browser.texts[-1] == 'last')

        assert it.browser.methods.count('reset') == 2


async def test_a_place_requested_while_another_one_is_read_is_the_one_that_is_shown(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(PAGE + 50)) as it:
        query = it.room.log.query

        async def query_while_the_person_goes_on(**bounds: Any) -> list[Entry]:
            it.room.log.query = query  # type: ignore[method-assign]
            it.stream.load('end')
            return await query(**bounds)

        it.room.log.query = query_while_the_person_goes_on  # type: ignore[method-assign]
        it.stream.load('begin')
        await it.until(lambda: it.browser.methods.count('reset') == 2)

        assert it.browser.last('reset')[1]['place'] == 'end'


@pytest.mark.parametrize(
    ('only', 'words'),
    [
        (LogFilter(), 'The log starts here'),
        (LogFilter(run='r1'), 'The log starts here'),
        (ERRORS, 'No earlier lines match'),
    ],
)
async def test_the_first_row_says_whether_the_log_or_the_matches_start_there(
    tmp_path: Path, only: LogFilter, words: str
) -> None:
    async with streaming(tmp_path, only) as it:
        assert it.browser.last('reset')[1]['beginning'] == words


async def test_a_view_that_opens_at_a_line_has_lines_on_both_sides_of_it(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3 * PAGE), line=PAGE + 100) as it:
        assert it.browser.texts == numbered(2 * PAGE, start=99)
        assert not it.stream.is_attached
        assert (it.stream.current, it.stream.is_following) == (PAGE + 100, False)


async def test_a_view_that_opens_near_the_end_gets_new_lines(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(100), line=90) as it:
        it.say('new')
        await it.until(lambda: it.browser.texts[-1] == 'new')

        assert it.browser.texts == [*numbered(100), 'new']


# Filters


async def test_only_matching_lines_are_sent_and_reported(tmp_path: Path) -> None:
    async with streaming(tmp_path, ERRORS, history=numbered(5)) as it:
        it.say('fine')
        it.say('broken', level=Level.ERROR)
        await it.until(lambda: it.browser.rows)

        assert it.browser.texts == ['broken']
        assert it.watched.heard == ['broken']


async def test_another_filter_while_following_shows_the_end(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(5)) as it:
        it.say('broken', level=Level.ERROR)
        it.stream.only = ERRORS
        it.stream.reload()
        await it.until(lambda: it.browser.texts == ['broken'])

        assert it.browser.last('reset')[1]['place'] == 'end'


async def test_another_filter_while_reading_keeps_the_place(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3 * PAGE), line=700) as it:
        it.browser.at = 650
        it.stream.only = LogFilter(source='test')
        it.stream.reload()
        await it.until(lambda: it.browser.methods.count('reset') == 2)

        assert it.browser.last('reset')[1]['place'] == 'keep'
        assert it.browser.texts == numbered(2 * PAGE, start=149)


async def test_a_line_that_is_named_is_kept_in_place_without_asking_the_browser(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3 * PAGE), line=700) as it:
        it.stream.reload(around=800)
        await it.until(lambda: it.browser.methods.count('reset') == 2)

        assert 'at' not in it.browser.methods
        assert it.browser.texts == numbered(2 * PAGE, start=299)


# Confirmation


async def test_lines_wait_until_the_browser_has_confirmed_the_batch_before(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        it.browser.hold()
        it.say('first')
        await it.until(lambda: it.browser.methods[-1] == 'append')
        it.say(*numbered(40))
        await it.it.settled()
        waiting = it.browser.methods.count('append')
        it.browser.release()
        await it.until(lambda: len(it.browser.rows) == 41)

        assert waiting == 1
        assert it.browser.methods.count('append') == 2
        assert it.browser.texts == ['first', *numbered(40)]


async def test_a_frozen_tab_takes_bounded_memory_and_loses_no_line(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        it.stream.follow(False)
        it.browser.is_following = False
        it.browser.hold()
        it.say('first')
        await it.until(lambda: it.browser.methods[-1] == 'append')
        it.room.log.extend([{'level': 'info', 'message': text, 'source': 'test'} for text in numbered(CAP + 100)])
        await it.it.until(lambda: len(it.watched.heard) == CAP + 101)
        kept = len(it.stream._pending)
        it.browser.release()
        await it.until(lambda: not it.browser.is_at_end)
        it.stream.request(Request.NEWER, it.browser.rows[-1][2])
        await it.until(lambda: len(it.browser.rows) > 1)

        assert kept == CAP
        assert it.browser.texts == ['first', *numbered(PAGE)]


async def test_what_was_under_way_when_the_connection_was_cut_is_read_again(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3)) as it:
        it.browser.hold()
        it.say('lost on the way')
        await it.until(lambda: it.browser.methods[-1] == 'append')
        it.browser.is_held = False
        for handler in list(it.watched.lines.client.connect_handlers):
            handler()  # type: ignore[call-arg]
        await it.until(lambda: it.browser.texts[-1] == 'lost on the way')

        assert it.browser.methods == ['reset', 'append', 'reset']
        assert it.browser.texts == [*numbered(3), 'lost on the way']


async def test_a_browser_with_other_rows_than_expected_gets_them_again(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(3)) as it:
        it.browser.rows = it.browser.rows[:1]
        it.say('new')
        await it.until(lambda: it.browser.texts[-1] == 'new')

        assert it.browser.texts == [*numbered(3), 'new']


# Floods


async def test_of_a_flood_a_sample_is_shown_and_all_lines_once_it_is_over(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        it.room.log.extend([{'level': 'info', 'message': text, 'source': 'test'} for text in numbered(3_000)])
        await it.until(lambda: 'append' in it.browser.methods)
        sample, step = it.browser.last('append')[0], it.stream.sampled
        await it.until(lambda: it.browser.methods[-1] == 'reset')
        await it.it.until(lambda: it.stream.sampled == 0)

        assert len(sample) <= SAMPLE_LINES
        assert (step >= 30, sample[-1][7]) == (True, 'line 2999')
        assert it.browser.texts == numbered(PAGE, start=3_000 - PAGE)


async def test_a_reader_gets_every_line_of_a_flood(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        it.stream.follow(False)
        it.browser.is_following = False
        it.room.log.extend([{'level': 'info', 'message': text, 'source': 'test'} for text in numbered(3_000)])
        await it.until(lambda: len(it.browser.rows) == 3_000)

        assert it.browser.texts == numbered(3_000)
        assert it.stream.sampled == 0


async def test_a_reader_with_a_full_window_is_not_sent_more(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        it.stream.follow(False)
        it.browser.is_following = False
        for start in range(0, CAP, 1_000):
            it.room.log.extend([{'level': 'info', 'message': f'{start + n}', 'source': 'x'} for n in range(1_000)])
            await it.until(lambda start=start: len(it.browser.rows) == start + 1_000)  # type: ignore[misc]
        it.say('one too many')
        await it.until(lambda: not it.browser.is_at_end)

        assert len(it.browser.rows) == CAP
        assert it.browser.texts[0] == '0'
        assert not it.stream.is_attached


# Older and newer lines


async def test_scrolling_up_brings_the_page_before(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2 * PAGE + 10)) as it:
        it.stream.request(Request.OLDER, it.browser.rows[0][0])
        await it.until(lambda: 'prepend' in it.browser.methods)
        assert it.browser.texts == numbered(2 * PAGE, start=10)
        assert it.browser.has_older

        it.stream.request(Request.OLDER, it.browser.rows[0][0])
        await it.until(lambda: it.browser.methods.count('prepend') == 2)
        assert it.browser.texts == numbered(2 * PAGE + 10)
        assert not it.browser.has_older


async def test_a_request_of_a_window_that_has_changed_since_is_ignored(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2 * PAGE)) as it:
        it.stream.request(Request.OLDER, it.browser.rows[0][0] + 5)
        it.stream.request(Request.NEWER, 1)
        it.say('new')
        await it.until(lambda: it.browser.texts[-1] == 'new')

        assert it.browser.methods == ['reset', 'append']


async def test_repeated_lines_fold_into_a_page_that_is_worth_scrolling_to(tmp_path: Path) -> None:
    repeated = ['again'] * (3 * PAGE)
    async with streaming(tmp_path, history=[*numbered(200), *repeated, *numbered(PAGE, start=200)]) as it:
        it.stream.request(Request.OLDER, it.browser.rows[0][0])
        await it.until(lambda: 'prepend' in it.browser.methods)

        rows = it.browser.last('prepend')[0]
        assert sum(row[1] for row in rows if row[7] == 'again') == 3 * PAGE
        assert len(rows) >= PAGE // 4


async def test_each_repeated_line_is_a_row_of_its_own_where_folding_is_off(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=['again'] * 5) as it:
        folded = [row[1] for row in it.browser.rows]
        it.stream.is_folding = False
        it.stream.reload()
        await it.until(lambda: len(it.browser.rows) == 5)

        assert folded == [5]


async def test_scrolling_down_to_the_present_attaches_the_view(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2 * PAGE), line=10) as it:
        it.say('unseen')
        it.stream.request(Request.NEWER, it.browser.rows[-1][2])
        await it.until(lambda: it.browser.methods[-1] == 'append' and it.browser.last('append')[0])
        it.stream.request(Request.NEWER, it.browser.rows[-1][2])
        await it.it.until(lambda: it.stream.is_attached)
        it.say('seen')
        await it.until(lambda: it.browser.texts[-1] == 'seen')

        assert it.browser.texts == [*numbered(2 * PAGE), 'unseen', 'seen']


async def test_a_detached_view_still_reports_new_lines(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2 * PAGE), line=10) as it:
        it.say('far below')
        await it.it.until(lambda: it.watched.heard)

        assert it.watched.heard == ['far below']
        assert it.browser.methods == ['reset']


# Cleared


async def test_clearing_the_log_empties_a_view_that_follows(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(5)) as it:
        await it.room.log.clear(who='Ada')
        await it.until(lambda: len(it.browser.rows) == 1)

        assert 'Ada cleared the log' in it.browser.texts[0]


async def test_a_reader_keeps_the_lines_that_were_not_removed(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(20)) as it:
        it.stream.follow(False)
        seq = it.browser.rows[10][0]
        await it.room.log.clear(seq, who='Ada')
        await it.until(lambda: 'forget' in it.browser.methods and len(it.browser.rows) == 11)

        assert it.browser.texts[:10] == numbered(10, start=10)
        assert it.browser.methods.count('reset') == 1


async def test_cleared_lines_are_hidden_until_they_are_shown_again(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(5)) as it:
        it.stream.cleared_to = it.room.log.last_seq
        it.stream.load('end')
        it.say('new')
        await it.until(lambda: it.browser.texts == ['new'])
        it.stream.cleared_to = 0
        it.stream.load('end')
        await it.until(lambda: len(it.browser.rows) == 6)

        assert it.browser.texts == [*numbered(5), 'new']


# Matches and runs


async def test_matches_are_marked_in_lines_that_are_there_and_in_new_ones(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(12)) as it:
        it.stream.mark(Search(text='line 1'))
        await it.until(lambda: it.browser.marks)
        it.say('in line 1 again')
        await it.until(lambda: len(it.browser.rows) == 13)

        assert list(it.browser.marks.values()) == [[[0, 6]]] * 3
        assert it.browser.rows[-1][11] == [[3, 9]]


async def test_without_a_search_no_line_is_marked(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2)) as it:
        it.stream.mark(Search(text='line'))
        await it.until(lambda: it.browser.marks)
        it.stream.mark(None)
        await it.until(lambda: not it.browser.marks)

        assert it.browser.last('mark') == [[], False]


async def test_rows_name_their_run_by_its_number(tmp_path: Path) -> None:
    def with_run(room: ControlRoom) -> None:
        add_run(room.history, tmp_path / 'data' / 'runs', 'r1', datetime.now(UTC))

    async with streaming(tmp_path, before=with_run) as it:
        it.say('of a run', run='r1')
        it.say('of a removed run', run='r2')
        await it.until(lambda: len(it.browser.rows) == 2)

        assert [row[6] for row in it.browser.rows] == ['#1', '']


# Incident, and the end


async def test_a_log_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    async with streaming(tmp_path, history=numbered(2 * PAGE)) as it:
        changes = it.watched.changes
        it.room.log._store.close()
        it.stream.load('begin')
        await it.it.until(lambda: it.stream.trouble is not None)

        assert it.watched.changes > changes


async def test_a_view_that_is_left_hears_of_nothing(tmp_path: Path) -> None:
    async with streaming(tmp_path) as it:
        inside = it.room.bus.subscriber_count()
        it.watched.scope.delete()
        it.say('too late')
        await it.it.settled()

        assert inside - it.room.bus.subscriber_count() == 3
        assert it.watched.heard == []
