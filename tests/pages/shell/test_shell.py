"""The frame around the pages: state pill, rail, top bar, shortcuts, and what an unknown or failing page shows."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nicegui import ui

from pages.parts.shortcuts import SHORTCUTS
from pages.shell import theme
from pages.shell.shell import PLACES, Pages, Shell, brand
from pages.shell.state_pill import RoomPill, stop_everything
from synapse.control_room import ControlRoom
from synapse.records import now_utc
from synapse.runs.messages import QueueChanged
from synapse.runs.records import RunState
from synapse.status import StatusChanged
from tests.parts.on_page import OnPage, is_shown, on_page, opened, text_of
from tests.parts.run_records import a_run


def change(it: OnPage[Any], **values: Any) -> None:
    """The status gets these values, as from the runs."""
    for name, value in values.items():
        setattr(it.room.status, name, value)
    it.publish(StatusChanged())


def go(it: OnPage[Shell], path: str) -> None:
    """Another page is opened inside the shell."""
    with it.user:
        it.part._moved(path)


# State pill


PAUSE = {'until': '2021-02-01T08:30:00+00:00', 'because': 'a new disk', 'drain': False, 'drained': False}
DRAINED = {'drain': True, 'drained': True}


@pytest.mark.parametrize(
    ('status', 'words', 'look'),
    [
        ({}, 'Idle', 'idle'),
        ({'state': 'error'}, 'Last run failed', 'failed'),
        ({'queue_paused': True}, 'Queue paused', 'paused'),
        ({'queue_paused': True, 'waiting': 3}, 'Queue paused · 3 waiting', 'paused'),
        ({'state': 'busy', 'running': 2}, '2 running', 'running'),
        ({'state': 'busy', 'running': 1, 'waiting': 4}, '1 running · 4 waiting', 'running'),
        ({'state': 'busy', 'running': 1, 'queue_paused': True}, '1 running · queue paused', 'running'),
        ({'state': 'paused', 'held': 1}, '1 paused', 'paused'),
        ({'state': 'busy', 'running': 1, 'held': 1}, '1 running · 1 paused', 'running'),
        ({'queue_paused': True, 'queue_pause': PAUSE}, 'Queue paused until 1 Feb 09:30 · a new disk', 'paused'),
        ({'queue_paused': True, 'queue_pause': PAUSE | DRAINED}, 'Drained until 1 Feb 09:30 · a new disk', 'paused'),
        (
            {'state': 'busy', 'running': 1, 'queue_paused': True, 'queue_pause': PAUSE | {'drain': True}},
            '1 running · draining until 1 Feb 09:30: a new disk',
            'running',
        ),
    ],
)
async def test_the_pill_says_what_the_system_is_doing(
    tmp_path: Path, status: dict[str, Any], words: str, look: str
) -> None:
    async with opened(tmp_path, RoomPill) as it:
        change(it, **status)

        assert text_of(it.part).startswith(words)
        assert f'st-{look}' in it.part.classes


async def test_the_pill_is_named_by_what_it_says(tmp_path: Path) -> None:
    async with opened(tmp_path, RoomPill) as it:
        change(it, running=1, waiting=2, state='busy')

        assert it.part.props['aria-label'] == '1 running, 2 waiting. Open the menu'


async def test_the_menu_is_drawn_when_it_opens_and_follows_while_it_is_open(tmp_path: Path) -> None:
    async with opened(tmp_path, RoomPill) as it:
        closed = text_of(it.part._body)
        it.emit(it.part._menu, 'before-show')
        before = text_of(it.part._body)
        await it.room.runs.pause_queue('test')
        await it.until(lambda: text_of(it.part._body) != before)

        assert closed == ''
        assert before == 'Nothing is running Pause queue Pause for a time, or drain Stop everything'
        words = 'Nothing is running Resume queue Pause for a time, or drain Stop everything'
        assert re.fullmatch(rf'Queue paused since \d\d:\d\d: test {words}', text_of(it.part._body))


async def test_an_open_menu_is_not_drawn_again_for_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, RoomPill) as it:
        it.emit(it.part._menu, 'before-show')
        rows = list(it.part._body.default_slot.children)
        it.publish(QueueChanged())

        assert list(it.part._body.default_slot.children) == rows


async def test_the_menu_says_why_nothing_starts(tmp_path: Path) -> None:
    async with opened(tmp_path, RoomPill) as it:
        change(it, notice='The disk is full.')
        it.emit(it.part._menu, 'before-show')

        assert text_of(it.part._body).startswith('The disk is full.')


@pytest.mark.parametrize(
    ('running', 'waiting', 'words'),
    [
        (0, 0, 'Nothing is running. Nothing new starts until you resume the queue.'),
        (1, 1, 'The live run ends now, with every process it started. 1 waiting run stays in the queue.'),
        (3, 2, 'All 3 live runs end now, with every process they started. 2 waiting runs stay in the queue.'),
    ],
)
async def test_before_everything_is_stopped_the_question_says_what_that_means(
    tmp_path: Path, running: int, waiting: int, words: str
) -> None:
    async with opened(tmp_path, lambda room: stop_everything_later(room, running, waiting)) as it:
        await it.until(lambda: it.all(role='alertdialog'))

        assert words in text_of(it.all(role='alertdialog')[0])


def stop_everything_later(room: ControlRoom, running: int, waiting: int) -> None:
    room.status.running, room.status.waiting = running, waiting
    ui.timer(0, lambda: stop_everything(room), once=True)


async def test_stopping_everything_pauses_the_queue_once_it_is_confirmed(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda room: stop_everything_later(room, 0, 0)) as it:
        await it.until(lambda: it.all(role='alertdialog'))
        (dialog,) = it.all(role='alertdialog')
        before = it.room.runs.is_queue_paused
        (yes,) = [item for item in dialog.descendants() if item.tag == 'button' and text_of(item) == 'Stop everything']
        it.emit(yes, 'click', False)
        await it.until(lambda: it.room.runs.is_queue_paused)

        assert not before


# Rail and top bar


async def test_the_rail_leads_to_every_page_with_its_shortcut(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        (rail,) = [item for item in it.all(aria_label='Main') if item.props.get('tag') == 'nav']
        links = [item for item in rail.descendants() if item.tag == 'a']

        assert [link.props['href'] for link in links] == [*(target for target, _, _ in PLACES), '/help']
        keys = [link.props['data-key'] for link in links if 'data-key' in link.props]
        assert keys == [f'g {number}' for number in range(1, 8)]


async def test_the_page_that_is_open_is_marked_in_the_rail_and_named_in_the_top_bar(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        go(it, '/runs/x?state=failed')
        current = {link.props['href'] for _, link in it.part._links if link.props.get('aria-current') == 'page'}

        assert current == {'/runs'}
        assert it.part._title.text == 'Runs'


@pytest.mark.parametrize(
    ('path', 'title', 'crumb'),
    [
        ('/', 'Dashboard', ''),
        ('/runs/12', 'Runs', '#12'),
        ('/runs', 'Runs', ''),
        ('/nowhere', 'Page not found', ''),
        ('/logs/x', 'Page not found', ''),
    ],
)
async def test_the_top_bar_names_the_page_and_the_run(tmp_path: Path, path: str, title: str, crumb: str) -> None:
    async with opened(tmp_path, Shell) as it:
        go(it, path)

        assert (it.part._title.text, text_of(it.part._crumb)) == (title, crumb)


async def test_the_top_bar_names_a_run_that_is_opened_by_its_id_and_only_kept_on_disk(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        it.room.history.create(a_run(RunState.SUCCEEDED, id='old').model_dump(mode='json'))
        go(it, '/runs/old')

        await it.until(lambda: text_of(it.part._crumb) == '#1')


async def test_each_page_has_one_primary_button(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        shown = []
        for path in ('/', '/scheduler', '/logs'):
            go(it, path)
            shown.append((is_shown(it.part._new_run), is_shown(it.part._new_event)))

        assert shown == [(True, False), (False, True), (True, False)]


async def test_only_the_logs_page_counts_the_lines_of_today(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        go(it, '/logs')
        on_logs = is_shown(it.part._lines)
        go(it, '/runs')

        assert (on_logs, is_shown(it.part._lines)) == (True, False)


async def test_the_rail_says_how_many_runs_are_live_and_errors_unseen(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        change(it, running=2)
        it.room.log.counters.unseen_errors = 1_200

        await it.until(lambda: '2 live' in text_of(it.find(tag='nav')))
        assert '1,200 errors' in text_of(it.find(tag='nav'))


async def test_the_rail_says_how_many_workers_are_busy(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        change(it, workers=({}, {}, {}, {}), busy_workers=3)

        assert it.part._meter.props['aria-valuenow'] == '3'
        assert it.part._bar.style['width'] == '75%'
        assert '3 of 4 busy' in text_of(it.find(tag='nav'))


async def test_the_rail_does_not_count_on_the_places_of_a_drained_machine(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        drained = {'state': 'idle', 'machine': 'annex', 'drained': True}
        change(it, workers=({'state': 'running'}, {'state': 'idle'}, drained, drained), busy_workers=1)

        assert it.part._meter.props['aria-valuemax'] == '2'
        assert '1 of 2 busy' in text_of(it.find(tag='nav'))


async def test_the_rail_names_the_next_event_by_its_time_and_its_day(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        due = now_utc() + timedelta(days=2)
        it.room.status.next = {'title': 'Nightly copy', 'due': due.isoformat()}
        local = it.room.local(due)
        await it.until(lambda: it.part._next.props.get('data-near') == f'{local:%H:%M}')
        near = it.part._next.props['data-far']
        late = it.room.local(due + timedelta(days=30))
        it.room.status.next = {'title': 'Later', 'due': (due + timedelta(days=30)).isoformat()}

        assert near == f'{local:%a}'
        assert it.part._next.props['data-far'] == f'{late.day} {late:%b}'


async def test_question_mark_lists_all_shortcuts(tmp_path: Path) -> None:
    async with opened(tmp_path, Shell) as it:
        it.part._help()
        (dialog,) = it.all(role='dialog', aria_label='Shortcuts')
        words = text_of(dialog)

        shortcuts = [shortcut for group in SHORTCUTS.values() for shortcut in group]
        assert [shortcut.words for shortcut in shortcuts if shortcut.words not in words] == []
        assert [hint for shortcut in shortcuts for hint, _ in shortcut.hints() if hint not in words] == []


# Pages that are not there


async def test_an_unknown_address_offers_the_dashboard(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda _: Pages({'/': lambda: None})) as it:
        with it.part:
            it.part._render_404()

        assert 'There is no page at this address' in text_of(it.part)
        assert it.find('Go to the dashboard', href='/')


async def test_a_page_that_fails_says_so_and_does_not_show_the_error(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError('secret details')

    async with opened(tmp_path, lambda _: Pages({'/': broken})) as it:
        await it.until(lambda: 'This page could not be shown' in text_of(it.part))

        assert 'secret details' not in text_of(it.part)


async def test_two_logos_have_gradients_of_their_own(tmp_path: Path) -> None:
    async with opened(tmp_path, lambda _: (brand('rail'), brand('top'))) as it:
        gradients = [item.props['id'] for item in it.box.descendants() if item.tag == 'linearGradient']

        assert gradients == ['brand-rail', 'brand-top']


# Look


def test_every_style_sheet_and_script_that_is_linked_exists() -> None:
    assert [name for name in (*theme.SHEETS, *theme.SCRIPTS) if not (theme.STATIC / name).is_file()] == []


def test_every_style_sheet_and_script_is_linked() -> None:
    there = {path.name for path in theme.STATIC.iterdir() if path.suffix in ('.css', '.js')}

    assert there == {*theme.SHEETS, *theme.SCRIPTS}


async def test_the_pages_link_the_sheets_and_know_the_offsets_of_the_zone(tmp_path: Path) -> None:
    heads = ['']
    async with on_page(tmp_path, lambda _: ui.add_head_html(heads[-1])) as it:
        heads.append(theme.install('Europe/Berlin')(''))
        text = (await it.user.http_client.get('/')).text
        sheet, script = (re.search(rf'"({path}\?v=\w+)"', text) for path in (theme.SHEET, theme.SCRIPT))

        assert sheet is not None
        assert script is not None
        for link, names in ((sheet[1], theme.SHEETS), (script[1], theme.SCRIPTS)):
            answer = await it.user.http_client.get(link)
            parts = [(theme.STATIC / name).read_text() for name in names]
            places = [answer.text.find(part) for part in parts]
            assert -1 not in places
            assert places == sorted(places)
            assert 'immutable' in answer.headers['cache-control']
        assert '<meta name="synapse-offsets"' in text
