"""The dialog that pauses the queue or a run: why, for how long, and what it refuses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from pages.dashboard.queue_card import QueueCard
from pages.dashboard.workers_card import WorkersCard
from pages.runs.pause_dialog import ask_to_pause, ask_to_pause_queue, tomorrow_morning
from pages.runs.run_words import facts_of, pause_words
from synapse.records import now_utc
from synapse.runs.pauses import Pause
from synapse.runs.records import RunState
from tests.parts.screens import Stage, fire, is_shown, staged, text_of


@asynccontextmanager
async def asked(stage: Stage, question: Callable[[], Coroutine[Any, Any, None]] | None = None) -> AsyncIterator[None]:
    """The dialog is open; afterwards it has closed, unless the test leaves it open."""

    async def ask() -> None:
        with stage.screen.client:
            await (question() if question else ask_to_pause_queue(stage.room, 'the dashboard'))

    task = asyncio.create_task(ask())
    await stage.drawn(lambda: stage.screen.all(id='pause-length') != [])
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def pause_of(stage: Stage) -> Pause:
    assert stage.room.runs.queue_pause is not None
    return stage.room.runs.queue_pause


async def test_the_queue_is_paused_with_a_reason_for_an_hour() -> None:
    async with staged() as stage, asked(stage):
        await fire(stage.screen.one(id='pause-because'), 'input', ' a new disk ')
        await fire(stage.screen.one(id='pause-length'), 'change', '3600')
        await fire(stage.screen.button('Pause'))

        pause = pause_of(stage)
        assert (pause.by, pause.because, pause.is_length) == ('the dashboard', 'a new disk', True)
        assert pause.until is not None
        assert pause.until - pause.since == timedelta(hours=1)


async def test_until_tomorrow_is_eight_in_the_zone_of_the_calendar_and_drain_is_a_tick() -> None:
    async with staged() as stage, asked(stage):
        await fire(stage.screen.one(id='pause-length'), 'change', 'tomorrow')
        await fire(stage.screen.one(type='checkbox'), 'change', True)
        await fire(stage.screen.button('Pause'))

        pause = pause_of(stage)
        assert (pause.until, pause.is_drain) == (tomorrow_morning(stage.room), True)
        local = stage.room.local(tomorrow_morning(stage.room))
        assert (local.hour, local.minute) == (8, 0)
        assert local.date() - stage.room.local(now_utc()).date() == timedelta(days=1)


@pytest.mark.parametrize(
    ('typed', 'said'), [('2020-01-01T08:00', 'A time in the future, within a year.'), ('', 'Choose a day and a time.')]
)
async def test_a_time_that_does_not_fit_is_said_at_its_field(typed: str, said: str) -> None:
    async with staged() as stage, asked(stage):
        hidden = is_shown(stage.screen.one(id='pause-until'))
        await fire(stage.screen.one(id='pause-length'), 'change', 'moment')
        await fire(stage.screen.one(id='pause-until'), 'input', typed)
        await fire(stage.screen.button('Pause'))

        assert not hidden
        assert text_of(stage.screen.one(id='pause-until-error')) == said
        assert not stage.room.runs.is_queue_paused


async def test_the_queue_card_says_who_paused_it_until_when_and_why() -> None:
    async with staged(workers=1) as stage:
        run = await stage.run()
        stage.screen.draw(lambda: QueueCard(stage.room))
        await stage.room.runs.pause_queue('a new disk', by='Ada', seconds=3600, drain=True)
        words = pause_words(stage.room, pause_of(stage))
        await stage.until(lambda: f'Draining {words}' in stage.screen.texts)
        assert words.startswith('since ')
        assert ' by Ada, until ' in words
        assert words.endswith(': a new disk')

        await stage.end(run)

        await stage.until(lambda: f'Drained {words}' in stage.screen.texts)


async def test_a_run_that_is_paused_says_why_and_counts_nowhere_as_running() -> None:
    async with staged(workers=1) as stage:
        run = await stage.run()
        card = stage.screen.draw(lambda: WorkersCard(stage.room))
        await stage.room.runs.pause(run.id, because='lunch', by='the page')
        stage.hosts[run.id].say(t='paused')
        await stage.until(lambda: stage.state_of(run) is RunState.PAUSED)
        await stage.until(lambda: stage.room.status.held == 1)

        (fact,) = (fact for fact in facts_of(stage.room, stage.last[run.id]) if fact.startswith('paused since'))
        assert fact.endswith('by the page: lunch')
        assert (stage.room.status.running, stage.room.status.state) == (0, 'paused')
        assert text_of(card.count) == '0 busy, 1 paused'


async def test_a_run_is_paused_for_a_time_by_its_dialog() -> None:
    async with staged() as stage:
        run = await stage.run()
        async with asked(stage, lambda: ask_to_pause(stage.room, run, 'the page')):
            await fire(stage.screen.one(id='pause-length'), 'change', '900')
            await fire(stage.screen.button('Pause'))

        paused = stage.last[run.id]
        assert paused.is_pausing
        assert paused.pause is not None
        assert paused.pause.is_length
        assert stage.hosts[run.id].sent == ['pause']
