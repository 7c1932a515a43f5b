"""The search field of the log: what it counts, where it goes, and what it says of a wrong pattern."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pages.logs import search_bar
from pages.logs.filter import LogFilter
from pages.logs.search_bar import LogSearchBar
from pages.logs.view import LogView
from synapse.log.log import Level
from synapse.log.search import Search
from tests.parts.on_page import OnPage, on_page, text_of
from tests.parts.scripted_browser import ScriptedBrowser


@pytest.fixture(autouse=True)
def type_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_bar, 'TYPING_SECONDS', 0.001)
    monkeypatch.setattr(search_bar, 'RECOUNT_SECONDS', 0.01)


class Searching:
    def __init__(self, it: OnPage[Any], browser: ScriptedBrowser, searches: list[Search | None]) -> None:
        self.it, self.room, self.browser, self.searches = it, it.room, browser, searches
        self.say = it.say

    @property
    def bar(self) -> LogSearchBar:
        bar: LogSearchBar = self.it.part
        return bar

    @property
    def count(self) -> str:
        return text_of(self.bar._count)

    def type(self, text: str) -> None:
        self.it.emit(self.bar._field, 'input', text)

    async def press_enter(self, *, with_shift: bool = False) -> None:
        self.it.emit(self.bar._field, 'keydown.enter', with_shift)
        await self.it.settled()

    async def shows(self, count: str) -> None:
        await self.it.until(lambda: self.count == count)

    def gone_to(self) -> list[int]:
        return [values[0] for method, values in self.browser.calls if method == 'go']


@asynccontextmanager
async def searching(tmp_path: Path, *history: str, only: LogFilter | None = None) -> AsyncIterator[Searching]:
    searches: list[Search | None] = []

    def draw(room: Any) -> LogSearchBar:
        view = LogView(room, only or LogFilter(), on_lines=lambda entries: bar.add(entries))
        bar = LogSearchBar(room, view, searches.append)
        return bar

    async with on_page(tmp_path, draw) as it:
        it.say(*history)
        browser = ScriptedBrowser(await it.user.open('/'))
        await browser.until(lambda: 'reset' in browser.methods)
        yield Searching(it, browser, searches)


async def test_what_is_typed_is_counted_and_marked(tmp_path: Path) -> None:
    async with searching(tmp_path, 'one cat', 'two dogs', 'three Cats') as it:
        it.type('cat')
        await it.shows('2 found')
        await it.browser.until(lambda: it.browser.marks)

        assert it.searches == [Search(text='cat')]
        assert it.browser.marks == {1: [[4, 7]], 3: [[6, 9]]}


async def test_nothing_found_says_so(tmp_path: Path) -> None:
    async with searching(tmp_path, 'one cat') as it:
        it.type('dog')
        await it.shows('No matches')


async def test_an_emptied_field_ends_the_search(tmp_path: Path) -> None:
    async with searching(tmp_path, 'one cat') as it:
        it.type('cat')
        await it.shows('1 found')
        it.type(' ')
        await it.shows('')

        assert it.searches == [Search(text='cat'), None]


async def test_case_counts_once_it_is_switched_on(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a cat', 'a Cat') as it:
        it.type('Cat')
        await it.shows('2 found')
        it.it.emit(it.bar._case, 'click')
        await it.shows('1 found')

        assert it.bar._case.props['aria-pressed'] == 'true'


async def test_a_regular_expression_is_one_once_it_is_switched_on(tmp_path: Path) -> None:
    async with searching(tmp_path, 'take 1', 'take 22', 'take x') as it:
        it.type(r'take \d+$')
        await it.shows('No matches')
        it.it.emit(it.bar._regex, 'click')
        await it.shows('2 found')


async def test_a_broken_pattern_says_so_and_keeps_the_last_search(tmp_path: Path) -> None:
    async with searching(tmp_path, 'take 1') as it:
        it.it.emit(it.bar._regex, 'click')
        it.type('take')
        await it.shows('1 found')
        it.type('take (')
        await it.shows('Invalid pattern')

        assert text_of(it.bar._error) != ''
        assert it.searches == [Search(text='take', is_regex=True)]
        it.type('take (1)')
        await it.shows('1 found')
        assert text_of(it.bar._error) == ''


async def test_enter_goes_from_the_newest_match_on_around_the_ends(tmp_path: Path) -> None:
    async with searching(tmp_path, 'cat 1', 'cat 2', 'cat 3') as it:
        it.type('cat')
        await it.shows('3 found')
        for count in ('3 of 3', '1 of 3', '2 of 3'):
            await it.press_enter()
            await it.shows(count)

        await it.browser.until(lambda: it.gone_to() == [3, 1, 2])


async def test_shift_enter_goes_backwards(tmp_path: Path) -> None:
    async with searching(tmp_path, 'cat 1', 'cat 2', 'cat 3') as it:
        it.type('cat')
        await it.shows('3 found')
        for count in ('3 of 3', '2 of 3', '1 of 3', '3 of 3'):
            await it.press_enter(with_shift=True)
            await it.shows(count)


async def test_enter_waits_for_what_was_typed_just_before(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a cat', 'a dog') as it:
        it.type('dog')
        await it.press_enter()
        await it.shows('1 of 1')

        await it.browser.until(lambda: it.gone_to() == [2])


async def test_a_folded_row_is_one_match_to_step_over(tmp_path: Path) -> None:
    async with searching(tmp_path, 'cat', 'cat', 'a cat') as it:
        it.type('cat')
        await it.shows('3 found')
        await it.press_enter()
        await it.browser.until(lambda: it.gone_to() == [3])
        await it.press_enter()
        await it.browser.until(lambda: it.gone_to() == [3, 1])
        await it.shows('1 of 3')
        await it.it.until(lambda: it.bar._row_end == 2)
        await it.press_enter()

        await it.browser.until(lambda: it.gone_to() == [3, 1, 3])


async def test_new_matches_are_counted(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a cat') as it:
        it.type('cat')
        await it.shows('1 found')
        it.say('another cat', 'a dog')

        await it.shows('2 found')


async def test_many_new_lines_are_counted_by_the_store(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a cat') as it:
        it.type('cat')
        await it.shows('1 found')
        it.say(*(f'cat {number}' for number in range(search_bar.MANY_LINES + 1)))

        await it.shows(f'{search_bar.MANY_LINES + 2} found')


async def test_only_lines_that_match_the_filter_are_counted(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a cat', only=LogFilter(groups=frozenset({'error'}))) as it:
        it.say('a lost cat', level=Level.ERROR)
        it.type('cat')
        await it.shows('1 found')
        it.bar._view.show(LogFilter())
        it.bar.recount()

        await it.shows('2 found')


async def test_the_address_begins_a_search(tmp_path: Path) -> None:
    async with searching(tmp_path, 'a Cat', 'a cat') as it:
        it.bar.begin_with('cat', is_case=True, is_regex=False)
        await it.shows('1 found')

        assert it.bar._field.props['^value'] == 'cat'
        assert it.bar._case.props['aria-pressed'] == 'true'


async def test_thousands_are_written_with_spaces(tmp_path: Path) -> None:
    lines: Sequence[str] = ['cat'] * 1_200
    async with searching(tmp_path, *lines) as it:
        it.type('cat')

        await it.shows('1\u202f200 found')


async def test_a_pattern_that_takes_too_long_says_so(tmp_path: Path) -> None:
    async with searching(tmp_path, *('ab' * 50 + str(number) for number in range(1_000))) as it:
        it.it.emit(it.bar._regex, 'click')
        it.type(r'(.+)+\d\d\d\d\d')
        await it.shows('Given up')

        assert 'takes too long' in it.bar._error.text
