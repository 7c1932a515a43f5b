"""The machines in Settings with the keyboard: who removes one stays where the machines are."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.parts.forked import Forked
from tests.parts.harness import SynapseUnderTest
from tests.parts.machines import DESKTOP, NODE, others_join

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='only a forked program can be given machines')


@pytest.fixture
def room(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    program = Forked(tmp_path / 'data')
    program.before = others_join
    program.start()
    yield program
    program.stop()


def test_after_a_machine_is_removed_the_keyboard_goes_on_at_the_next_one(
    room: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page]
) -> None:
    page = sign_in(room)
    page.goto(f'{room.url}settings')
    card = page.get_by_role('region', name='Machines')
    for machine in (DESKTOP, NODE):
        card.get_by_role('button', name=f'Remove {machine}').focus()
        page.keyboard.press('Enter')
        page.get_by_role('alertdialog').get_by_role('button', name='Remove').press('Enter')

        expect(card.get_by_role('status').first).to_have_text(f'{machine} was removed')
        expect(card.get_by_role('listitem', name=machine)).to_have_count(0)
        if machine == DESKTOP:
            expect(card.get_by_role('button', name=f'Remove {NODE}')).to_be_focused()

    expect(card.get_by_role('heading')).to_be_focused()
