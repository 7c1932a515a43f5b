"""A destination is tried before it is saved: what works, what is missing, and which key to accept."""

import asyncio
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest

from storage.documents import Documents
from synapse.bus import Bus
from synapse.destinations import kinds, packages
from synapse.destinations.errors import HostKey
from synapse.destinations.trial import notes_of, try_out
from synapse.errors import Invalid, NotFound, NotReady
from synapse.profiles import Profiles
from tests.destinations.conftest import Servers
from tests.parts.servers import RunningServer


@pytest.fixture
async def profiles(tmp_path: Path) -> Profiles:
    profiles = Profiles(Documents(tmp_path / 'profiles.json'), tmp_path / 'secrets.json', Bus())
    await profiles.start()
    return profiles


async def test_a_server_that_works_keeps_nothing_of_the_trial(server: RunningServer) -> None:
    trial = await try_out(server.address, server.secrets, server.known_hosts)

    assert (trial.works, trial.hint, trial.missing, trial.host_key) == (True, '', '', None), trial.message
    assert trial.notes == notes_of(server.address)
    said = 'A small file was written, read back and removed.'
    if server.folder is not None and server.kind != 'webdav':
        assert (trial.message, server.folder.exists()) == (said, False)
    elif server.kind == 'webdav':
        assert trial.message.startswith(f'{said} The folder /')
    with server.opened() as destination:
        assert destination.names() == []


async def test_only_folders_that_the_trial_has_made_are_removed_and_only_if_they_are_empty(tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()

    trial = await try_out(str(tmp_path / 'mine' / 'new' / 'deep'), {}, '')

    assert trial.works
    assert list(tmp_path.rglob('*')) == [tmp_path / 'mine']


async def test_a_host_key_is_asked_for_once_and_then_remembered(servers: Servers, profiles: Profiles) -> None:
    server = servers.get('sftp')
    data = {'destination': server.address, 'secrets': server.secrets}
    asked = await profiles.try_destination(None, data)
    assert asked.host_key is not None
    assert asked.host_key.fingerprint in asked.message

    await profiles.accept_host_key(asked.host_key)
    profile = await profiles.create({'label': 'A', **data})

    assert (await profiles.try_destination(profile.id, {})).works
    kept = await profiles.try_destination(profile.id, {'secrets': {'destination_key_file': '***'}})
    assert kept.works, kept.message
    wrong = await profiles.try_destination(profile.id, {'secrets': {'destination_key_file': '/no/such/key'}})
    assert not wrong.works
    assert profiles.known_hosts.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Invalid):
        await profiles.accept_host_key(HostKey('host', 'ssh-ed25519', 'bm9uc2Vuc2U=', ''))


async def test_a_trial_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # of a processor, which is the same however busy the machine is
            await asyncio.sleep(0.01)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    trial = await try_out(str(tmp_path / 'out'), {}, '')
    watching.cancel()

    assert trial.works
    assert not (tmp_path / 'out').exists()
    assert longest < 0.5


async def test_a_login_that_is_typed_into_the_address_is_used_but_not_repeated(
    servers: Servers, profiles: Profiles
) -> None:
    address = servers.get('ftp').address.replace('ftp://', 'ftp://anna:not-this-1@')

    trial = await profiles.try_destination(None, {'destination': address})

    assert not trial.works
    assert trial.message.endswith('127.0.0.1 refused the user or the password.')
    assert 'not-this-1' not in str(trial.as_json())


async def test_what_is_not_installed_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, 'find_spec', lambda _: None)

    assert notes_of('smb://host/share')[0] == (
        'smb:// needs a package that is not installed: smbprotocol. '
        'Install it with the button in the profile, or with: python -m pip install smbprotocol'
    )
    assert notes_of('/srv/films') == ()


async def test_only_packages_that_the_program_names_are_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In an environment of its own, from a folder of wheels: no network is needed."""
    build_wheel(tmp_path / 'wheels')
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'venv')], check=True)
    site = next((tmp_path / 'venv' / 'lib').glob('python*')) / 'site-packages'
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(tmp_path / 'wheels'))
    monkeypatch.setenv('PIP_TARGET', str(site))
    monkeypatch.setitem(kinds.EXTRAS, 'demo', ('synapse-demo-package',))
    monkeypatch.setitem(kinds._IMPORTED, 'synapse-demo-package', 'synapse_demo_package')
    monkeypatch.setitem(kinds.EXTRAS, 'lost', ('synapse-no-such-package',))
    monkeypatch.setitem(kinds._IMPORTED, 'synapse-no-such-package', 'synapse_no_such_package')
    monkeypatch.syspath_prepend(str(site))
    said: list[str] = []

    await packages.install('demo', said.append)

    assert kinds.is_installed('demo')
    assert any('Successfully installed' in line for line in said)
    with pytest.raises(NotReady, match='lost could not be installed: ERROR: Could not find a version') as failed:
        await packages.install('lost')
    assert failed.value.hint == 'Check that this machine reaches the internet, then try again.'
    with pytest.raises(NotFound):
        await packages.install('requests; rm -rf /')


def build_wheel(folder: Path) -> None:
    folder.mkdir()
    info = 'synapse_demo_package-1.0.dist-info'
    with zipfile.ZipFile(folder / 'synapse_demo_package-1.0-py3-none-any.whl', 'w') as wheel:
        wheel.writestr('synapse_demo_package.py', '')
        wheel.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\nName: synapse-demo-package\nVersion: 1.0\n')
        wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        wheel.writestr(f'{info}/RECORD', '')


def test_the_extras_of_the_project_are_those_that_the_button_installs() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / 'pyproject.toml').read_text())['project']
    declared = project['optional-dependencies']

    for extra, names in kinds.EXTRAS.items():
        assert [requirement.partition('>')[0] for requirement in declared[extra]] == [*names]
        assert set(declared[extra]) <= set(declared['servers'])
