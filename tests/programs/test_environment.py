"""The real program, started as a bare service: what the environment of its runs is, and what they can do with it."""

import os
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from synapse import logging_handler
from tests.parts.harness import SynapseUnderTest

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='programs of POSIX')

DOCUMENTED = {'SYNAPSE_URL', 'SYNAPSE_DATA', 'SYNAPSE_RUN_ID', 'SYNAPSE_RUN_NUMBER', 'SYNAPSE_STEP'}
REPORTER = """
import logging, sys
sys.path.insert(0, sys.argv[1])
from logging_handler import SynapseHandler
handler = SynapseHandler()
logging.getLogger('reporter').addHandler(handler)
logging.getLogger('reporter').warning('from a program of the run')
handler.close()
"""
ASKING = """
from synapse import Pipeline, Run, step

class Asking(Pipeline):
    token_scope = 'read'

    @step
    def ask(self, run: Run):
        run.shell(['sh', '-c', 'echo "the token is $SYNAPSE_TOKEN"; printf %s "$SYNAPSE_TOKEN" > token'])
        code = (
            'import os, urllib.error, urllib.request as web\\n'
            'head = {"Authorization": "Bearer " + os.environ["SYNAPSE_TOKEN"]}\\n'
            'url = os.environ["SYNAPSE_URL"] + "api/v1/"\\n'
            'print(web.urlopen(web.Request(url + "runs/" + os.environ["SYNAPSE_RUN_ID"], headers=head)).status)\\n'
            'try: web.urlopen(web.Request(url + "queue/pause", headers=head, method="POST"))\\n'
            'except urllib.error.HTTPError as error: print(error.code)\\n'
        )
        run.shell(['python3', '-c', code])
"""


def entries(program: SynapseUnderTest, run: dict[str, Any]) -> list[dict[str, Any]]:
    with program.api as api:
        found = api.get('/logs', params={'run': run['id'], 'limit': 500}).json()['entries']
    return list(reversed(found))


def ended(program: SynapseUnderTest, pipeline: str, **parameters: Any) -> dict[str, Any]:
    run = program.wait_for_run(program.create_run(pipeline, **parameters)['id'])
    assert run['state'] == 'succeeded', run['error']
    return run


def test_runs_have_the_environment_of_the_person_and_find_synapse(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    (tmp_path / 'home').mkdir()
    (tmp_path / 'home' / '.profile').write_text('export PATH="$HOME/bin:$PATH" LANG=de_DE.UTF-8\n')
    (tmp_path / 'home' / '.bash_profile').write_text('. ~/.profile\n')
    bare = {'HOME': str(tmp_path / 'home'), 'LANG': 'C', 'LC_ALL': '', 'SYNAPSE_WORKERS': '2'}
    bare |= {'NICEGUI_STORAGE_PATH': str(tmp_path / 'mine'), 'SHELL': '/bin/bash'}
    program = SynapseUnderTest(data, umask=0o022, **bare)
    program.write_pipeline('asking.py', ASKING)
    program.start()
    try:
        run = ended(program, 'RunCommand', command=['env'])
        lines = [entry['message'] for entry in entries(program, run) if '=' in entry['message']]
        seen = dict(line.split('=', 1) for line in lines)
        assert {name for name in seen if name.startswith('SYNAPSE')} == DOCUMENTED
        assert (seen['SYNAPSE_DATA'], seen['SYNAPSE_URL']) == (str(data), program.url)
        assert (seen['SYNAPSE_RUN_ID'], seen['SYNAPSE_RUN_NUMBER']) == (run['id'], str(run['number']))
        assert seen['NICEGUI_STORAGE_PATH'] == str(tmp_path / 'mine')
        assert not (tmp_path / 'mine').exists()
        if not has_terminal():
            assert f'{tmp_path}/home/bin' in seen['PATH'].split(os.pathsep)
            assert seen['LANG'] == 'de_DE.UTF-8'

        assert '0022' in [
            entry['message'] for entry in entries(program, ended(program, 'RunCommand', command=['sh', '-c', 'umask']))
        ]

        folder = str(Path(logging_handler.__file__).parent)
        run = ended(program, 'RunCommand', command=[sys.executable, '-c', REPORTER, folder])
        (line,) = [entry for entry in entries(program, run) if entry['source'] == 'reporter']
        assert (line['level'], line['message'], line['step']) == ('warning', 'from a program of the run', 'execute')

        program.wait_for_pipeline('Asking')
        run = ended(program, 'Asking')
        messages = [entry['message'] for entry in entries(program, run)]
        token = (data / 'runs' / run['id'] / 'work' / 'token').read_text()
        assert 'the token is ***' in messages
        assert [message for message in messages if message.isdigit()] == ['200', '403']
        assert not any(token in message for message in messages)
        headers = {'Authorization': f'Bearer {token}'}
        assert httpx.get(f'{program.url}api/v1/status', headers=headers).status_code == 401
    finally:
        assert program.stop() == 0


def has_terminal() -> bool:
    try:
        os.close(os.open('/dev/tty', os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
