"""The bell and the toasts: which alerts are shown where, and what their buttons do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pages.shell import bell as bell_module
from pages.shell.bell import LATEST, Bell
from pages.shell.toasts import MOST, Toasts
from synapse.alerts import alerts as alerts_module
from synapse.alerts.alerts import AlertAction, AlertKind, Incident
from synapse.control_room import ControlRoom
from tests.parts.on_page import OnPage, on_page, text_of


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, 'PUBLISH_SECONDS', 0.001)
    monkeypatch.setattr(bell_module, 'SHOW_SECONDS', 0.001)


class Shown:
    def __init__(self, it: OnPage[tuple[Bell, Toasts]]) -> None:
        self.it, self.room = it, it.room

    @property
    def face(self) -> dict[str, Any]:
        """What the browser has of the bell."""
        return dict(self.it.part[0]._face.props)

    @property
    def toasts(self) -> list[str]:
        return [text_of(item) for item in self.it.part[1].default_slot.children]

    def tell(self, key: str, **values: Any) -> None:
        trouble = {'kind': AlertKind.RUN_FAILED, 'title': f'{key} failed', 'look': 'failed', 'target': f'/runs/{key}'}
        self.room.alerts.report(Incident(key=key, verb='Open run', **trouble | values))

    def ring(self, event: str, args: Any = None) -> None:
        self.it.emit(self.it.part[0]._face, event, args)

    def press(self, words: str, toast: int = 0) -> None:
        box = self.it.part[1].default_slot.children[toast]
        buttons = [item for item in box.descendants() if item.tag == 'button']
        named = [item for item in buttons if words in (text_of(item), item.props.get('aria-label'))]
        self.it.emit(named[0], 'click')

    def go(self, path: str) -> None:
        """The page inside the shell changes."""
        router = self.it.user._client.sub_pages_router
        router.current_path = path
        for handler in list(router._path_changed_handlers):
            handler(path)

    def id_of(self, key: str) -> str:
        return next(alert.id for alert in self.room.alerts if alert.key == key)


@asynccontextmanager
async def shown(tmp_path: Path, *before: str) -> AsyncIterator[Shown]:
    def draw(room: ControlRoom) -> tuple[Bell, Toasts]:
        return Bell(room), Toasts(room)

    async with on_page(tmp_path, draw) as it:
        alerts = Shown(it)
        for key in before:
            alerts.tell(key)
        await it.user.open('/')
        yield alerts


# Bell


async def test_the_bell_counts_what_nobody_has_seen(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        before = it.face['unseen']
        it.tell('b')
        await it.it.until(lambda: it.face['unseen'] == 2)

        assert before == 1


async def test_rows_are_sent_only_while_the_list_is_open(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        closed = it.face['rows']
        it.ring('opened', 3)
        opened = it.face['rows']
        it.ring('closed')

        assert (closed, it.face['rows']) == (None, None)
        assert [row['title'] for row in opened] == ['a failed']


async def test_rows_belong_to_the_opening_that_asked_for_them(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        it.ring('opened', 7)

        assert it.face['opening'] == 7


async def test_the_newest_are_sent_for_desktop_notifications_even_while_the_list_is_closed(tmp_path: Path) -> None:
    async with shown(tmp_path, *'abcdefg') as it:
        assert [brief['key'] for brief in it.face['latest']] == [*'gfedcba'][:LATEST]


async def test_an_alert_that_is_over_stays_in_the_list_but_is_no_news(tmp_path: Path) -> None:
    async with shown(tmp_path, 'disk') as it:
        it.ring('opened', 1)
        it.room.alerts.resolve('disk')
        await it.it.until(lambda: it.face['latest'] == [])

        assert it.face['rows'][0]['over'] > 0


async def test_repeated_alerts_are_one_row_with_a_count(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a', 'a', 'a') as it:
        it.ring('opened', 1)

        assert [row['count'] for row in it.face['rows']] == [3]


async def test_the_button_of_a_row_opens_its_page_and_marks_it_as_seen(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        it.ring('help', it.id_of('a'))
        await it.it.until(lambda: it.it.gone_to == ['/runs/a'])

        assert it.room.alerts.unseen == 0


async def test_the_button_of_a_paused_queue_resumes_it(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        await it.room.runs.pause_queue('test')
        it.tell('queue', kind=AlertKind.QUEUE_HELD, action=AlertAction.RESUME_QUEUE, target='/')
        it.ring('help', it.id_of('queue'))
        await it.it.until(lambda: not it.room.runs.is_queue_paused)

        assert it.it.gone_to == []


async def test_alerts_are_marked_as_seen_dismissed_and_cleared(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a', 'b') as it:
        it.ring('seen')
        seen = it.room.alerts.unseen
        it.ring('dismiss', it.id_of('a'))
        left = [alert.key for alert in it.room.alerts]
        it.ring('clear')

        assert (seen, left, len(it.room.alerts)) == (0, ['b'], 0)


async def test_a_row_that_is_gone_meanwhile_does_nothing(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        gone = it.id_of('a')
        it.room.alerts.clear()
        it.ring('help', gone)
        it.ring('page', gone)
        await it.it.settled()

        assert it.it.gone_to == []


# Toasts


async def test_only_alerts_that_arrive_while_the_tab_is_open_are_toasts(tmp_path: Path) -> None:
    async with shown(tmp_path, 'earlier') as it:
        it.tell('now', text='No space left.')

        await it.it.until(lambda: it.toasts == ['now failed No space left. Open run'])


async def test_a_repeated_alert_is_counted_in_its_toast(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        it.tell('a')
        await it.it.until(lambda: len(it.toasts) == 1)
        it.tell('a')

        await it.it.until(lambda: it.toasts == ['a failed 2 times Open run'])


async def test_of_many_alerts_the_last_toast_is_a_number(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        for key in 'abcde':
            it.tell(key)
        await it.it.until(lambda: len(it.toasts) == MOST)

        assert it.toasts == ['a failed Open run', 'b failed Open run', '3 more alerts Show them']


async def test_closing_a_toast_makes_room_for_the_next(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        for key in 'abcd':
            it.tell(key)
        await it.it.until(lambda: len(it.toasts) == MOST)
        it.press('Close')

        await it.it.until(lambda: it.toasts == ['b failed Open run', 'c failed Open run', 'd failed Open run'])
        assert it.room.alerts.unseen == 3


async def test_closing_the_number_leaves_the_rest_to_the_bell(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        for key in 'abcd':
            it.tell(key)
        await it.it.until(lambda: len(it.toasts) == MOST)
        it.press('Close', toast=2)
        await it.it.until(lambda: len(it.toasts) == 2)

        assert it.room.alerts.unseen == 4


async def test_an_alert_that_was_seen_elsewhere_leaves_no_toast(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        it.tell('a')
        await it.it.until(lambda: len(it.toasts) == 1)
        it.room.alerts.mark_all_seen()

        await it.it.until(lambda: it.toasts == [])


async def test_the_button_of_a_toast_opens_the_page(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        it.tell('a')
        await it.it.until(lambda: len(it.toasts) == 1)
        it.press('Open run')

        await it.it.until(lambda: it.it.gone_to == ['/runs/a'])


async def test_the_page_of_the_run_needs_no_toast_about_it(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        it.go('/runs/a?step=render')
        it.tell('a')
        it.tell('b')
        await it.it.until(lambda: it.toasts)

        assert it.toasts == ['b failed Open run']


async def test_missed_events_need_no_toast_on_the_calendar(tmp_path: Path) -> None:
    async with shown(tmp_path) as it:
        it.go('/scheduler')
        it.tell('missed', kind=AlertKind.OCCURRENCES_MISSED, target='/scheduler')
        it.tell('b')
        await it.it.until(lambda: it.toasts)

        assert it.toasts == ['b failed Open run']


async def test_opening_the_page_of_a_run_marks_its_alert_as_seen(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a', 'b') as it:
        it.go('/runs/a')

        assert [alert.key for alert in it.room.alerts if not alert.is_seen] == ['b']


async def test_a_list_of_runs_marks_nothing_as_seen(tmp_path: Path) -> None:
    async with shown(tmp_path, 'a') as it:
        it.go('/runs')

        assert it.room.alerts.unseen == 1
