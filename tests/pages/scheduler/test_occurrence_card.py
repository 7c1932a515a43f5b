"""The card of an occurrence on a real room: what it says, what it offers, and that it follows what happens."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from pages.scheduler.event.occurrence_card import OccurrenceCard
from pages.scheduler.event.why_facts import facts_of, state_of
from synapse.calendar.events import Event, OccurrenceState
from synapse.calendar.why import Nearest, Why
from synapse.runs.records import RunState
from tests.parts.screen import Screen, name_of, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')

DUE = datetime(2026, 10, 14, 16, tzinfo=UTC)


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('card') / 'data') as screen:
        yield screen


class Opened:
    """The card on the screen, and what was done with it."""

    def __init__(self, screen: Screen, event: Event, due: datetime) -> None:
        self.done: list[Any] = []
        with screen.drawing():
            OccurrenceCard(screen.room, event, due, run_now=self.done.append, edit=self._edit)

    async def _edit(self) -> None:
        self.done.append('edit')


def answer(screen: Screen) -> str:
    [box] = [item for item in screen.elements if 'why-answer' in item.classes]
    return next(name_of(item) for item in box.descendants() if item.props.get('role') == 'status')


async def test_a_planned_occurrence_is_explained_and_only_edited(screen: Screen) -> None:
    event = await screen.plan('Letters', rrule='FREQ=DAILY')
    opened = Opened(screen, event, screen.due_of(event))

    await screen.until(lambda: answer(screen).startswith('It is planned and runs '))

    assert (screen.has('Run now'), screen.has('Open run')) == (False, False)
    screen.press('Edit event')
    await screen.until(lambda: opened.done == ['edit'])


async def test_it_follows_its_event(screen: Screen) -> None:
    event = await screen.plan('Letters', rrule='FREQ=DAILY')
    Opened(screen, event, screen.due_of(event))
    await screen.until(lambda: answer(screen).startswith('It is planned and runs '))

    await screen.room.editor.update(event.id, {'enabled': False})

    await screen.until(lambda: 'the event is switched off, since' in answer(screen))


async def test_what_ran_leads_to_its_run(screen: Screen) -> None:
    event = await screen.plan('Soon', hours=2 / 3600)
    opened = Opened(screen, event, screen.due_of(event))

    await screen.until(lambda: 'which succeeded after' in answer(screen))

    assert (screen.has('Run now'), screen.has('Open run')) == (False, True)
    assert opened.done == []


def why(**values: Any) -> Why:
    known = {'event_id': 'e', 'at': DUE, 'timezone': 'UTC', 'reason': 'not_in_rule', 'sentence': 'It is not.'}
    return Why.model_validate(known | values)


async def test_the_facts_of_a_run_are_its_moments_its_outcome_and_the_policy() -> None:
    late = DUE + timedelta(seconds=0.2)
    ran = why(
        reason='ran',
        due=DUE,
        state=OccurrenceState.FIRED,
        fired_at=DUE,
        started_at=late,
        late_seconds=0.2,
        run='r',
        run_number=12,
        run_state=RunState.FAILED,
        policy='What applied.',
    )

    assert facts_of(ran) == [
        ('Planned', 'Wed 14 Oct, 16:00'),
        ('Fired', 'Wed 14 Oct, 16:00:00'),
        ('Started', 'Wed 14 Oct, 16:00:00, 0.2 s late'),
        ('Outcome', 'Failed, run #12'),
        ('Policy', 'What applied.'),
    ]
    assert state_of(ran) == 'failed'


async def test_where_nothing_was_due_the_nearest_occurrences_are_the_facts() -> None:
    none = why(nearest=Nearest(before=DUE - timedelta(days=1), after=DUE + timedelta(days=1)))
    missed = why(reason='missed', due=DUE, state=OccurrenceState.MISSED)

    assert facts_of(none) == [('Before', 'Tue 13 Oct, 16:00'), ('After', 'Thu 15 Oct, 16:00')]
    assert facts_of(missed) == [('Planned', 'Wed 14 Oct, 16:00'), ('Outcome', 'Missed')]
    assert [state_of(none), state_of(missed), state_of(None)] == ['off', 'missed', 'off']
