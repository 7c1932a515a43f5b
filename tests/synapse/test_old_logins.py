"""What earlier builds saved with a password in an address is without it after the next start."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.logs.store import LogStore
from storage.runs import RunStore
from synapse.control_room import ControlRoom
from synapse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
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
    assert sorted(name for name, text in texts.items() if 'canary' in text) == ['secrets.json', 'secrets.json.copy']
    assert json.loads(texts['secrets.json'])['secrets']['studio'] == login


TYPED = 'sftp://anna:can%2fary%21"ä@host/x'
"""Its password is `can/ary!"ä`."""
FORMS = ['can%2fary%21"ä', 'can/ary!"ä', 'can%2Fary%21%22%C3%A4']
ERROR = {'type': 'StepFailed', 'message': f'login with {FORMS[1]} failed', 'hint': ''}


def line(seq: int, message: str, **fields: Any) -> dict[str, Any]:
    moment = {'timestamp': f'2026-11-01T10:00:{seq:02}+00:00', 'level': 'error', 'source': 'paramiko'}
    return {'id': f'l{seq}', 'seq': seq, 'message': message, 'run': 'r1', 'step': 'publish', 'fields': fields} | moment


def fill(data: Path) -> None:
    """A data folder of an earlier build, which wrote passwords everywhere."""
    profiles, alerts = Documents(data / 'profiles.json'), Documents(data / 'alerts.json')
    profiles.put('studio', {'id': 'studio', 'label': 'Studio', 'destination': TYPED, 'defaults': {}})
    moments = {'first_at': '2026-11-01T10:00:00Z', 'last_at': '2026-11-01T10:00:00Z', 'news': 1}
    alert = {'id': 'a1', 'key': 'k', 'kind': 'run_failed', 'title': 'Publish video failed', 'text': ERROR['message']}
    for look in ('failed', 'warning', 'failed'):
        alerts.put('alerts', {'items': [alert | moments | {'look': look, 'target': '/runs/1', 'verb': 'Open run'}]})
    runs = RunStore(data / 'runs.db')
    step = {'name': 'publish', 'state': 'failed', 'error': ERROR, 'note': FORMS[2]}
    parameters = {
        'destination': '/srv',
        'video': f'/films/{FORMS[1]}.mp4',
        'command': ['curl', f'ftp://x:{FORMS[0]}@h'],
    }
    runs.create(run(parameters=parameters, error=ERROR, steps=[step]))
    logs = LogStore(data / 'logs.db')
    logs.append([line(1, 'fine'), *(line(2 + n, f'cannot open {form}', url=form) for n, form in enumerate(FORMS))])
    for opened in (profiles, alerts, runs, logs):
        opened.close()


def files_with_passwords(data: Path) -> list[str]:
    forms = [form for text in FORMS for form in (text.encode(), json.dumps(text)[1:-1].encode())]
    forms += [json.dumps(FORMS[1], ensure_ascii=False)[1:-1].encode()]
    files = [path for path in data.iterdir() if path.is_file()]
    return sorted(path.name for path in files if any(form in path.read_bytes() for form in forms))


async def test_moved_passwords_are_erased_from_log_runs_and_alerts_in_every_form(tmp_path: Path) -> None:
    fill(tmp_path)

    room = ControlRoom.build(Settings(data=tmp_path, port=8000))
    await room.start()
    try:
        assert [alert.text for alert in room.alerts] == ['login with *** failed']
        kept = room.history.get('r1')
        texts = [entry.message for entry in room.log.ring]
    finally:
        await room.stop()

    assert texts[:4] == ['fine', 'cannot open ***', 'cannot open ***', 'cannot open ***']
    assert sum('were erased from 3 log lines, 1 run and 1 alert.' in text for text in texts) == 1
    assert kept is not None
    assert kept['error']['message'] == kept['steps'][0]['error']['message'] == 'login with *** failed'
    assert kept['parameters']['command'] == ['curl', 'ftp://x:***@h']
    assert kept['parameters']['video'] == f'/films/{FORMS[1]}.mp4', 'a path is not a login'


DYING = """
import os, signal, sys
from pathlib import Path
import {module} as module
from synapse.control_room import ControlRoom
from synapse.settings import Settings

def work_and_die(*arguments, real=module.{name}):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

module.{name} = work_and_die
ControlRoom.build(Settings(data=Path(sys.argv[1]), port=8000))
"""


@pytest.mark.parametrize(
    ('module', 'name'), [('storage.logs.store', 'rewrite_some'), ('synapse.old_logins', '_erase_from_alerts')]
)
def test_what_a_killed_start_has_not_erased_is_erased_by_the_next(tmp_path: Path, module: str, name: str) -> None:
    fill(tmp_path)
    assert 'logs.db' in files_with_passwords(tmp_path)
    killed = subprocess.run([sys.executable, '-c', DYING.format(module=module, name=name), str(tmp_path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / 'old_passwords.json').stat().st_mode & 0o777 == 0o600

    room = ControlRoom.build(Settings(data=tmp_path, port=8000))

    assert 'were erased from' in room.moved_logins
    assert not (tmp_path / 'old_passwords.json').exists()
    assert files_with_passwords(tmp_path) == ['runs.db', 'secrets.json', 'secrets.json.copy'], (
        'one is in the path of a film'
    )
    assert ControlRoom.build(Settings(data=tmp_path, port=8000)).moved_logins == ''
