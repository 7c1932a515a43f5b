"""Notices and questions: what is said when an action fails, and what an answer carries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from nicegui import ui

from pages.parts.dialogs import Answer, ask, attempt, confirm, say
from synapse.errors import Conflict
from tests.parts.hosts import eventually
from tests.parts.screens import Screen, drawn, fire, text_of


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


async def question(screen: Screen, asking: Awaitable[Any]) -> asyncio.Task[Any]:
    """A question that is open; its result is the answer."""

    async def within() -> Any:
        with screen.client:
            return await asking

    task = asyncio.create_task(within())
    await eventually(lambda: bool(screen.all(role='alertdialog')), 10)
    return task


async def asked(screen: Screen, asking: Awaitable[Any], press: str, args: Any = None) -> Any:
    """The answer after a press of this button."""
    task = await question(screen, asking)
    await fire(screen.button(press), 'click', args)
    return await asyncio.wait_for(task, 10)


async def working(value: str) -> str:
    return value


async def failing(error: Exception) -> None:
    raise error


# Actions


async def test_an_action_that_works_gives_its_result_and_says_nothing(screen: Screen) -> None:
    with screen.client:
        result = await attempt(working('done'))

    assert result == 'done'
    assert screen.notices == []


async def test_an_expected_failure_is_said_with_what_to_do_next(screen: Screen) -> None:
    with screen.client:
        result = await attempt(failing(Conflict('busy', 'It is busy.', 'Wait a moment.')))

    assert result is None
    assert screen.notices == ['It is busy. Wait a moment.']


async def test_any_other_failure_is_said_without_its_words_and_logged(
    screen: Screen, caplog: pytest.LogCaptureFixture
) -> None:
    with screen.client:
        await attempt(failing(RuntimeError('secret words')))

    assert screen.notices == ['That did not work. The log has the details.']
    assert 'secret words' in caplog.text


async def test_leaving_the_page_ends_the_action_without_a_notice(screen: Screen) -> None:
    with screen.client, pytest.raises(asyncio.CancelledError):
        await attempt(failing(asyncio.CancelledError()))  # type: ignore[arg-type]

    assert screen.notices == []


async def test_a_notice_with_undo_takes_back_what_it_reports(screen: Screen) -> None:
    taken_back: list[str] = []

    async def undo() -> None:
        taken_back.append('yes')

    screen.draw(lambda: say('Moved to 21 Oct.', undo=undo))
    notice = next(element for element in screen.all() if element.props.get('action') == 'Undo')
    await fire(notice, 'pressed')
    await fire(notice, 'dismissed')

    assert taken_back == ['yes']
    assert notice.is_deleted


# Questions


async def test_the_safe_button_has_the_focus_and_keeps_everything(screen: Screen) -> None:
    asking = confirm('Stop it?', 'RENDER ends now.', yes='Stop now', no='Keep running')
    task = await question(screen, asking)

    assert screen.button('Keep running').props['autofocus'] is True
    assert text_of(screen.one(role='alertdialog')).startswith('Stop it? RENDER ends now.')
    await fire(screen.button('Keep running'))
    assert await task is False


async def test_yes_is_yes(screen: Screen) -> None:
    assert await asked(screen, confirm('Stop it?', '', yes='Stop now'), 'Stop now') is True


@pytest.mark.parametrize('is_ticked', [True, False])
async def test_an_answer_carries_the_tick_of_the_option(screen: Screen, is_ticked: bool) -> None:
    asking = ask('Stop it?', '', yes='Stop now', option='Also pause the queue')

    assert await asked(screen, asking, 'Stop now', is_ticked) == Answer(is_yes=True, is_option=is_ticked)


async def test_a_question_is_gone_with_its_answer(screen: Screen) -> None:
    await asked(screen, ask('Stop it?', '', yes='Stop now', no='Keep'), 'Keep')

    assert screen.all(role='alertdialog') == []
    assert not any(isinstance(element, ui.dialog) for element in screen.all())
