"""The dialog of an event on a real room: it previews, saves no more than was changed, and asks before it loses any."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from nicegui import ui

from pages.scheduler.event.actions import ask_scope, delete_event, run_event_now
from pages.scheduler.event.dialog import open_event_dialog
from synapse.calendar.events import Event
from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import calendar_server
from tests.parts.screen import Screen, fire, name_of, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('dialog') / 'data') as screen:
        yield screen


@pytest_asyncio.fixture(autouse=True, loop_scope='module')
async def empty_screen(screen: Screen) -> AsyncIterator[None]:
    yield
    screen.clear()
    while events := screen.room.calendar.events():
        await screen.room.editor.delete(events[0].id)


async def opened(screen: Screen, event: Event | None = None, **values: Any) -> None:
    """The dialog, as soon as it has its first preview."""
    with screen.drawing():
        open_event_dialog(screen.room, event=event, **values)
    await previewed(screen)


async def previewed(screen: Screen) -> None:
    await screen.until(lambda: any(name_of(part) for part in screen.elements if 'ev-sentence' in part.classes))


def dialogs(screen: Screen) -> list[ui.dialog]:
    return [item for item in screen.elements if isinstance(item, ui.dialog) and item.value]


def save(screen: Screen, *, is_sending: bool = False) -> None:
    """Press Save event; the browser adds whether a file is still uploading."""
    [button] = [item for item in screen.elements if item.props.get('aria-describedby') == 'event-problem']
    fire(button, 'click', is_sending)


def can_save(screen: Screen) -> bool:
    [button] = [item for item in screen.elements if item.props.get('aria-describedby') == 'event-problem']
    return not button.props.get('disabled')


def reason(screen: Screen) -> str:
    return name_of(screen.by_id('event-problem'))


async def closed(screen: Screen) -> None:
    await screen.until(lambda: dialogs(screen) == [], 'the dialog is closed')


# A new event


async def test_a_new_event_is_kept_under_the_name_of_its_pipeline_and_can_be_undone(screen: Screen) -> None:
    at = (screen.now + timedelta(days=3)).replace(hour=16, minute=0, second=0, microsecond=0)
    await opened(screen, at=at, pipeline='RunCommand', parameters={'command': ['true']})

    save(screen)
    await closed(screen)

    [event] = screen.room.calendar.events()
    assert (event.title, event.start, event.parameters) == ('Run command', at, {'command': ['true']})
    assert screen.notices == [f'Planned Run command for {at.day} {at:%b}, 16:00.']
    await screen.press_notice()
    await screen.until(lambda: screen.room.calendar.events() == [])


async def test_a_new_event_begins_with_what_was_planned_last(screen: Screen) -> None:
    await screen.plan(pipeline='BackupFolder', parameters={'folder': '/'})

    await opened(screen)

    selected = [item for item in screen.by_id('event-pipeline').descendants() if item.props.get('^selected')]
    assert [item.props['value'] for item in selected] == ['BackupFolder']


async def test_an_event_of_a_subscribed_calendar_says_where_it_is_from(screen: Screen) -> None:
    room = screen.room
    await room.import_rules.set([{'when': 'any', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}])
    with calendar_server() as server:
        server.text = calendar_file('UID:lunch@team\nDTSTART:20411006T160000Z\nSUMMARY:Lunch')
        item = await room.subscriptions.add({'url': server.address(), 'label': 'Team'})
        await room.subscriptions.read(item.id)
    [event] = room.calendar.events()

    await opened(screen, event)

    notes = [name_of(part) for part in screen.elements if 'sy-cap' in part.classes]
    assert [note for note in notes if note.startswith('From the calendar Team, which is read every hour.')]
    await room.subscriptions.remove(item.id, events='delete')
    await room.import_rules.set([])


async def test_what_is_wrong_with_a_new_event_is_shown_once_it_was_to_be_saved(screen: Screen) -> None:
    await opened(screen, pipeline='RunCommand')
    assert reason(screen) == ''

    save(screen)
    await screen.until(lambda: reason(screen) != '')

    assert reason(screen) == 'Fix 1 field.'
    assert not can_save(screen)
    assert screen.room.calendar.events() == []


async def test_a_file_that_is_still_uploading_is_waited_for(screen: Screen) -> None:
    await opened(screen, pipeline='RunCommand', parameters={'command': ['true']})

    save(screen, is_sending=True)
    await screen.until(lambda: reason(screen) != '')

    assert reason(screen) == 'A file is still uploading. Save the event once it has arrived.'
    assert screen.room.calendar.events() == []


async def test_two_presses_plan_one_event(screen: Screen) -> None:
    await opened(screen, pipeline='RunCommand', parameters={'command': ['true']})

    save(screen)
    save(screen)
    await closed(screen)

    assert len(screen.room.calendar.events()) == 1


async def test_without_a_pipeline_that_can_run_nothing_is_opened(screen: Screen, monkeypatch: Any) -> None:
    monkeypatch.setattr(screen.room.catalog, '_infos', {})

    with screen.drawing():
        open_event_dialog(screen.room)

    assert dialogs(screen) == []
    assert screen.notices == ['No pipeline can run. See the Pipelines page for the reasons.']


# The preview


async def test_the_preview_follows_what_is_typed(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event)
    await screen.until(lambda: screen.has('Next 5'))

    screen.tick('Weekly')
    screen.choose('event-ends', 'after')
    screen.type('event-count', '3')
    await screen.until(lambda: screen.has('Next 3'))

    assert len([item for item in screen.shown if item.tag == 'li']) == 3


async def test_an_event_that_happens_once_has_one_next_moment(screen: Screen) -> None:
    await opened(screen, await screen.plan())

    await screen.until(lambda: screen.has('Next'))

    assert len([item for item in screen.shown if item.tag == 'li']) == 1


async def test_a_rule_that_never_matches_takes_the_place_of_the_rule_and_cannot_be_saved(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12')
    await opened(screen, event)

    screen.type('event-raw', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31')
    await screen.until(lambda: not can_save(screen))

    assert reason(screen) == 'No day matches. Pick another day.'
    assert any('is-wrong' in part.classes for part in screen.shown if 'ev-sentence' in part.classes)


async def test_while_a_preview_takes_long_changes_share_the_next_one(screen: Screen, monkeypatch: Any) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    first, preview = asyncio.Event(), screen.room.calendar.preview_of_plan
    calls: list[str] = []
    answered: list[str] = []

    async def slow_at_first(values: Any, **options: Any) -> Any:
        calls.append(values['rrule'])
        answer = await preview(values, **options)
        if len(calls) == 1:
            await first.wait()
        answered.append(values['rrule'])
        return answer

    monkeypatch.setattr(screen.room.calendar, 'preview_of_plan', slow_at_first)
    with screen.drawing():
        open_event_dialog(screen.room, event=event)
    await screen.until(lambda: len(calls) == 1)
    assert {'is-waiting'} <= {name for part in screen.shown for name in part.classes}  # a skeleton until then
    for repeats in ('Weekly', 'Monthly', 'Never'):
        screen.tick(repeats)

    first.set()
    await screen.until(lambda: screen.has('Next'))

    assert answered == calls == ['FREQ=DAILY', None]
    assert not any('is-waiting' in part.classes for part in screen.elements)


async def test_a_wrong_rule_is_said_while_the_values_of_its_pipeline_are_still_being_checked(
    screen: Screen, monkeypatch: Any
) -> None:
    checked, problems = asyncio.Event(), screen.room.calendar.problems

    async def slow(values: Any, **options: Any) -> Any:
        await checked.wait()
        return await problems(values, **options)

    event = await screen.plan(rrule='FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12')
    monkeypatch.setattr(screen.room.calendar, 'problems', slow)
    await opened(screen, event)

    screen.type('event-raw', 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31')
    await screen.until(lambda: screen.error_at('event-rrule') == 'No day matches. Pick another day.')
    screen.type('event-raw', '03***')
    await screen.until(lambda: "'03***'" in screen.error_at('event-rrule'))

    checked.set()


async def test_the_load_is_counted_once_the_typing_rests(screen: Screen, monkeypatch: Any) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    counted: list[int] = []
    load = screen.room.calendar.load_at

    async def counting(moments: Any, *rest: Any, **options: Any) -> Any:
        counted.append(len(moments))
        return await load(moments, *rest, **options)

    monkeypatch.setattr(screen.room.calendar, 'load_at', counting)
    await opened(screen, event)
    for repeats in ('Weekly', 'Never', 'Monthly'):
        screen.tick(repeats)

    await screen.until(lambda: any('available at' in name_of(part) for part in screen.shown))

    assert counted == [5]


# Why it did not run


async def test_the_dialog_answers_for_any_moment_as_one_types(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event)
    [fold] = [item for item in screen.elements if 'why-fold' in item.classes]
    assert not any('why-view' in item.classes for item in screen.elements)

    fire(fold, 'toggle')
    await screen.until(lambda: any(name.startswith('It is planned and runs ') for name in names(screen)))
    screen.type('event-why', f'{event.start:%Y-%m-%dT}')
    await screen.until(lambda: 'Type a day and a time.' in names(screen))
    screen.type('event-why', f'{event.start - timedelta(days=1):%Y-%m-%dT%H:%M}')

    await screen.until(lambda: any(name.startswith('The event did not exist yet') for name in names(screen)))


def names(screen: Screen) -> list[str]:
    return [name_of(item) for item in screen.elements]


# Changes


async def test_an_event_without_changes_is_closed_and_not_written(screen: Screen) -> None:
    event = await screen.plan()
    await opened(screen, event)

    save(screen)
    await closed(screen)

    assert screen.room.calendar.get(event.id).sequence == event.sequence
    assert screen.notices == []


async def test_only_what_was_changed_is_saved(screen: Screen) -> None:
    event = await screen.plan()
    await opened(screen, event)
    await screen.room.editor.update(event.id, {'timeout_seconds': 60})

    screen.type('event-title', 'Postcards')
    save(screen)
    await closed(screen)

    saved = screen.room.calendar.get(event.id)
    assert (saved.title, saved.timeout_seconds) == ('Postcards', 60)
    assert screen.notices == ['Saved Postcards.']


async def test_a_change_elsewhere_is_said(screen: Screen) -> None:
    event = await screen.plan()
    await opened(screen, event)

    await screen.room.editor.update(event.id, {'timeout_seconds': 60})

    about = 'Changed elsewhere in the meantime. Saving updates only what you change here.'
    assert screen.has(about)
    assert can_save(screen)


async def test_an_event_that_was_deleted_elsewhere_cannot_be_saved(screen: Screen) -> None:
    event = await screen.plan()
    await opened(screen, event)

    await screen.room.editor.delete(event.id)

    assert reason(screen) == 'This event has been deleted.'
    assert not can_save(screen)


async def test_news_of_another_event_does_not_concern_the_dialog(screen: Screen) -> None:
    event, other = await screen.plan(), await screen.plan('Other')
    await opened(screen, event)

    await screen.room.editor.delete(other.id)

    assert reason(screen) == ''
    assert can_save(screen)


async def test_one_occurrence_of_a_series_is_changed_alone(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event, due=screen.due_of(event, 1))

    screen.type('event-title', 'For once')
    save(screen)
    await screen.until(lambda: screen.has('Save only this one'))
    screen.press('Save only this one')
    await closed(screen)

    titles = {item.title: item for item in screen.room.calendar.events()}
    assert set(titles) == {'Letters', 'For once'}
    assert titles['Letters'].exdates == (event.start + timedelta(days=1),)


async def test_another_rule_cannot_be_that_of_one_occurrence(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event, due=screen.due_of(event, 1))

    screen.tick('Weekly')
    save(screen)
    await screen.until(lambda: screen.has('Save this and later ones'))

    assert not screen.has('Save only this one')


async def test_a_question_that_is_cancelled_leaves_the_dialog_open(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event, due=screen.due_of(event, 1))
    screen.type('event-title', 'For once')
    save(screen)
    await screen.until(lambda: screen.has('Save only this one'))

    _dialog, question = dialogs(screen)
    question.submit(None)
    await screen.until(lambda: len(dialogs(screen)) == 1)

    assert can_save(screen)
    assert [item.title for item in screen.room.calendar.events()] == ['Letters']


async def test_an_occurrence_that_is_over_opens_the_whole_series(screen: Screen) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    await opened(screen, event, due=screen.due_of(event) - timedelta(days=3))

    screen.type('event-title', 'Postcards')
    save(screen)
    await closed(screen)

    assert [item.title for item in screen.room.calendar.events()] == ['Postcards']


async def test_an_event_that_is_switched_off_shows_what_it_would_run(screen: Screen) -> None:
    event = await screen.plan(enabled=False)

    await opened(screen, event)

    assert screen.has('This event is switched off. If you switch it on as saved, it runs exactly this:')
    screen.tick('Active')
    save(screen)
    await closed(screen)
    assert screen.room.calendar.get(event.id).enabled


async def test_a_misfire_policy_is_saved_with_its_number(screen: Screen) -> None:
    event = await screen.plan()
    await opened(screen, event)

    screen.tick('Run every missed one')
    screen.type('event-limit', '7')
    save(screen)
    await closed(screen)

    misfire = screen.room.calendar.get(event.id).misfire
    assert (misfire.policy, misfire.limit) == ('all', 7)


async def test_a_number_of_the_misfire_policy_that_does_not_fit_is_said_at_once(screen: Screen) -> None:
    await opened(screen, await screen.plan())

    screen.type('event-within_seconds', 'many')

    assert screen.error_at('event-misfire') == 'Enter a number of hours from 0 to 8,784.'
    assert not can_save(screen)


# Closing


async def test_it_is_closed(screen: Screen) -> None:
    await opened(screen, await screen.plan())

    screen.press('Close')

    await closed(screen)


async def test_a_dialog_that_is_gone_listens_to_nothing(screen: Screen) -> None:
    event = await screen.plan()
    before = screen.room.bus.subscriber_count()
    await opened(screen, event)

    screen.container.clear()

    assert screen.room.bus.subscriber_count() == before


# Deleting, running


@pytest.fixture
def answers() -> list[Any]:
    """What the actions that a test has begun have returned."""
    return []


async def begin(screen: Screen, answers: list[Any], work: Any) -> asyncio.Task[None]:
    async def inside() -> None:
        with screen.container:
            answers.append(await work)

    screen.clear()
    return asyncio.create_task(inside())


async def test_a_single_event_is_deleted_at_once_and_can_be_undone(screen: Screen, answers: list[Any]) -> None:
    event = await screen.plan()

    await (await begin(screen, answers, delete_event(screen.room, event)))

    assert answers == [True]
    assert screen.room.calendar.events() == []
    await screen.press_notice()
    await screen.until(lambda: [item.id for item in screen.room.calendar.events()] == [event.id])


async def test_a_series_is_deleted_only_after_a_question(screen: Screen, answers: list[Any]) -> None:
    event = await screen.plan(rrule='FREQ=DAILY')
    task = await begin(screen, answers, delete_event(screen.room, event))
    await screen.until(lambda: screen.has('All its upcoming occurrences will be deleted. Past runs are kept.'))

    screen.press('Cancel')
    await task

    assert answers == [False]
    assert len(screen.room.calendar.events()) == 1


@pytest.mark.parametrize(
    ('answer', 'left'), [('Delete only this one', 2), ('Delete this and later ones', 1), ('Delete all', 0)]
)
async def test_as_much_of_a_series_is_deleted_as_was_chosen(
    screen: Screen, answers: list[Any], answer: str, left: int
) -> None:
    event = await screen.plan(rrule='FREQ=DAILY;COUNT=3')
    task = await begin(screen, answers, delete_event(screen.room, event, screen.due_of(event, 1)))
    await screen.until(lambda: screen.has(answer))

    screen.press(answer)
    await task

    known = screen.room.calendar.events()
    assert sum(len(screen.room.calendar.next_due(item.id)) for item in known) == left


async def test_the_last_occurrence_of_a_series_is_deleted_without_a_question(
    screen: Screen, answers: list[Any]
) -> None:
    event = await screen.plan(rrule='FREQ=DAILY;COUNT=1')

    await (await begin(screen, answers, delete_event(screen.room, event, screen.due_of(event))))

    assert screen.room.calendar.events() == []


async def test_a_scope_that_is_not_offered_cannot_be_chosen(screen: Screen, answers: list[Any]) -> None:
    work = ask_scope('Save changes', 'Which?', verb='Save', scopes=('following', 'all'))
    task = await begin(screen, answers, work)
    await screen.until(lambda: screen.has('Save all'))
    offered = [name_of(item) for item in screen.shown if item.tag == 'button']

    screen.press('Save all')
    await task

    assert offered == ['Save this and later ones', 'Save all', 'Cancel']
    assert answers == ['all']


async def test_an_event_is_run_now_in_addition_to_its_plan(screen: Screen, answers: list[Any]) -> None:
    event = await screen.plan(parameters={'command': ['true']})
    due = screen.due_of(event)

    await (await begin(screen, answers, run_event_now(screen.room, event)))

    [notice] = screen.notices
    assert notice.startswith('Started Letters as run #')
    assert screen.due_of(event) == due


async def test_an_event_with_a_file_to_choose_opens_the_form_of_a_run(screen: Screen, answers: list[Any]) -> None:
    event = await screen.plan('Film', pipeline='PublishVideo', parameters={'video': 'ask:', 'height': 720})

    await (await begin(screen, answers, run_event_now(screen.room, event)))

    assert screen.has('New run')
    assert screen.notices == []
