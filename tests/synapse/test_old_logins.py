"""What earlier builds saved with a password in an address is without it after the next start."""

import json
from pathlib import Path
from typing import Any

from storage.documents import Documents
from storage.runs import RunStore
from synapse.control_room import ControlRoom
from synapse.settings import Settings

ADDRESS = 'sftp://anna:canary-1@host/x'


def run(**values: Any) -> dict[str, Any]:
    moments = {'created_at': '2026-11-01T10:00:00+00:00', 'finished_at': '2026-11-01T10:01:00+00:00'}
    own = {'id': 'r1', 'number': 1, 'state': 'failed', 'pipeline': 'PublishVideo', 'profile': 'studio', 'steps': []}
    return own | moments | values


def test_passwords_in_addresses_move_to_the_secrets_of_their_profile(tmp_path: Path) -> None:
    profiles, events = Documents(tmp_path / 'profiles.json'), Documents(tmp_path / 'events.json')
    profiles.put('studio', {'id': 'studio', 'label': 'Studio', 'destination': ADDRESS, 'defaults': {}})
    profiles.put('home', {'id': 'home', 'label': 'Home', 'destination': '/srv', 'defaults': {}})
    profiles.put('home', {'id': 'home', 'label': 'Home 2', 'destination': '/srv', 'defaults': {}})
    event = {'id': 'e1', 'title': 'Nightly', 'pipeline': 'PublishVideo', 'profile': 'home', 'timezone': 'UTC'}
    event |= {
        'start': '2026-11-01T10:00:00',
        'created_at': '2026-11-01T10:00:00Z',
        'armed_from': '2026-11-01T10:00:00Z',
    }
    event['misfire'] = {'policy': 'latest', 'within_seconds': 3600, 'limit': 1}
    event['updated_at'] = event['created_at']
    events.put('e1', event | {'parameters': {'destination': 'ftp://bob:canary-2@other/y'}})
    runs = RunStore(tmp_path / 'runs.db')
    error = {'type': 'StepFailed', 'message': f'The destination {ADDRESS} cannot be written.', 'hint': ''}
    runs.create(run(parameters={'destination': ADDRESS}, error=error))
    checkpoint = tmp_path / 'runs' / 'r1' / 'checkpoint.json'
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text(json.dumps({'state': {'destination': ADDRESS}, 'done': ['ingest']}))
    for opened in (profiles, events, runs):
        opened.close()

    room = ControlRoom.build(Settings(data=tmp_path, port=8000))

    assert room.profiles.get('studio').destination == 'sftp://host/x'
    login = {'destination_username': 'anna', 'destination_password': 'canary-1'}
    assert room.profiles.secrets_of('studio') == login
    assert room.profiles.secrets_of('home') == {'destination_username': 'bob', 'destination_password': 'canary-2'}
    assert room.calendar.notices == []
    assert room.calendar.get('e1').parameters == {'destination': 'ftp://other/y'}
    kept = room.history.get('r1')
    assert kept is not None
    assert kept['parameters'] == {'destination': 'sftp://host/x'}
    assert kept['error']['message'] == 'The destination sftp://***@host/x cannot be written.'
    assert json.loads(checkpoint.read_text()) == {'state': {'destination': 'sftp://host/x'}, 'done': ['ingest']}
    texts = {path.name: path.read_text() for path in tmp_path.glob('*.json*')}
    assert [name for name, text in texts.items() if 'canary' in text] == ['secrets.json']
    assert json.loads(texts['secrets.json'])['secrets']['studio'] == login
