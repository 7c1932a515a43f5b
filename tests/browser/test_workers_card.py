"""The workers of several machines on the dashboard: each name can be read, and those with a run are in sight."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.parts.forked import Forked
from tests.parts.harness import SynapseUnderTest
from tests.parts.machines import DESKTOP, NODE, others_join

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='only a forked program can be given machines')

# Of each row the name, whether all of it is in its place, whether its number is seen, and whether it covers nothing.
NAMES = """(list) => [...list.querySelectorAll('li > .sy-mono')].map((name) => {
    const { right } = name.getBoundingClientRect(), number = name.lastElementChild ?? name;
    return [name.textContent, name.scrollWidth <= name.clientWidth,
        number.getBoundingClientRect().right <= right + 1 && number.scrollWidth <= number.clientWidth,
        right <= name.nextElementSibling.getBoundingClientRect().left];
})"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = Forked(tmp_path / 'data', '--workers', '2')
    program.before = others_join
    program.start()
    program.wait_for_run(program.create_run('RunCommand', command=['true'])['id'])
    yield program
    program.stop()


@pytest.mark.parametrize('width', [1440, 390])
def test_a_busy_worker_with_a_long_name_comes_first_and_can_be_read(
    room: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page], width: int
) -> None:
    here = [room.create_run('RunCommand', command=['sleep', '600'])['id'] for _ in range(2)]
    room.create_run('RunCommand', command=['sleep', '601'])
    page = sign_in(room)
    page.set_viewport_size({'width': width, 'height': 900})
    workers = page.get_by_role('region', name='Workers').get_by_role('list').first
    expect(workers.get_by_role('listitem')).to_have_count(11)
    for id in here:
        with room.api as api:
            api.post(f'/runs/{id}/cancel', json={'now': True}).raise_for_status()

    first = workers.get_by_role('listitem').first
    expect(first).to_contain_text('sleep 601')
    expect(first).to_contain_text(f'{DESKTOP}-1')
    expect(workers.get_by_role('listitem').nth(1)).to_contain_text('worker-1')
    names = workers.evaluate(NAMES)
    assert [name for name, *is_readable in names if not all(is_readable)] == []
    assert {name for name, *_ in names} >= {'worker-2', f'{DESKTOP}-4', f'{NODE}-5'}
    assert workers.get_by_title(f'{NODE}-5').is_visible()
    assert (
        workers.get_by_title(f'{NODE}-5').locator('.sy-ell').evaluate('(name) => name.scrollWidth > name.clientWidth')
    )


def test_a_list_that_goes_on_fades_until_its_end(
    room: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page]
) -> None:
    page = sign_in(room)
    workers = page.get_by_role('region', name='Workers').get_by_role('list').first
    expect(workers.get_by_role('listitem')).to_have_count(11)

    assert workers.evaluate('(list) => list.scrollHeight > list.clientHeight')
    expect(workers).not_to_have_css('mask-image', 'none')
    workers.focus()
    page.keyboard.press('End')

    expect(workers.get_by_role('listitem').last).to_be_in_viewport()
    expect(workers).to_have_css('mask-image', 'none')
