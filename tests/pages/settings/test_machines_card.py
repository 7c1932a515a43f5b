"""The card of the other machines: the way in, what each offers, and no new runs for one that is drained."""

from pathlib import Path

from pages.settings.machines import MachinesCard
from synapse.offers import Offer
from tests.parts.on_page import opened, text_of

NAMES = ['annex-1', 'annex-2']


async def test_it_says_how_others_join_and_shows_those_that_have(tmp_path: Path) -> None:
    async with opened(tmp_path, MachinesCard) as it:
        assert 'main.py --cluster' in text_of(it.part)

        it.room.runs.offer_machines({'annex': Offer(2, {'cores': 8, 'gpu': 1})})
        await it.until(lambda: 'annex' in text_of(it.part))

        assert '2 places, 8 cores, gpu 1, 0 runs' in text_of(it.part)
        await it.until(lambda: [one['name'] for one in it.room.status.workers if one.get('machine')] == NAMES)

        it.press('Drain')
        await it.until(lambda: 'gets no new runs' in text_of(it.part))
        assert it.room.runs.is_drained('annex')

        it.press('Use again')
        await it.until(lambda: 'gets no new runs' not in text_of(it.part))
        it.press('Remove annex')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Remove', within=it.all(role='alertdialog')[0])
        await it.until(lambda: it.told)
        assert it.told == ["No machine is called 'annex'."]

        it.room.runs.offer_machines({})
        await it.until(lambda: 'annex' not in text_of(it.part))
