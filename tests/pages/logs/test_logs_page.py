"""The Logs page as a whole: what its parts change in the filter, the address, the download and each other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pages.logs import page as page_module
from pages.logs.page import TEST_LINES, Asked, LogsPage
from pages.logs.range_picker import RangePicker
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.records import now_utc
from tests.parts.addresses import record_addresses
from tests.parts.on_page import OnPage, on_page, opened, text_of
from tests.parts.retention_lives import add_run
from tests.parts.scripted_browser import ScriptedBrowser


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, 'SOURCES_SECONDS', 0.01)


class Visit:
    def __init__(self, it: OnPage[LogsPage], browser: ScriptedBrowser, addresses: list[str]) -> None:
        self.it, self.room, self.browser, self.addresses = it, it.room, browser, addresses
        self.say, self.until = it.say, it.until

    @property
    def page(self) -> LogsPage:
        return self.it.part

    @property
    def asked(self) -> dict[str, str]:
        """The query of the address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.addresses[-1]).query).items()}

    @property
    def download(self) -> dict[str, list[str]]:
        """The query of the download."""
        return parse_qs(urlsplit(str(self.page._links[0][0].props['href'])).query)

    def menu(self, words: str) -> None:
        found = [item for item in self.it.all(role='menuitem') if text_of(item).startswith(words)]
        self.it.emit(found[0], 'click')

    def entries(self) -> list[str]:
        return [text_of(item) for item in self.it.all(role='menuitem')]


@asynccontextmanager
async def visit(tmp_path: Path, *history: str, run: str | None = None, **asked: str) -> AsyncIterator[Visit]:
    def draw(room: ControlRoom) -> LogsPage:
        with Scope() as scope:
            return LogsPage(room, scope, Asked(**asked), run)

    with pytest.MonkeyPatch.context() as patch:
        addresses = record_addresses(patch)
        async with on_page(tmp_path, draw) as it:
            it.say(*history)
            browser = ScriptedBrowser(await it.user.open('/'))
            await browser.until(lambda: 'reset' in browser.methods)
            yield Visit(it, browser, addresses)


async def test_hiding_a_level_changes_lines_address_and_download(tmp_path: Path) -> None:
    async with visit(tmp_path, 'fine') as it:
        it.say('broken', level=Level.ERROR)
        it.it.emit(it.page._counters._counters['error']._box, 'click', True)
        await it.browser.until(lambda: it.browser.texts == ['broken'])

        assert it.asked == {'levels': 'error'}
        assert it.download['levels'] == ['error', 'critical']


async def test_the_address_sets_the_filters_at_the_start(tmp_path: Path) -> None:
    async with visit(tmp_path, levels='warning', source='camera', t='15m') as it:
        only = it.page.only

        assert (only.groups, only.source, only.end) == (frozenset({'warning'}), 'camera', None)
        assert only.start is not None
        assert text_of(it.page._range._button).startswith('Last 15 min')


async def test_a_line_in_the_address_is_opened_there(tmp_path: Path) -> None:
    async with visit(tmp_path, *(str(number) for number in range(1_200)), line='10') as it:
        assert it.browser.texts[0] == '0'
        assert it.browser.last('reset')[1]['place'] == 10


async def test_a_line_that_is_no_number_opens_the_end(tmp_path: Path) -> None:
    async with visit(tmp_path, 'only', line='x') as it:
        assert it.browser.last('reset')[1]['place'] == 'end'


