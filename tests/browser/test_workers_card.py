"""The workers of several machines on the dashboard: each name can be read, and what is not in sight is named."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.parts.forked import Forked
from tests.parts.harness import SynapseUnderTest
from tests.parts.machines import DESKTOP, NODE, others_join

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='only a forked program can be given machines')

# The names whose number is cut or covered, or that cover something; what is before the number may be cut.
NAMES = """(list) => [...list.querySelectorAll('li > .worker-name')].filter((name) => {
    const { right } = name.getBoundingClientRect(), number = name.children[1] ?? name;
    const isCovering = right > name.nextElementSibling.getBoundingClientRect().left;
    const isCut = number.getBoundingClientRect().right > right + 1;
    return isCovering || isCut;
}).map((name) => name.textContent)"""


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
    expect(workers.get_by_role('listitem')).to_have_count(5)
    for id in here:
        with room.api as api:
            api.post(f'/runs/{id}/cancel', json={'now': True}).raise_for_status()

    expect(workers.get_by_role('listitem').nth(1)).to_contain_text('This machine')
    first = workers.get_by_role('listitem').first
    expect(first).to_contain_text('sleep 601')
    expect(first).to_contain_text(f'{DESKTOP}-1')
    expect(workers.get_by_role('listitem')).to_have_text(
        [re.compile('sleep 601'), 'This machine2 free', f'{DESKTOP}3 free', f'{NODE}5 free']
    )
    assert workers.evaluate(NAMES) == []
    assert workers.get_by_title(NODE).locator('.sy-ell').evaluate('(name) => name.scrollWidth > name.clientWidth')


def test_on_a_wide_screen_a_link_names_what_is_not_in_sight(
    room: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page]
) -> None:
    page = sign_in(room)
    page.set_viewport_size({'width': 1440, 'height': 900})
    card = page.get_by_role('region', name='Workers')
    more = card.get_by_role('link', name='+1 more')
    expect(more).to_contain_text(NODE)
    expect(card.get_by_text('5 free')).not_to_be_in_viewport()
    page.set_viewport_size({'width': 390, 'height': 900})
    expect(more).to_be_hidden()
    card.get_by_text('5 free').scroll_into_view_if_needed()
    expect(card.get_by_text('5 free')).to_be_in_viewport()

    page.set_viewport_size({'width': 1440, 'height': 900})
    more.click()

    expect(page.get_by_role('region', name='Machines').get_by_role('heading')).to_be_in_viewport()


def test_a_list_that_goes_on_fades_until_its_end(
    room: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page]
) -> None:
    page = sign_in(room)
    workers = page.get_by_role('region', name='Workers').get_by_role('list').first
    expect(workers.get_by_role('listitem')).to_have_count(3)

    assert workers.evaluate('(list) => list.scrollHeight > list.clientHeight')
    expect(workers).not_to_have_css('mask-image', 'none')
    workers.focus()
    page.keyboard.press('End')

    expect(workers.get_by_role('listitem').last).to_be_in_viewport()
    expect(workers).to_have_css('mask-image', 'none')
