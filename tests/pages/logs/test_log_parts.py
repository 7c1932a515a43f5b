"""Small parts of the Logs page and the dashboard that follow the log: counters, tail, and the lines of today."""

from pathlib import Path
from typing import Any

import pytest

from pages.logs import counters, lines_today, tail
from pages.logs.counters import LevelCounters
from pages.logs.lines_today import LinesToday
from pages.logs.tail import LogTail
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.records import now_utc
from tests.parts.on_page import OnPage, opened, text_of
from tests.parts.retention_lives import add_run

Groups = frozenset[str] | None


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, 'RECENT_SHOW_SECONDS', 0.01)
    monkeypatch.setattr(counters, 'COUNTS_SECONDS', 0.01)
    monkeypatch.setattr(lines_today, 'SHOW_SECONDS', 0.01)
    monkeypatch.setattr(tail, 'SHOW_SECONDS', 0.01)


# Counters


def row(room: ControlRoom) -> tuple[LevelCounters, list[Groups]]:
    changes: list[Groups] = []
    return LevelCounters(room, changed=changes.append), changes


def counts(it: OnPage[Any]) -> dict[str, str]:
    found = {group: counter._count.text for group, counter in it.part[0]._counters.items()}
    return {group: text for group, text in found.items() if text != '0'}


def pressed(it: OnPage[Any]) -> list[str]:
    return [group for group, one in it.part[0]._counters.items() if one._box.props['aria-pressed'] == 'true']


def press(it: OnPage[Any], group: str, *, with_alt: bool = False) -> None:
    it.emit(it.part[0]._counters[group]._box, 'click', with_alt)


async def test_lines_are_counted_by_group_as_they_are_logged(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        it.say('a', 'b')
        it.say('c', level=Level.DEBUG)
        it.say('d', level=Level.CRITICAL)
        await it.until(lambda: counts(it) == {'info': '3', 'error': '1'})

        assert text_of(it.part[0]._counters['error']._box) == 'Error +1 in 5 min 1'


async def test_a_counter_says_how_many_lines_came_of_late(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        it.say('a', 'b', level=Level.WARNING)

        await it.until(lambda: it.part[0]._counters['warning']._recent.text == '+2')


async def test_a_press_hides_a_group_and_reports_those_that_are_left(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        press(it, 'info')

        assert it.part[1] == [frozenset({'success', 'warning', 'error'})]
        assert pressed(it) == ['success', 'warning', 'error']


async def test_with_alt_a_press_shows_only_this_group_and_alt_0_all_again(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        press(it, 'error', with_alt=True)
        only = pressed(it)
        it.emit(it.part[0], 'all', True)

        assert only == ['error']
        assert it.part[1] == [frozenset({'error'}), None]


async def test_showing_all_where_all_are_shown_reports_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        it.emit(it.part[0], 'all', True)

        assert it.part[1] == []


async def test_counters_of_a_tab_in_the_background_wait_until_it_is_back(tmp_path: Path) -> None:
    async with opened(tmp_path, row) as it:
        it.emit(it.part[0], 'looking', False)
        it.say('unseen')
        await it.settled()
        before = counts(it)
        it.emit(it.part[0], 'looking', True)

        assert (before, counts(it)) == ({}, {'info': '1'})


# Tail


def shown(it: OnPage[LogTail]) -> list[str]:
    return [text_of(row._message) for row in it.part._rows if row._row.style.get('display') == 'grid']


async def test_the_tail_shows_the_newest_lines_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: LogTail(room, rows=3)) as it:
        it.say('1', '2')
        await it.until(lambda: shown(it) == ['1', '2'])
        it.say('3', '4', '5')

        await it.until(lambda: shown(it) == ['3', '4', '5'])


async def test_a_row_of_the_tail_that_stays_is_not_drawn_again(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: LogTail(room, rows=3)) as it:
        it.say('1', '2', '3')
        await it.until(lambda: len(shown(it)) == 3)
        kept = it.part._rows[1:]
        it.say('4')
        await it.until(lambda: shown(it) == ['2', '3', '4'])

        assert it.part._rows[:2] == kept


async def test_a_cleared_log_leaves_the_tail_with_the_line_that_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: LogTail(room, rows=3)) as it:
        it.say('1', '2', '3')
        await it.until(lambda: len(shown(it)) == 3)
        await it.room.log.clear(who='Ada')

        await it.until(lambda: len(shown(it)) == 1 and 'Ada cleared the log' in shown(it)[0])


async def test_a_row_of_the_tail_names_its_level_source_and_run(tmp_path: Path) -> None:
    def draw(room: ControlRoom) -> LogTail:
        add_run(room.history, tmp_path / 'data' / 'runs', 'r1', now_utc())
        return LogTail(room, rows=1)

    async with opened(tmp_path, draw) as it:
        it.say('it broke', level=Level.CRITICAL, source='ffmpeg', run='r1', step='render')
        await it.until(lambda: text_of(it.part._rows[0]._run) == '#1')

        row = it.part._rows[0]
        assert (text_of(row._level), text_of(row._source)) == ('CRIT', 'ffmpeg')
        assert 'lv-error' in row._row.classes


async def test_a_line_of_a_removed_run_has_no_number(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: LogTail(room, rows=1)) as it:
        it.say('old', run='gone')
        await it.until(lambda: shown(it) == ['old'])
        await it.settled()

        assert text_of(it.part._rows[0]._run) == ''


async def test_a_very_long_line_is_cut_before_it_is_sent(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: LogTail(room, rows=1)) as it:
        it.say('x' * 10_000)
        await it.until(lambda: shown(it))

        assert len(shown(it)[0]) == tail.LONGEST_TEXT


# Lines of today


async def test_the_lines_of_today_are_counted_with_those_that_come(tmp_path: Path) -> None:
    async with opened(tmp_path, LinesToday) as it:
        await it.until(lambda: text_of(it.part._words) == '0 lines since 00:00')
        it.say(*map(str, range(1_200)))

        await it.until(lambda: text_of(it.part._words) == '1\u202f200 lines since 00:00')


async def test_clearing_the_log_counts_today_again(tmp_path: Path) -> None:
    async with opened(tmp_path, LinesToday) as it:
        it.say('a', 'b')
        await it.until(lambda: text_of(it.part._words) == '2 lines since 00:00')
        await it.room.log.clear(who='Ada')

        await it.until(lambda: text_of(it.part._words) == '1 line since 00:00')
