"""The form of an event on a real room: what is typed becomes values, and each problem stands beside its field."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nicegui import ui

from pages.scheduler.event.form import EventForm
from pages.scheduler.event.values import fresh, shown
from synapse.calendar.events import Event
from tests.parts.screen import Screen, name_of, opened_screen

pytestmark = pytest.mark.asyncio(loop_scope='module')
START = datetime(2030, 1, 4, 16)
"""A Friday."""
ZONE = 'Europe/Berlin'


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def screen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Screen]:
    async with opened_screen(tmp_path_factory.mktemp('form') / 'data', zone=ZONE) as screen:
        await screen.room.profiles.create({'label': 'Studio', 'defaults': {'caption': 'From the studio'}})
        yield screen


class Drawn:
    """A form on the screen, and how often it said that it changed."""

    def __init__(self, screen: Screen, event: Event | None = None, **values: Any) -> None:
        given = fresh(START, ZONE, 'RunCommand', None) if event is None else shown(event, None)
        self.screen = screen
        self.changes = 0
        with screen.drawing():
            self.form = EventForm(screen.room, event, given | values, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def values(self) -> dict[str, Any]:
        return self.form.read()[0]

    @property
    def problems(self) -> dict[str, str]:
        return self.form.read()[1]


@pytest.fixture(autouse=True)
def empty_screen(screen: Screen) -> Iterator[None]:
    yield
    screen.clear()


def options_of(screen: Screen, id: str) -> list[str]:
    return [name_of(option) for option in screen.by_id(id).descendants() if option.tag == 'option']


def is_hidden(element: ui.element) -> bool:
    return any(item.props.get('hidden') for item in [element, *element.ancestors()])


# What is typed


async def test_an_untouched_form_reads_as_it_was_given(screen: Screen) -> None:
    given = fresh(START, ZONE, 'RunCommand', None)

    drawn = Drawn(screen)

    assert drawn.form.read() == (given, {})
    assert drawn.changes == 0


async def test_an_event_with_unusual_values_reads_as_it_was_given(screen: Screen) -> None:
    event = await screen.plan(
        rrule='FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1',
        retry={'attempts': 7, 'delay_seconds': 61},
        timeout_seconds=5400,
        stop_signal='SIGHUP',
        grace_seconds=45.5,
        overlap='allow',
        profile='studio',
    )

    assert Drawn(screen, event).form.read() == (shown(event, None), {})


async def test_name_day_and_time_are_read_as_they_are_typed(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.type('event-title', 'Letters')
    screen.type('event-start', '2030-01-07')
    screen.type('event-time', '09:30')

    assert drawn.values['title'] == 'Letters'
    assert drawn.values['start'] == datetime(2030, 1, 7, 9, 30)
    assert drawn.changes == 3


async def test_a_start_with_seconds_keeps_them(screen: Screen) -> None:
    drawn = Drawn(screen, start=START.replace(second=30))

    assert drawn.values['start'] == START.replace(second=30)
    assert screen.by_id('event-time').props['step'] == '1'


@pytest.mark.parametrize('id', ['event-start', 'event-time'])
async def test_without_a_day_or_a_time_there_is_no_start(screen: Screen, id: str) -> None:
    drawn = Drawn(screen)

    screen.type(id, '')

    assert drawn.problems == {'start': 'Pick a day and a time.'}


async def test_the_time_zone_is_what_is_typed_without_spaces_around_it(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.type('event-timezone', ' America/New_York ')

    assert drawn.values['timezone'] == 'America/New_York'


# Retries and limits


async def test_the_delay_of_a_retry_is_asked_for_only_if_there_is_one(screen: Screen) -> None:
    drawn = Drawn(screen)
    assert is_hidden(screen.by_id('event-delay'))

    screen.choose('event-retry', '2')
    screen.type('event-delay', '10 min')

    assert not is_hidden(screen.by_id('event-delay'))
    assert drawn.values['retry'] == {'attempts': 2, 'delay_seconds': 600}


async def test_a_delay_that_cannot_be_read_is_wrong_only_if_it_is_used(screen: Screen) -> None:
    drawn = Drawn(screen)
    screen.choose('event-retry', '1')
    screen.type('event-delay', 'soon')
    assert list(drawn.problems) == ['retry.delay_seconds']

    screen.choose('event-retry', '0')

    assert drawn.problems == {}
    assert drawn.values['retry']['attempts'] == 0


async def test_a_timeout_can_be_set_and_taken_away(screen: Screen) -> None:
    drawn = Drawn(screen)
    screen.type('event-timeout', '1 h 30 min')
    assert drawn.values['timeout_seconds'] == 5400

    screen.type('event-timeout', '')

    assert drawn.values['timeout_seconds'] is None


async def test_how_its_programs_are_stopped_can_be_chosen(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.choose('event-stop', 'SIGINT')
    screen.type('event-grace', '45 s')

    assert (drawn.values['stop_signal'], drawn.values['grace_seconds']) == ('SIGINT', 45)

    screen.choose('event-stop', '')
    screen.type('event-grace', '2 h')

    assert drawn.values['stop_signal'] is None
    assert list(drawn.problems) == ['grace_seconds']


async def test_how_long_it_may_be_silent_can_be_said(screen: Screen) -> None:
    drawn = Drawn(screen)
    assert drawn.values['silence_after_seconds'] is None

    screen.type('event-silence', '26 h')
    assert drawn.values['silence_after_seconds'] == 26 * 3600

    screen.type('event-silence', '30 s')
    assert drawn.problems == {'silence_after_seconds': 'Enter at least 1 min.'}


async def test_what_happens_while_the_last_run_has_not_finished_can_be_chosen(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.choose('event-overlap', 'queue')

    assert drawn.values['overlap'] == 'queue'


# Pipeline and profile


async def test_another_pipeline_keeps_what_it_knows_of_the_parameters(screen: Screen) -> None:
    drawn = Drawn(screen, parameters={'command': ['true'], 'cwd': '/srv'})

    screen.choose('event-pipeline', 'BackupFolder')

    assert drawn.values['pipeline'] == 'BackupFolder'
    assert drawn.values['parameters'] == {}


async def test_a_new_event_is_called_like_its_pipeline_until_it_has_a_name(screen: Screen) -> None:
    Drawn(screen)

    screen.choose('event-pipeline', 'PublishVideo')

    title = screen.room.catalog.get('PublishVideo').title
    assert screen.by_id('event-title').props['placeholder'] == title


async def test_what_was_deleted_is_still_a_choice_and_says_so(screen: Screen) -> None:
    drawn = Drawn(screen, pipeline='Gone', profile='lost')

    assert 'Gone (not found)' in options_of(screen, 'event-pipeline')
    assert 'lost (not found)' in options_of(screen, 'event-profile')
    assert (drawn.values['pipeline'], drawn.values['profile']) == ('Gone', 'lost')


async def test_no_profile_is_a_choice(screen: Screen) -> None:
    drawn = Drawn(screen, profile='studio')

    screen.choose('event-profile', '')

    assert drawn.values['profile'] is None


async def test_the_defaults_of_a_profile_are_shown_and_not_saved_with_the_event(screen: Screen) -> None:
    drawn = Drawn(screen, pipeline='PublishVideo')

    screen.choose('event-profile', 'studio')

    caption = screen.by_id('event-parameter-caption')
    assert 'From the studio' in (caption.props.get('^value'), getattr(caption, 'text', ''))
    assert 'caption' not in drawn.values['parameters']


# Parameters


async def test_a_parameter_that_the_pipeline_has_lost_can_only_be_removed(screen: Screen) -> None:
    drawn = Drawn(screen, parameters={'command': ['true'], 'lost': 45})
    assert drawn.values['parameters'] == {'command': ['true'], 'lost': 45}

    screen.press('Remove lost')

    assert drawn.values['parameters'] == {'command': ['true']}
    assert drawn.changes == 1


async def test_the_parameters_of_a_lost_pipeline_are_listed(screen: Screen) -> None:
    Drawn(screen, pipeline='Gone', parameters={'lost': 45})

    assert screen.has('lost = 45')


async def test_a_problem_with_a_lost_parameter_stands_beside_it(screen: Screen) -> None:
    drawn = Drawn(screen, parameters={'lost': 45})

    shown_ones = drawn.form.show_errors({'parameters.lost': 'Not known.'}, is_all=False)

    assert shown_ones == {'parameters.lost': 'Not known.'}
    assert screen.has('Not known.')


# The file


async def test_the_newest_file_of_a_folder_is_a_pattern_until_then(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / 'talk.mp4').write_text('12345')
    drawn = Drawn(screen, pipeline='PublishVideo')

    screen.tick('Newest in a folder')
    screen.fill('Folder', str(tmp_path))
    screen.fill('Files', '*.mp4')

    assert drawn.values['parameters'] == {'video': f'newest:{tmp_path}/*.mp4'}
    await screen.until(lambda: screen.has('Right now: talk.mp4, 5 B'))


async def test_a_file_that_is_chosen_each_time_says_what_happens_without_anyone_there(screen: Screen) -> None:
    drawn = Drawn(screen, pipeline='PublishVideo')

    screen.tick('Ask me')

    assert drawn.values['parameters'] == {'video': 'ask:'}
    assert screen.has('If no one is there to choose, it waits under While you were away.')


async def test_a_file_that_was_chosen_is_one_line_until_it_is_to_change(screen: Screen) -> None:
    Drawn(screen, pipeline='PublishVideo', parameters={'video': '/srv/media/talk.mp4'})
    assert screen.has('talk.mp4')
    assert not screen.has('Ask me')

    screen.press('Change Video')

    assert screen.has('Ask me')


async def test_a_folder_that_is_typed_too_late_is_not_missing_yet(screen: Screen) -> None:
    drawn = Drawn(screen, pipeline='PublishVideo')

    screen.tick('Newest in a folder')

    assert (drawn.values['parameters'], drawn.problems) == ({}, {})
    assert drawn.form.show_errors({'parameters.video': 'Missing.'}, is_all=False) == {}


# Problems beside their fields


async def test_a_problem_is_shown_once_its_field_was_touched(screen: Screen) -> None:
    drawn = Drawn(screen)
    problems = {'title': 'Too long.', 'profile': 'It is gone.'}
    assert drawn.form.show_errors(problems, is_all=False) == {'profile': 'It is gone.'}

    screen.type('event-title', 'x' * 300)

    assert drawn.form.show_errors(problems, is_all=False) == problems
    assert screen.error_at('event-title') == 'Too long.'


async def test_a_problem_that_was_fixed_is_no_longer_shown(screen: Screen) -> None:
    drawn = Drawn(screen)
    drawn.form.show_errors({'start': 'It is over.'}, is_all=True)
    assert screen.error_at('event-start') == 'It is over.'

    drawn.form.show_errors({}, is_all=True)

    assert screen.error_at('event-start') == ''


async def test_touching_the_time_shows_what_is_wrong_with_the_rule(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.type('event-time', '09:00')
    drawn.form.show_errors({'rrule': 'No day matches.'}, is_all=False)

    assert screen.error_at('event-rrule') == 'No day matches.'


# Repeating


async def test_a_rule_is_what_the_controls_say(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.tick('Weekly')
    screen.tick('Monday')
    screen.type('event-every', '2')
    screen.choose('event-ends', 'after')
    screen.type('event-count', '8')

    assert drawn.values['rrule'] == 'FREQ=WEEKLY;INTERVAL=2;COUNT=8;BYDAY=MO,FR'


async def test_controls_appear_as_the_way_to_repeat_needs_them(screen: Screen) -> None:
    Drawn(screen)
    assert not screen.has('Ends')

    screen.tick('Monthly')
    assert screen.has('Ends')
    screen.tick('Custom')
    screen.choose('event-custom', 'rule')

    assert not screen.has('Ends')
    assert screen.has('Rule RRULE')


async def test_a_number_that_cannot_be_read_keeps_the_last_one_and_says_so(screen: Screen) -> None:
    drawn = Drawn(screen, rrule='FREQ=DAILY;INTERVAL=3')

    screen.type('event-every', 'many')

    assert drawn.values['rrule'] == 'FREQ=DAILY;INTERVAL=3'
    assert list(drawn.problems) == ['rrule.every']
    assert screen.error_at('event-every').startswith('Enter a number from 1 to ')


async def test_a_way_to_repeat_without_that_number_has_no_problem_with_it(screen: Screen) -> None:
    drawn = Drawn(screen, rrule='FREQ=DAILY')
    screen.type('event-every', 'many')

    screen.tick('Never')

    assert (drawn.problems, drawn.values['rrule']) == ({}, None)


async def test_weekly_without_a_day_is_a_problem(screen: Screen) -> None:
    drawn = Drawn(screen)

    screen.tick('Weekly')
    screen.tick('Friday', is_on=False)

    assert drawn.problems == {'rrule.weekdays': 'Pick at least one day.'}


async def test_another_first_day_takes_the_weekday_along(screen: Screen) -> None:
    drawn = Drawn(screen)
    screen.tick('Weekly')

    screen.type('event-start', '2030-01-07')

    assert drawn.values['rrule'] == 'FREQ=WEEKLY;BYDAY=MO'


async def test_the_last_day_of_a_month_can_be_chosen(screen: Screen) -> None:
    drawn = Drawn(screen)
    screen.tick('Monthly')

    screen.choose('event-place', '-1')
    screen.choose('event-weekday', 'day')

    assert drawn.values['rrule'] == 'FREQ=MONTHLY;BYMONTHDAY=-1'


async def test_a_day_that_some_months_lack_is_said(screen: Screen) -> None:
    Drawn(screen)
    screen.tick('Monthly')

    screen.type('event-day', '31')

    assert name_of(screen.by_id('event-on-help')) == 'Months without that day are skipped.'


async def test_a_last_day_without_a_date_is_a_problem_until_there_is_one(screen: Screen) -> None:
    drawn = Drawn(screen, rrule='FREQ=DAILY')
    screen.choose('event-ends', 'on')
    screen.type('event-until', '')
    assert drawn.problems == {'rrule.until': 'Pick the last day.'}

    screen.type('event-until', '2030-02-01')

    assert drawn.problems == {}
    assert drawn.values['rrule'] == 'FREQ=DAILY;UNTIL=20300201T235959'


async def test_an_end_that_is_no_longer_used_has_no_problem(screen: Screen) -> None:
    drawn = Drawn(screen, rrule='FREQ=DAILY')
    screen.choose('event-ends', 'after')
    screen.type('event-count', '0')
    assert list(drawn.problems) == ['rrule.count']

    screen.choose('event-ends', 'never')

    assert (drawn.problems, drawn.values['rrule']) == ({}, 'FREQ=DAILY')


async def test_a_rule_that_is_not_touched_keeps_its_text_even_if_it_could_be_said_otherwise(screen: Screen) -> None:
    drawn = Drawn(screen, rrule='FREQ=WEEKLY;BYDAY=FR,MO')

    assert drawn.values['rrule'] == 'FREQ=WEEKLY;BYDAY=FR,MO'
