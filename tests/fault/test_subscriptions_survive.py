"""A read of a subscribed calendar that is killed in the middle leaves all of its events or none, and no doubles."""

from pathlib import Path

import pytest

from tests.parts.calendar_files import calendar_file
from tests.parts.calendar_server import calendar_server
from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault

COUNT = 300
EVENTS = [f'UID:{number}@team\nDTSTART:20311006T160000Z\nSUMMARY:Lunch {number}' for number in range(COUNT)]
RULE = {'when': 'any', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}


@pytest.mark.parametrize('moment', ['once it has asked', 'once the events are on disk'])
def test_a_killed_read_is_done_again_as_a_whole(tmp_path: Path, moment: str) -> None:
    data = tmp_path / 'data'
    program = SynapseUnderTest(data).start()
    with calendar_server() as server:
        server.text = calendar_file(*EVENTS)
        with program.api as api:
            api.put('/scheduler/import-rules', json={'rules': [RULE]}).raise_for_status()
            api.post('/scheduler/subscriptions', json={'url': server.address()}).raise_for_status()
        if moment == 'once it has asked':
            wait_until(lambda: bool(server.asked), timeout=20)
        else:
            wait_until(lambda: 'Lunch 299' in (data / 'events.json').read_text(), timeout=20)
        program.kill9()

        program.start()
        try:
            with program.api as api:
                kept = api.get('/scheduler/list').json()['events']
                (item,) = api.get('/scheduler/subscriptions').json()
                read = api.post(f'/scheduler/subscriptions/{item["id"]}/read').json()
                events = api.get('/scheduler/list').json()['events']
        finally:
            assert program.stop() == 0

    assert len(kept) in (0, COUNT)
    assert len({event['title'] for event in events}) == len(events) == read['events'] == COUNT
    assert (read['error'], {event['enabled'] for event in events}) == ('', {False})
