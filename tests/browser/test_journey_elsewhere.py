"""A video dropped here and rendered on another machine: the same lines, at once, in two tabs, and the same result."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_journey import choose_video, probe
from tests.parts.harness import SynapseUnderTest, make_video
from tests.parts.machines import MachineUnderTest, join_line
from tests.parts.receivers import free_port

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = SynapseUnderTest(tmp_path / 'room', '--cluster', '--cluster-port', '0', '--workers', '1').start()
    yield program
    program.stop()


@pytest.fixture
def annex(room: SynapseUnderTest, tmp_path: Path) -> Iterator[MachineUnderTest]:
    machine = MachineUnderTest(tmp_path / 'annex', *join_line(room), '--name', 'annex', '--workers', '2')
    machine.wait_for('has joined')
    yield machine
    assert machine.stop() == 0
    machine.wait_until_empty()


def test_a_video_dropped_here_is_rendered_there_while_two_tabs_watch(
    room: SynapseUnderTest,
    annex: MachineUnderTest,
    sign_in: Callable[[SynapseUnderTest], Page],
    context: BrowserContext,
    problems: list[str],
    user_folder: Path,
) -> None:
    room.create_run('RunCommand', command=['sleep', '600'])  # takes the only worker here
    video = make_video(user_folder / 'holiday.mp4', seconds=4, rate=10, size='640x360')
    first = sign_in(room)
    second = context.new_page()
    second.goto(f'{room.url}logs')

    choose_video(first, video)

    expect(second.get_by_role('row', name='INGEST started')).to_be_visible()
    with room.api as api:
        run = next(one for one in api.get('/runs').json()['runs'] if one['pipeline'] == 'PublishVideo')
        machines = {worker['run']: worker.get('machine') for worker in api.get('/status').json()['workers']}
    first.goto(f'{room.url}runs/{run["number"]}')
    run = room.wait_for_run(run['id'], timeout=200)

    assert run['state'] == 'succeeded', run['error']
    assert machines[run['id']] == 'annex'
    for page in (first, second):
        expect(page.get_by_role('row', name='PUBLISH succeeded')).to_be_visible()
    (delivered,) = (room.data / 'published').rglob('*.mp4')
    assert re.search(r'Video: h264', probe(delivered))
    assert problems == []


def test_a_person_lets_another_machine_join_without_a_terminal_here(
    tmp_path: Path, sign_in: Callable[[SynapseUnderTest], Page], problems: list[str]
) -> None:
    room = SynapseUnderTest(tmp_path / 'room', '--cluster-port', str(free_port()), '--workers', '1').start()
    machine = None
    try:
        page = sign_in(room)
        page.goto(f'{room.url}settings')
        card = page.get_by_role('region', name='Machines')
        card.get_by_role('button', name='Let others join').click()
        page.get_by_role('alertdialog').get_by_role('button', name='Let them join').click()
        line = card.get_by_text(re.compile(r'worker tls://\S+ --code \S+')).inner_text(timeout=30_000)

        machine = MachineUnderTest(tmp_path / 'annex', *line.split(' worker ')[1].split(), '--name', 'annex')
        row = card.get_by_role('listitem', name='annex')
        expect(row).to_contain_text('0 runs', timeout=40_000)
        port = room.port
        room.kill9()
        room.start(port=port)  # it was chosen for good
        expect(row).to_contain_text('0 runs', timeout=60_000)
        room.create_run('RunCommand', command=['sleep', '600'])
        run = room.create_run('RunCommand', command=['sleep', '601'])
        expect(row).to_contain_text('1 run', timeout=20_000)

        card.get_by_role('button', name='Stop it').click()
        dialog = page.get_by_role('alertdialog')
        expect(dialog).to_contain_text('1 run is interrupted.')
        dialog.get_by_role('button', name='Stop it').click()

        assert room.wait_for_run(run['id'], 'interrupted', timeout=20)['machine'] == 'annex'
        expect(row).to_have_count(0)
        machine.wait_until_empty()
        card.get_by_role('button', name='Let others join').click()
        page.get_by_role('alertdialog').get_by_role('button', name='Let them join').click()
        expect(row).to_contain_text('0 runs', timeout=60_000)  # it comes back by itself
        assert [problem for problem in problems if 'ERR_CONNECTION_REFUSED' not in problem] == []
    finally:
        if machine is not None:
            machine.stop()
        room.stop()
