"""Jobs of a crontab become events that run what cron would run, when cron would run it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse.control_room import ControlRoom
from synapse.crontab.importing import CrontabResult, import_crontab
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunState
from tests.parts.api_room import client_of, gated
from tests.parts.looking import looking_at_a_page
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

NOW = datetime(2030, 9, 1, 10, tzinfo=UTC)
TEXT = {'Content-Type': 'text/plain'}


@pytest_asyncio.fixture(loop_scope='module')
async def api(room: ControlRoom) -> AsyncIterator[httpx.AsyncClient]:
    async with served(lambda port: gated(room, port)) as authority, client_of(room, authority) as client:
        yield client


async def take(room: ControlRoom, text: str, **options: Any) -> CrontabResult:
    values = {'is_trusted': lambda _: True, 'now': NOW} | options
    return await import_crontab(room.calendar, room.editor, room.catalog, text, **values)


async def test_a_job_becomes_an_event_of_a_command_in_a_shell(room: ControlRoom) -> None:
    result = await take(room, 'MAILTO=me\nA=b\n# Nightly\n30 2 * * mon-fri  cd /srv && ./x > log 2>&1')

    (event,) = room.calendar.events()
    assert (event.title, event.pipeline, event.rrule) == ('Nightly', 'RunCommand', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR')
    assert (f'{event.start.time()}', event.overlap, event.misfire.policy) == ('02:30:00', 'allow', 'skip')
    assert event.parameters == {
        'command': ['cd /srv && ./x > log 2>&1'],
        'shell': True,
        'cwd': f'{Path.home()}',
        'env': {'A': 'b'},
    }
    assert result.notes == ('What the commands print is in the log, and not mailed to me.',)
    assert result.events[0].cron == result.events[0].upcoming
    assert len(result.events[0].cron) == 5


async def test_what_is_said_of_a_job_is_in_the_language_of_the_page_that_asks(room: ControlRoom) -> None:
    with looking_at_a_page():
        result = await take(room, '0 3 * * * a\n61 * * * * b', is_dry=True)

    assert [event.sentence[0] for event in result.events] == ['⟦']
    assert [problem.reason[0] for problem in result.problems] == ['⟦']


async def test_importing_again_changes_nothing(room: ControlRoom) -> None:
    text = '0 4 1 * mon a\n0 4 1 * mon a\n*/10 * * * * b'
    first = await take(room, text)
    before = room.calendar.events()

    again = await take(room, f'# moved\n\n{text}', now=datetime(2031, 1, 1, tzinfo=UTC))

    assert (len(first.created), len(again.unchanged), again.created, again.updated) == (5, 5, (), ())
    assert room.calendar.events() == before


async def test_either_day_field_suffices_without_doubles(room: ControlRoom) -> None:
    result = await take(room, '0 4 1 * mon a')

    first, second = result.events
    assert (first.line, first.text, first.upcoming) == (second.line, second.text, second.upcoming)
    assert first.upcoming == first.cron


async def test_the_zone_of_a_line_is_that_of_its_event(room: ControlRoom) -> None:
    await take(room, 'CRON_TZ=America/Sao_Paulo\n0 9 * * * a')
    wrong = await take(room, 'CRON_TZ=Mars\n0 9 * * * b')

    assert [event.timezone for event in room.calendar.events()] == ['America/Sao_Paulo']
    assert "no time zone 'Mars'" in wrong.problems[0].reason


async def test_what_cannot_be_imported_is_a_problem_of_its_line(room: ControlRoom) -> None:
    result = await take(room, '0 9 * * * a\n@reboot b\nSHELL=/bin/bash\n0 9 * * * \tc')

    assert [event.parameters['command'] for event in room.calendar.events()] == [['a'], ['/bin/bash', '-c', 'c']]
    assert [(problem.line, problem.text) for problem in result.problems] == [(2, '@reboot b')]


async def test_a_command_runs_as_cron_runs_it(room: ControlRoom, tmp_path: Path) -> None:
    line = '0 9 * * * (pwd; echo $GREETING; date +\\%Y; cat) > out%one%two'
    await take(room, f'HOME={tmp_path}\nGREETING=hi there\n{line}')
    (event,) = room.calendar.events()

    run = await room.runs.create('RunCommand', event.parameters)
    if run.state is not RunState.SUCCEEDED:
        await room.bus.next(
            RunChanged, timeout=30, where=lambda news: news.run.id == run.id and news.run.state is RunState.SUCCEEDED
        )

    assert (tmp_path / 'out').read_text() == f'{tmp_path}\nhi there\n{datetime.now():%Y}\none\ntwo\n'


async def test_events_are_off_until_they_are_approved_unless_the_token_vouches(
    api: httpx.AsyncClient, room: ControlRoom
) -> None:
    text = '0 9 * * * echo hi\nnonsense'

    dry = await api.post('/scheduler/import-crontab?dry_run=true', content=text, headers=TEXT)
    assert room.calendar.events() == []
    kept = await api.post('/scheduler/import-crontab', content=text, headers=TEXT)

    assert (dry.status_code, kept.status_code) == (200, 200)
    answer = kept.json()
    assert set(answer) >= {'events', 'problems', 'notes', 'created', 'disabled'}
    assert answer['problems'] == [{'line': 2, 'text': 'nonsense', 'reason': answer['problems'][0]['reason']}]
    assert answer['disabled'] == answer['created'] == [event.id for event in room.calendar.events()]
    assert (answer['events'][0]['line'], answer['events'][0]['enabled']) == (1, False)
    trusted = await api.post('/scheduler/import-crontab?trust=true', content='0 8 * * * x', headers=TEXT)
    assert trusted.json()['disabled'] == []
    wrong = await api.post('/scheduler/import-crontab', json=[text])
    assert (wrong.status_code, wrong.json()['error']['code']) == (415, 'unsupported_media_type')
