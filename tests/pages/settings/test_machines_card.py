"""The card of the other machines: the way in, what each offers, and no new runs for one that is drained."""

from dataclasses import replace
from pathlib import Path

import pytest

from pages.settings import machines as module
from pages.settings.machines import MachinesCard
from synapse import __version__
from synapse.machine_loads import PYTHON, MachineLoad
from synapse.offers import Offer
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


async def test_it_says_how_others_join_and_shows_those_that_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'LOAD_SECONDS', 0.05)
    async with opened(tmp_path, MachinesCard) as it:
        assert 'main.py --cluster' in text_of(it.part)

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

        it.press('Use again')
        await it.until(lambda: 'gets no new runs' not in text_of(it.part))
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
        assert [text_of(button) for button in it.all(type='button', within=it.all(role='listitem')[0])] == ['Remove']

        it.room.roster.update({'annex': Offer(2)}, ())
        await it.until(lambda: '2 places, 0 runs' in text_of(it.part))
        assert 'No contact' not in text_of(it.part)


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
        links = [dict(link.props)['href'] for link in card.descendants() if link.tag == 'a']
        assert links == [f'/runs/{run.number}' for run in stage.room.runs.on_machine('annex')]
        await stage.room.runs.answer(asks.id, 'q1', 'yes', by='a test')
        await stage.drawn(lambda: '2 places, 2 runs' in text_of(card) and 'answer' not in text_of(card))
        stage.hosts[asks.id].say(t='question', id='q2', step='execute', number=2, text='Now?', model='')
        await stage.drawn(lambda: '1 waits for an answer' in text_of(card))
        await stage.room.runs.cancel(asks.id)

        await stage.drawn(lambda: '2 places, 1 run' in text_of(card) and 'answer' not in text_of(card))
