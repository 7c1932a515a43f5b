"""What is set on the Settings page holds at once, and after a restart."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from storage.logs.store import LogStore
from storage.runs import RunStore
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest
from tests.parts.retention_lives import add_run
from tests.parts.writers import log_row

SignIn = Callable[[SynapseUnderTest], Page]


def test_the_number_of_workers_changes_at_once_and_is_kept(tmp_path: Path, open_tab: SignIn) -> None:
    program = forked(tmp_path / 'data').start()
    try:
        with program.api as api:
            before = len(api.get('/status').json()['workers'])
        page = open_tab(program)
        page.goto(f'{program.url}settings')

        page.get_by_role('button', name='One worker more').click()

        expect(page.get_by_text(f'0 of {before + 1} busy').first).to_be_visible()
        program.stop()
        program.start()
        with program.api as api:
            assert len(api.get('/status').json()['workers']) == before + 1
    finally:
        program.stop()


def test_no_worker_at_all_is_refused_with_a_sentence(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}settings')
    less = page.get_by_role('button', name='One worker fewer')

    less.click()
    expect(page.get_by_text('0 of 1 busy').first).to_be_visible()
    less.click()

    expect(page.get_by_text('Between 1 and 64.')).to_be_visible()
    with program.api as api:
        assert len(api.get('/status').json()['workers']) == 1


def test_a_channel_is_on_in_all_tabs_or_in_none(program: SynapseUnderTest, open_tab: SignIn) -> None:
    channel = {'id': 'phone', 'label': 'Phone', 'url': 'json://127.0.0.1:9/hook', 'kinds': ['run_failed']}
    with program.api as api:
        api.put('/notifications', json={'channels': [channel]}).raise_for_status()
    tabs = [open_tab(program) for _ in range(2)]
    for page in tabs:
        page.goto(f'{program.url}settings')
    boxes = [page.get_by_role('checkbox', name='Phone is on') for page in tabs]

    for turn, is_on in enumerate((False, True, False, True)):
        boxes[turn % 2].press(' ')

        for box in boxes:
            expect(box).to_be_checked(checked=is_on)


def test_what_would_go_is_said_before_less_is_kept(tmp_path: Path, open_tab: SignIn) -> None:
    data, now = tmp_path / 'data', datetime.now(UTC)
    data.mkdir()
    log, runs = LogStore(data / 'logs.db'), RunStore(data / 'runs.db')
    old = (now - timedelta(days=8)).isoformat()
    log.append([log_row(seq, timestamp=old) for seq in range(1, 31)])
    for number, days in enumerate((100, 50, 2), 1):
        add_run(runs, data / 'runs', f'run{number}', now - timedelta(days=days))
    log.close()
    runs.close()
    program = forked(data).start()
    try:
        page = open_tab(program)
        page.goto(f'{program.url}settings')
        card = page.get_by_role('region', name='What is kept')
        expect(card.get_by_text('3 ended runs since')).to_contain_text('9.0 kB in their folders')

        card.get_by_label('Log lines').select_option('At most')
        days = card.get_by_label('Days for which log lines are kept')
        days.fill('0')
        expect(card.get_by_role('alert').filter(has_text='Between 1 and 3,650 days, or forever.')).to_be_visible()
        days.fill('7')
        card.get_by_label('Number of runs').select_option('At most')
        card.get_by_label('Runs that are kept').fill('1')
        words = '30 log lines older than 7 days and 2 runs beyond the newest 1'
        expect(card.get_by_text(f'{words} would be removed.')).to_be_visible()
        card.get_by_role('button', name='Save').click()
        question = page.get_by_role('alertdialog')
        expect(question).to_contain_text(f'{words} will be removed')
        question.get_by_role('button', name='Keep them').click()
        expect(question).to_be_hidden()
        assert program.run('run1')['state'] == 'succeeded'

        card.get_by_role('button', name='Save').click()
        question.get_by_role('button', name='Remove them').click()

        expect(card.get_by_text('1 ended run since')).to_contain_text('3.0 kB in their folders')
        expect(card.get_by_text('30 lines and 2 runs removed')).to_be_visible()
        expect(card.get_by_role('button', name='Save')).to_be_hidden()
        assert sorted(path.name for path in (data / 'runs').iterdir()) == ['run3']
        card.get_by_role('button', name='Clean up now').click()
        expect(page.get_by_text('Nothing had to be removed.', exact=True)).to_be_visible()
        page.goto(f'{program.url}runs/1')
        expect(page.get_by_text('Run #1 has been removed.')).to_be_visible()
        expect(page.get_by_text('How long runs are kept is set on the Settings page.')).to_be_visible()
    finally:
        program.stop()
