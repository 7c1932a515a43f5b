"""What the log view says and does for the person in front of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pages.logs.filter import LogFilter
from pages.logs.view import LogView
from synapse.log.log import Entry, Level
from tests.parts.on_page import OnPage, is_shown, on_page, text_of
from tests.parts.scripted_browser import ScriptedBrowser


class Viewing:
    def __init__(self, it: OnPage[LogView], browser: ScriptedBrowser, calls: dict[str, list[Any]]) -> None:
        self.it, self.room, self.browser, self.calls = it, it.room, browser, calls
        self.say, self.until = it.say, browser.until

    @property
    def view(self) -> LogView:
        return self.it.part

    @property
    def pill(self) -> str:
        return text_of(self.view._pill).removesuffix(' End')

    @property
    def empty(self) -> str:
        return text_of(self.view._empty)

    def emit(self, event: str, args: Any) -> None:
        """As the script of the lines does."""
        self.it.emit(self.view._lines, event, args)

    def scroll_up(self, at: int = 0) -> None:
        self.browser.is_following = False
        self.emit('followed', {'follows': False, 'at': at})


@asynccontextmanager
async def viewing(
    tmp_path: Path, only: LogFilter | None = None, *, history: Sequence[str] = (), line: int | None = None
) -> AsyncIterator[Viewing]:
    calls: dict[str, list[Any]] = {'lines': [], 'context': [], 'source': []}

    def heard(entries: Sequence[Entry]) -> None:
        calls['lines'] += [entry.message for entry in entries]

    def draw(room: Any) -> LogView:
        return LogView(
            room,
            only or LogFilter(),
            line=line,
            on_lines=heard,
            on_context=calls['context'].append,
            on_source=calls['source'].append,
        )

    async with on_page(tmp_path, draw) as it:
        it.say(*history)
        browser = ScriptedBrowser(await it.user.open('/'))
        await browser.until(lambda: 'reset' in browser.methods)
        await it.settled()
        yield Viewing(it, browser, calls)


# Following and pausing


async def test_a_view_follows_until_the_person_scrolls_up(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        before = (text_of(it.view.follow_button), it.view.follow_button.props['aria-pressed'])
        it.scroll_up()

        assert before == ('Following F', 'true')
        assert (text_of(it.view.follow_button), it.view.follow_button.props['aria-pressed']) == ('Paused F', 'false')


async def test_the_follow_button_pauses_and_follows_again(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.it.emit(it.view.follow_button, 'click')
        await it.until(lambda: not it.browser.is_following)
        it.it.emit(it.view.follow_button, 'click')
        await it.until(lambda: it.browser.is_following)

        assert text_of(it.view.follow_button) == 'Following F'


async def test_lines_that_arrive_while_reading_are_counted(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.scroll_up()
        it.say('one')
        await it.it.until(lambda: it.pill == '1 new line')
        it.say('two', 'three')
        await it.it.until(lambda: it.pill == '3 new lines')

        assert it.calls['lines'] == ['one', 'two', 'three']


async def test_errors_among_them_turn_the_pill_red(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.scroll_up()
        it.say('fine')
        it.say('broken', level=Level.ERROR)
        await it.it.until(lambda: it.pill == '2 new, 1 error')

        assert 'is-error' in it.view._pill.classes


async def test_more_than_999_lines_are_not_counted_out(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.scroll_up()
        it.say(*map(str, range(1_000)))

        await it.it.until(lambda: it.pill == '999+ new lines')


async def test_the_pill_leads_to_the_newest_line_and_counts_from_zero_again(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.scroll_up()
        it.say('one')
        await it.it.until(lambda: it.pill == '1 new line')
        it.it.emit(it.view._pill, 'click')
        hidden = it.pill
        it.scroll_up()
        it.say('two')
        await it.it.until(lambda: it.pill == '1 new line')

        assert hidden == ''


async def test_a_view_that_does_not_reach_the_end_offers_the_newest_lines(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=[str(number) for number in range(1_200)], line=5) as it:
        await it.it.until(lambda: it.pill == 'Newest lines')
        it.it.emit(it.view._pill, 'click')
        await it.until(lambda: it.browser.texts[-1] == '1199')

        assert it.browser.last('reset')[1]['place'] == 'end'


async def test_the_first_line_is_read_when_the_person_goes_there(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=[str(number) for number in range(1_200)]) as it:
        it.emit('begin', 0)
        await it.until(lambda: it.browser.texts[0] == '0')

        assert it.browser.last('reset')[1]['place'] == 'begin'
        assert text_of(it.view.follow_button) == 'Paused F'


async def test_errors_are_announced_to_screen_readers_at_most_every_few_seconds(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.say('broken', 'again', level=Level.ERROR)
        await it.it.until(lambda: text_of(it.view._alert) == '2 new errors')
        it.say('and again', level=Level.ERROR)
        await it.it.until(lambda: it.calls['lines'][-1] == 'and again')

        assert text_of(it.view._alert) == '2 new errors'


# Floods


async def test_a_sampled_flood_says_so_and_stops_saying_so(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.say(*map(str, range(3_000)))
        await it.it.until(lambda: is_shown(it.view._notice))
        words = text_of(it.view._notice)
        await it.it.until(lambda: not is_shown(it.view._notice))

        assert words.startswith('Showing every line is too much, sampled 1 in ')
        assert it.browser.texts[-1] == '2999'


async def test_a_reader_who_stops_in_a_sample_gets_every_line_around(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.say(*map(str, range(3_000)))
        await it.until(lambda: 'append' in it.browser.methods)
        it.scroll_up(at=1_000)
        await it.until(lambda: it.browser.methods.count('reset') == 2)

        assert it.browser.texts == [str(number) for number in range(499, 1_499)]


# Nothing to show


@pytest.mark.parametrize(
    ('only', 'words'),
    [
        (LogFilter(), 'Nothing has been logged yet.'),
        (LogFilter(run='r1', step='render'), 'Nothing has been logged here yet.'),
        (LogFilter(source='camera'), 'No lines match these filters.'),
    ],
)
async def test_an_empty_view_says_why(tmp_path: Path, only: LogFilter, words: str) -> None:
    async with viewing(tmp_path, only) as it:
        assert it.empty.startswith(words)


@pytest.mark.parametrize(
    ('step', 'words'), [('', 'Its log lines are no longer kept.'), ('render', 'No log lines of this step are kept.')]
)
async def test_an_empty_log_of_a_run_that_has_ended_is_not_said_to_begin(tmp_path: Path, step: str, words: str) -> None:
    def draw(room: Any) -> LogView:
        return LogView(room, LogFilter(run='r1', step=step), is_over=lambda: True)

    async with on_page(tmp_path, draw) as it:
        browser = ScriptedBrowser(await it.user.open('/'))
        await browser.until(lambda: 'reset' in browser.methods)

        await it.until(lambda: text_of(it.part._empty) == words)


async def test_a_view_with_lines_says_nothing_instead_of_them(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.say('first')
        await it.it.until(lambda: it.empty == '')


async def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['x']) as it:
        it.room.log._store.close()
        it.view.go_to_begin()

        await it.it.until(lambda: it.empty.startswith('The log cannot be read.'))


async def test_a_cleared_view_says_where_the_lines_are_and_brings_them_back(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['old']) as it:
        it.view.toggle_cleared()
        await it.it.until(lambda: it.empty.startswith('The view is cleared.'))
        assert it.view.is_cleared

        it.view.toggle_cleared()
        await it.until(lambda: it.browser.texts == ['old'])
        assert not it.view.is_cleared


# Going to lines


async def test_going_to_a_line_that_is_there_reads_nothing(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['same', 'same', 'other']) as it:
        last = await it.view.go_to(1)

        assert last == 2
        assert it.browser.methods.count('reset') == 1


async def test_going_to_a_line_that_is_not_there_reads_what_is_around_it(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=[str(number) for number in range(1_200)]) as it:
        last = await it.view.go_to(10)
        await it.until(lambda: it.browser.methods.count('reset') == 2)

        assert last == 10
        assert it.browser.texts[0] == '0'


async def test_the_next_error_is_the_first_one_and_then_the_one_after(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['fine']) as it:
        for text in ('first', 'second'):
            it.say(text, level=Level.ERROR)
        await it.until(lambda: len(it.browser.rows) == 3)
        await it.view.go_to_error()
        await it.view.go_to_error()
        await it.view.go_to_error()

        assert [values[0] for method, values in it.browser.calls if method == 'go'] == [2, 3, 2]


async def test_the_previous_error_from_the_end_is_the_last_one(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        for text in ('first', 'second'):
            it.say(text, level=Level.ERROR)
        await it.until(lambda: len(it.browser.rows) == 2)
        await it.view.go_to_error(is_backwards=True)
        await it.view.go_to_error(is_backwards=True)

        assert [values[0] for method, values in it.browser.calls if method == 'go'] == [2, 1]


async def test_an_error_that_the_filter_hides_is_shown_in_context(tmp_path: Path) -> None:
    async with viewing(tmp_path, LogFilter(groups=frozenset({'info'}))) as it:
        it.say('hidden', level=Level.ERROR)
        await it.view.go_to_error()

        assert it.calls['context'] == [1]


async def test_without_any_error_the_person_is_told(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['fine']) as it:
        with it.it.user:
            await it.view.go_to_error()

        assert it.it.told == ['There are no errors in this log.']


# One line


async def test_an_opened_line_gets_its_details(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['first\nsecond']) as it:
        it.emit('opened', 1)
        await it.until(lambda: it.browser.details)

        about = it.browser.details[1]
        assert about['text'] == 'first\nsecond'
        assert about['facts'] == [['line', '1']]


async def test_a_line_that_was_cleared_meanwhile_has_none(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['first']) as it:
        await it.room.log.clear(who='Ada')
        it.emit('opened', 1)
        await it.until(lambda: 1 in it.browser.details)

        assert it.browser.details[1] is None


async def test_the_actions_of_a_line_filter_and_show_its_context(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        it.say('from the camera', source='camera')
        await it.until(lambda: it.browser.rows)
        it.emit('opened', 1)
        await it.until(lambda: it.browser.details)
        it.emit('act', {'seq': 1, 'act': 'source'})
        it.emit('act', {'seq': 1, 'act': 'context'})

        assert (it.calls['source'], it.calls['context']) == (['camera'], [1])


async def test_a_folded_line_can_be_shown_as_each_of_its_lines(tmp_path: Path) -> None:
    async with viewing(tmp_path, history=['again'] * 3) as it:
        it.emit('act', {'seq': 1, 'act': 'unfold'})
        await it.until(lambda: len(it.browser.rows) == 3)

        assert not it.view.is_folding
        assert it.browser.last('setFolding') == [False]


async def test_copying_the_visible_lines_is_confirmed(tmp_path: Path) -> None:
    async with viewing(tmp_path) as it:
        with it.it.user:
            it.view.copy_visible()
        await it.until(lambda: 'copyVisible' in it.browser.methods)

        assert it.it.told == ['Copied the visible lines.']
