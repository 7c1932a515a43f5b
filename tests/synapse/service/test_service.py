"""What is written for systemd, launchd and Windows Task Scheduler, and a real `systemd --user` that starts it."""

import dataclasses
import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.service import launchd, systemd, task
from synapse.service.job import Job
from synapse.settings import settings_from
from synapse.task_scheduler.element import read_xml
from synapse.task_scheduler.reading import arguments_of
from synapse.timers.units import Expander, read_command, read_units
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until
from tests.parts.user_systemd import UserSystemd, environment_of, missing_systemd, user_systemd

pytestmark = pytest.mark.timeout(300)
HARD = [
    'a b',
    '100%',
    '%h',
    '$HOME',
    '${HOME}',
    '$$',
    '"q"',
    "it's",
    'back\\slash\\',
    ';',
    'Zoë',
    'two\nlines',
    '',
    '#x',
]


def required(missing: str) -> None:
    if missing:
        (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)(f'missing: {missing}')


@pytest.fixture(scope='module')
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UserSystemd]:
    required(missing_systemd())
    with user_systemd(tmp_path_factory.mktemp('home')) as started:
        if started is None:
            pytest.skip('this takes the rights to make a mount namespace and a control group')
        yield started


def test_a_service_keeps_what_was_set_and_prints_no_link(tmp_path: Path) -> None:
    flags = {'data': tmp_path, 'port': 8123, 'native': True, 'allow_host': ['https://a.example:8443', 'b.example:1']}

    made = Job.of(settings_from(flags | {'max_upload_bytes': 5}))

    assert made.command[-7:] == [
        '--port=8123',
        f'--data={tmp_path}',
        '--native',
        '--allow-host=https://a.example:8443',
        '--allow-host=b.example:1',
        '--no-browser',
        '--no-link',
    ]
    assert made.variables == {'SYNAPSE_MAX_UPLOAD_BYTES': '5'}


words = st.text(st.characters(exclude_categories=('Cs', 'Cc')) | st.sampled_from('\n\t\\"\'%$; '))


@given(st.lists(words))
def test_a_reader_of_units_finds_the_words_again(arguments: list[str]) -> None:
    [ours] = read_units(systemd.unit(Job(['/bin/echo', *arguments], Path('/data'))))

    command = read_command(ours.last('Service.ExecStart'), Expander('', '', Path()))

    assert command.words == ('/bin/echo', *arguments)


def test_launchd_and_windows_are_given_the_words_too() -> None:
    made = Job(['/opt/python', *HARD], Path('/data'), variables={'SYNAPSE_MIN_FREE_BYTES': '1'})

    read = plistlib.loads(launchd.agent(made, Path('/log')))
    action = read_xml(task.task(made, 'EXAMPLE\\ann')).find('Actions/Exec')

    assert read['ProgramArguments'] == made.command
    assert read['EnvironmentVariables'] == made.variables
    assert action is not None
    assert [action.value('Command'), *arguments_of(action.value('Arguments'))] == made.command


def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    required('' if shutil.which('systemd-analyze') else 'systemd-analyze')
    for is_native in (False, True):
        path = tmp_path / systemd.UNIT
        path.write_text(systemd.unit(Job([sys.executable, *HARD], tmp_path, is_native, {'NAME': 'a "b" 50%'})))
        environment = environment_of(tmp_path) | {'XDG_RUNTIME_DIR': str(tmp_path)}

        done = subprocess.run(
            ['systemd-analyze', '--user', '--man=no', '--recursive-errors=no', 'verify', path],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, '')


def test_without_systemd_it_says_what_to_run_instead(tmp_path: Path) -> None:
    environment = environment_of(tmp_path) | {'XDG_RUNTIME_DIR': str(tmp_path)}
    command = [sys.executable, 'main.py', 'service', 'install', '--data', str(tmp_path / 'my data')]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith('No systemd manages services of yours here, as in a container (')
    assert f"'--data={tmp_path}/my data' --no-browser" in done.stderr
    assert not list(tmp_path.rglob(systemd.UNIT))


