"""The card of the other machines: the way in, what each offers, and no new runs for one that is drained."""

import socket
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from pages.settings import machines as module
from pages.settings.machines import MachinesCard
from synapse import __version__, cluster_packages
from synapse.machine_loads import PYTHON, MachineLoad
from synapse.offers import Offer
from synapse.roster import RosterChanged
from tests.parts.on_page import opened, text_of
from tests.parts.screens import staged

LOAD = MachineLoad(
    cpu_percent=12.0,
    memory_used=3 * 10**9,
    memory_total=16 * 10**9,
    disk_free=200 * 10**9,
    version=__version__,
    python=PYTHON,
)
NAMES = ['annex-1', 'annex-2']


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No scheduler starts."""
    monkeypatch.setattr('synapse.cluster.machines.Machines.start', AsyncMock())


@pytest.mark.usefixtures('quiet')
async def test_others_may_join_until_that_is_ended_also_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard) as it:
        it.press('Let others join')
        await it.until(lambda: it.all(role='alertdialog'))
        assert 'at a port of this machine (8786)' in text_of(it.all(role='alertdialog')[0])
        it.press('Let them join')
        await it.until(lambda: 'The scheduler of the cluster is not there yet.' in text_of(it.part))
        await it.room.roster.close()

    async with opened(tmp_path, MachinesCard) as it:
        await it.room.roster.start()
        assert it.room.roster.is_open
        it.room.roster.update({'annex': Offer(2)}, ())
        await it.until(lambda: 'annex' in text_of(it.part))

        it.press('Stop it')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Stop it', within=it.all(role='alertdialog')[0])

        await it.until(lambda: it.all(aria_label='Let others join') or 'Let others join' in text_of(it.part))
        assert 'annex' not in text_of(it.part)
        await it.room.roster.close()

    async with opened(tmp_path, MachinesCard) as it:
        await it.room.roster.start()
        assert not it.room.roster.is_open


@pytest.mark.usefixtures('quiet')
async def test_what_the_command_line_asks_for_is_not_ended_here_nor_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard, cluster='') as it:
        await it.room.roster.start()
        await it.until(lambda: 'not there yet' in text_of(it.part))
        assert 'Stop it' not in text_of(it.part)
        await it.room.roster.close()

    async with opened(tmp_path, MachinesCard) as it:
        await it.room.roster.start()
        assert not it.room.roster.is_open


async def test_without_their_packages_it_says_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'synapse.cluster.machines', None)
    monkeypatch.setattr(cluster_packages, 'are_installed', lambda: False)
    monkeypatch.setattr(cluster_packages, 'can_be_installed', lambda: False)
    async with opened(tmp_path, MachinesCard) as it:
        assert 'pip install "synapse[cluster]"' in text_of(it.part)
        it.press('Let others join')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Let them join')
        await it.until(lambda: it.told)

        assert it.told[0].startswith('The packages for other machines are missing.')
        assert not it.room.roster.is_open
        assert it.find('Let others join')

    async with opened(tmp_path, MachinesCard, cluster='') as it:
        await it.room.roster.start()
        await it.until(lambda: 'Other machines cannot join. The packages for other' in text_of(it.part))


async def test_it_says_how_others_join_and_shows_those_that_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'LOAD_SECONDS', 0.05)
    async with opened(tmp_path, MachinesCard) as it:
        assert '--cluster' in text_of(it.part)

        it.room.roster.update({'annex': Offer(2, {'cores': 8, 'gpu': 1})}, ())
        await it.until(lambda: 'annex' in text_of(it.part))

        assert '2 places, 8 cores, gpu 1, 0 runs' in text_of(it.part)
        await it.until(lambda: [one['name'] for one in it.room.status.workers if one.get('machine')] == NAMES)

        it.room.roster.loads.report('annex', LOAD)

        await it.until(lambda: 'CPU 12 %, 3.0 GB of 16.0 GB of memory used, 200 GB of disk free' in text_of(it.part))
        assert 'Put the same version there' not in text_of(it.part)
        it.room.roster.loads.report('annex', replace(LOAD, cpu_percent=50.0, version='9.9'))
        await it.until(lambda: 'It has Synapse 9.9, this machine' in text_of(it.part))
        it.room.roster.loads.report('annex', replace(LOAD, python='2.7.18'))
        await it.until(lambda: 'It has Python 2.7.18, this machine' in text_of(it.part))

        it.press('Drain')
        await it.until(lambda: 'gets no new runs' in text_of(it.part))
        assert it.room.roster.is_drained('annex')

        assert text_of(it.find(role='status')) == 'annex gets no new runs'
        it.press('Use again')
        await it.until(lambda: text_of(it.find(role='status')) == 'annex gets new runs again')
        assert 'gets no new runs' not in text_of(it.part)
        it.press('Remove annex')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Remove', within=it.all(role='alertdialog')[0])
        await it.until(lambda: it.told)
        assert it.told == ["No machine is called 'annex'."]

        it.room.roster.update({}, ['annex'])
        await it.until(lambda: 'annex' not in text_of(it.part))


async def test_a_lost_machine_stays_until_it_is_back_or_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard) as it:
        it.room.roster.update({'annex': Offer(2)}, ())
        it.room.roster.update({}, ())
        await it.until(lambda: 'It is back by itself' in text_of(it.part))

        assert 'No contact since ' in text_of(it.part)
        assert [text_of(button) for button in it.all(type='button', within=it.find(aria_label='annex'))] == ['Remove']

        it.room.roster.update({'annex': Offer(2)}, ())
        await it.until(lambda: '2 places, 0 runs' in text_of(it.part))
        assert 'No contact' not in text_of(it.part)


@pytest.mark.usefixtures('quiet')
async def test_this_machine_is_the_first_in_the_list_once_others_may_join(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'LOAD_SECONDS', 0.05)
    async with opened(tmp_path, MachinesCard, offer={'gpu': 1.0}) as it:
        assert it.all(role='listitem') == []
        await it.room.roster.open(by='a test')
        it.room.roster.update({'annex': Offer(2)}, ())
        await it.until(lambda: len(it.all(role='listitem')) == 2)

        here = it.all(role='listitem')[0]
        assert here.props['aria-label'] == socket.gethostname()
        assert 'This machine, 0 places, ' in text_of(here)  # its workers do not work in this test
        assert ' of memory, gpu 1, 0 runs' in text_of(here)
        assert it.all(within=here, type='button') == []
        assert 'CPU' not in text_of(here), 'it has not been measured yet'

        it.room.status.ram_used, it.room.status.ram_total = 3 * 10**9, 16 * 10**9

        await it.until(
            lambda: (
                f'3.0 GB of 16.0 GB of memory used, 0 B of disk free, Synapse {__version__}, Python '
                f'{PYTHON}' in text_of(here)
            )
        )
        await it.room.roster.close()


async def test_the_line_to_join_is_a_block_of_whole_words(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard) as it:
        it.room.roster._engine.others = Joinable()
        it.room.roster._is_open = True
        it.publish(RosterChanged())
        await it.until(lambda: 'Let one join' in text_of(it.part))

        (line,) = [item for item in it.part.descendants() if item.tag == 'code']
        words = [text_of(item) for item in line if 'word' in item.classes]
        assert words[-4:] == ['worker', 'tls://10.0.0.5:8786', '--code', 'AAAA-BBBB']
        assert text_of(line) == ' '.join(words)


async def test_a_removed_machine_is_announced_and_that_the_line_to_join_has_changed(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard) as it:
        it.room.roster._engine.others = Joinable()
        it.room.roster.update({'annex': Offer(2)}, ())
        await it.until(lambda: it.all(aria_label='Remove annex'))

        it.press('Remove annex')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Remove', within=it.all(role='alertdialog')[0])

        announced = 'annex was removed; the line to join has changed'
        await it.until(lambda: text_of(it.find(role='status')) == announced)


class Joinable:
    """The way to machines that take everything that is asked of them."""

    addresses, code, problem = ('tls://10.0.0.5:8786',), 'AAAA-BBBB', ''

    async def remove(self, name: str, *, is_lost: bool) -> bool:
        self.code = 'CCCC-DDDD'
        return True


async def test_runs_that_wait_there_for_an_answer_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LOAD_SECONDS', 0.05)
    async with staged(workers=1) as stage:
        stage.room.roster.update({'annex': Offer(2)}, ())
        await stage.until(lambda: len(stage.room.status.workers) == 3)
        card = stage.screen.draw(lambda: MachinesCard(stage.room))
        await stage.run()
        asks, _ = await stage.run(), await stage.run()

        stage.hosts[asks.id].say(t='question', id='q1', step='execute', number=1, text='Go on?', model='')
        await stage.drawn(lambda: '2 places, 2 runs, 1 waits for an answer' in text_of(card))
        links = [
            dict(link.props)['href'] for link in stage.screen.one(aria_label='annex').descendants() if link.tag == 'a'
        ]
        assert links == [f'/runs/{run.number}' for run in stage.room.runs.on_machine('annex')]
        await stage.room.runs.answer(asks.id, 'q1', 'yes', by='a test')
        await stage.drawn(lambda: '2 places, 2 runs' in text_of(card) and 'answer' not in text_of(card))
        stage.hosts[asks.id].say(t='question', id='q2', step='execute', number=2, text='Now?', model='')
        await stage.drawn(lambda: '1 waits for an answer' in text_of(card))
        await stage.room.runs.cancel(asks.id)

        await stage.drawn(lambda: '2 places, 1 run' in text_of(card) and 'answer' not in text_of(card))
