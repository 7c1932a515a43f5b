"""A video dropped here and rendered on another machine: the same lines, at once, in two tabs, and the same result."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_journey import choose_video, probe
from tests.parts.harness import SynapseUnderTest, make_video
from tests.parts.machines import MachineUnderTest, join_line

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