@pytest.mark.parametrize('name', ['a b$HOME%h', 'Ann\'s "new" disk\\$$'])
def test_systemd_itself_passes_the_words_on(manager: UserSystemd, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    script = folder / 'say'
    script.write_text(f'#!{sys.executable}\nimport json, os, sys\nprint(json.dumps([*sys.argv, os.environ["NAME"]]))\n')
    script.chmod(0o755)
    text = systemd.unit(Job([str(script), *HARD], tmp_path, variables={'NAME': 'a "b" 50% $c'}))
    # `Type=oneshot`: started when it has ended. Its output goes where a test can read it.
    output = tmp_path / 'output'
    text = text.replace('Type=exec\n', f'Type=oneshot\nStandardOutput=file:{output}\n').replace('OOMPolicy', '#')
    (manager.home / 'config/systemd/user/words.service').write_text(text)

    assert manager.run('systemctl', '--user', 'daemon-reload').returncode == 0
    started = manager.run('systemctl', '--user', 'start', 'words.service')

    assert started.returncode == 0, started.stderr
    assert json.loads(output.read_text()) == [str(script), *HARD, 'a "b" 50% $c']


@dataclasses.dataclass
class Installed:
    """Synapse on a data folder, installed as a service of this manager."""

    manager: UserSystemd
    data: Path

    @property
    def pid(self) -> int:
        return int(self.manager.show(systemd.UNIT, 'MainPID'))

    def service(self, action: str, *flags: str) -> subprocess.CompletedProcess[str]:
        done = self.manager.run(sys.executable, 'main.py', 'service', action, *flags)
        assert 'Traceback' not in done.stderr
        return done

    def client(self) -> SynapseUnderTest:
        client = SynapseUnderTest(self.data)
        client.url = (self.data / 'url').read_text()
        return client


def test_it_is_started_again_after_a_crash_and_ends_its_runs_in_order(manager: UserSystemd, tmp_path: Path) -> None:
    synapse = Installed(manager, tmp_path / 'my %h data')
    quick = manager.home / f'config/systemd/user/{systemd.UNIT}.d/quick.conf'
    quick.parent.mkdir()
    quick.write_text('[Service]\nRestartSec=100ms\n')
    flags = ('--data', str(synapse.data), '--port', '0')

    installed = synapse.service('install', *flags)

    assert installed.returncode == 0, installed.stderr + synapse.service('status').stdout
    client = synapse.client()
    assert f'Synapse is ready at {client.url}.' in installed.stdout
    first = synapse.pid
    assert f'(pid {first})' in synapse.service('status').stdout

    os.kill(first, 9)
    wait_until(lambda: synapse.pid not in (0, first), timeout=60)
    wait_until(lambda: synapse.service('status').stdout.count('Address: http') == 1, timeout=60)

    client, second = synapse.client(), synapse.pid
    assert 'Nothing has changed' in synapse.service('install', *flags).stdout
    assert synapse.pid == second
    script = 'trap "touch end; exit 0" TERM; touch begin; while :; do sleep 0.1; done'
    client.create_run('RunCommand', command=['sh', '-c', script], cwd=str(tmp_path))
    wait_until((tmp_path / 'begin').exists, timeout=30)

    removed = synapse.service('uninstall')

    assert removed.returncode == 0, removed.stderr
    assert (tmp_path / 'end').exists()
    assert manager.show(systemd.UNIT, 'ActiveState') == 'inactive'
    assert not list((manager.home / 'config').rglob(systemd.UNIT))
    assert f'What it has kept stays in {synapse.data}.' in removed.stdout
    assert synapse.service('status').returncode == 1


def test_a_unit_of_somebody_else_is_left_alone(manager: UserSystemd) -> None:
    path = manager.home / 'config/systemd/user' / systemd.UNIT
    path.write_text('[Service]\nExecStart=/bin/true\n')
    synapse = Installed(manager, manager.home / 'other')

    refused = [synapse.service('install', '--data', str(synapse.data)), synapse.service('uninstall')]

    assert [done.returncode for done in refused] == [1, 1]
    assert all('was not written by Synapse' in done.stderr for done in refused)
    assert path.read_text() == '[Service]\nExecStart=/bin/true\n'
    path.unlink()