async def test_visiting_the_page_and_staying_there_sees_all_errors(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        it.say('broken', level=Level.ERROR)
        await it.until(lambda: it.room.log.counters.total == 1)
        await it.it.settled()

        assert it.room.log.counters.unseen_errors == 0


async def test_new_sources_are_offered_as_they_appear(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        it.say('hello', source='camera')

        await it.until(lambda: it.page._sources_offered == {'': 'All sources', 'camera': 'camera'})


async def test_the_runs_of_the_past_are_offered(tmp_path: Path) -> None:
    def draw(room: ControlRoom) -> LogsPage:
        add_run(room.history, tmp_path / 'data' / 'runs', 'r1', now_utc(), subject='teaser.mp4')
        with Scope() as scope:
            return LogsPage(room, scope, Asked(), None)

    async with opened(tmp_path, draw) as it:
        await it.until(lambda: it.part._runs_offered == {'': 'All runs', '1': '#1 teaser.mp4'})
        it.say('of the run', run='r1')
        it.part._choose_run('1')
        await it.until(lambda: it.part.only.run == 'r1')

        assert it.part._run_words == '1'


async def test_a_search_is_kept_in_the_address(tmp_path: Path) -> None:
    async with visit(tmp_path, 'a cat') as it:
        it.it.emit(it.page._search._field, 'input', 'cat')
        await it.until(lambda: it.addresses and it.asked == {'q': 'cat'})

        assert it.page.only.search is None


async def test_only_matches_filters_by_the_search_and_shows_all_lines_again(tmp_path: Path) -> None:
    async with visit(tmp_path, 'a cat', 'a dog', q='cat') as it:
        await it.until(lambda: it.page._search.search)
        it.menu('Only matches')
        await it.browser.until(lambda: it.browser.texts == ['a cat'])
        asked, download = it.asked, it.download['q']
        it.menu('Show all lines again')
        await it.browser.until(lambda: it.browser.texts == ['a cat', 'a dog'])

        assert asked == {'q': 'cat', 'only': '1'}
        assert download == ['cat']
        assert it.asked == {'q': 'cat'}


async def test_only_matches_needs_a_search(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        it.menu('Only matches')

        assert it.it.told == ['Search for something first.']


async def test_a_range_drawn_on_the_histogram_filters_and_is_named_on_the_button(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        start, end = now_utc() - timedelta(minutes=4), now_utc() - timedelta(minutes=2)
        ends = [int(start.timestamp() * 1000), int(end.timestamp() * 1000)]
        it.it.emit(it.page._histogram._plot, 'pick', ends)
        await it.until(lambda: it.page.only.end is not None)

        local = it.room.local(start)
        assert it.asked['t'].startswith(f'{local:%Y-%m-%dT%H:%M:%S}')
        assert text_of(it.page._range._button).startswith(f'{local:%H:%M} to ')


async def test_a_preset_is_kept_relative_in_the_address_and_selected_in_the_histogram(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        it.it.emit(it.page._range._presets['1h'], 'click')
        await it.until(lambda: it.addresses)

        assert it.asked == {'t': '1h'}
        assert it.page._histogram._view.selection == (it.page.only.start, None)


async def test_a_line_in_context_is_shown_without_any_filter(tmp_path: Path) -> None:
    async with visit(tmp_path, 'before', 'the line', 'after', source='elsewhere', t='1h', levels='error') as it:
        it.page._show_in_context(2)
        await it.browser.until(lambda: it.browser.texts == ['before', 'the line', 'after'])

        assert it.addresses[-1] == '/logs'
        assert text_of(it.page._range._button).startswith('All time')
        assert not it.page._histogram._view.has_selection


async def test_the_source_of_a_line_becomes_the_filter(tmp_path: Path) -> None:
    async with visit(tmp_path) as it:
        it.say('here', source='camera')
        it.say('there')
        it.page._show_source('camera')
        await it.browser.until(lambda: it.browser.texts == ['here'])

        assert it.asked == {'source': 'camera'}


@pytest.mark.parametrize(('level', 'words', 'message'), TEST_LINES)
async def test_a_test_line_can_be_written(tmp_path: Path, level: Level, words: str, message: str) -> None:
    async with visit(tmp_path) as it:
        it.menu(words)
        await it.browser.until(lambda: it.browser.texts == [message])

        assert it.room.log.recent(1)[0].level is level


async def test_the_menu_says_what_folding_and_clearing_would_do_next(tmp_path: Path) -> None:
    async with visit(tmp_path, 'x') as it:
        before = it.entries()
        it.menu('Show each repeated line')
        it.menu('Clear the view')

        assert {'Show each repeated line .', 'Clear the view C'} <= set(before)
        assert {'Fold repeated lines .', 'Show cleared lines again C'} <= set(it.entries())


async def test_the_log_is_cleared_only_after_a_question(tmp_path: Path) -> None:
    async with visit(tmp_path, 'old') as it:
        it.menu('Clear the log')
        await it.until(lambda: it.it.all(role='alertdialog'))
        before = it.room.log.counters.total
        (yes,) = [
            item
            for item in it.it.all(role='alertdialog')[0].descendants()
            if text_of(item) == 'Clear the log' and item.tag == 'button'
        ]
        it.it.emit(yes, 'click', False)
        await it.browser.until(lambda: it.browser.texts != ['old'])

        assert before == 1
        assert 'The logs page cleared the log' in it.browser.texts[0]


# The time range picker


Chosen = list[tuple[Any, Any, str]]


@asynccontextmanager
async def picker(tmp_path: Path) -> AsyncIterator[tuple[OnPage[RangePicker], Chosen]]:
    chosen: Chosen = []
    async with opened(tmp_path, lambda room: RangePicker(room, lambda *what: chosen.append(what))) as it:
        yield it, chosen


def type_range(it: OnPage[RangePicker], **moments: str) -> None:
    for name, text in moments.items():
        it.emit(it.part._moments[name.replace('_', '-')].control, 'input', text)


async def test_a_preset_reports_its_start_and_is_marked(tmp_path: Path) -> None:
    async with picker(tmp_path) as (it, chosen):
        it.emit(it.part._presets['15m'], 'click')

        ((start, end, text),) = chosen
        assert abs(now_utc() - timedelta(minutes=15) - start) < timedelta(seconds=10)
        assert (end, text) == (None, '15m')
        assert [key for key, one in it.part._presets.items() if one.props['aria-pressed'] == 'true'] == ['15m']


async def test_a_typed_range_is_reported_as_wall_time_of_the_zone(tmp_path: Path) -> None:
    async with picker(tmp_path) as (it, chosen):
        type_range(it, begin_day='2026-01-05', begin_time='14:00', end_day='2026-01-05', end_time='15:30')
        it.press('Apply')

        assert chosen[0][2] == '2026-01-05T14:00:00~2026-01-05T15:30:00'
        assert f'{chosen[0][0]:%H:%M}' == '13:00'


async def test_a_range_that_cannot_be_says_why_and_reports_nothing(tmp_path: Path) -> None:
    async with picker(tmp_path) as (it, chosen):
        type_range(it, begin_day='2026-01-05', end_day='2026-01-01')
        it.press('Apply')

        assert it.part._error.text == 'The end must be after the start.'
        assert chosen == []


async def test_opening_again_forgets_what_was_typed_and_not_applied(tmp_path: Path) -> None:
    async with picker(tmp_path) as (it, chosen):
        type_range(it, begin_day='2026-01-05')
        it.emit(it.part._menu, 'before-show')
        it.press('Apply')

        assert it.part._error.text == 'Enter a start or an end.'
        assert chosen == []


async def test_the_picker_fills_in_the_range_that_is_shown(tmp_path: Path) -> None:
    async with picker(tmp_path) as (it, _):
        it.part.show('2026-01-05T14:00:00~')

        assert it.part._typed == {'begin-day': '2026-01-05', 'begin-time': '14:00:00', 'end-day': '', 'end-time': ''}
        assert it.part._button.props['aria-label'].startswith('Time: 5 Jan')
