"""The wheel, installed as people do: by uv and by pipx, away from these files."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.parts.harness import ROOT, SynapseUnderTest

pytestmark = pytest.mark.timeout(400)
BIN = Path(sys.executable).parent


def succeeded(*command: str | Path, cwd: Path, **variables: str | Path) -> str:
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    environment |= {'PATH': f'{BIN}{os.pathsep}{os.environ["PATH"]}'}  # pipx uses uv
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def sources() -> list[str]:
    """The files of this checkout, new ones too."""
    listed = succeeded('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', cwd=ROOT)
    return [name for name in listed.split('\0') if name and (ROOT / name).is_file()]


@pytest.fixture(scope='module')
def wheel(sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, in a copy: building leaves files behind."""
    copy, out = tmp_path_factory.mktemp('copy'), tmp_path_factory.mktemp('dist')
    for name in sources:
        if not name.startswith(('tests/', 'findings/')):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    succeeded(sys.executable, '-m', 'build', '--installer=uv', '--outdir', out, copy, cwd=copy)
    [wheel] = out.glob('*.whl')
    return wheel


def test_the_wheel_has_every_file_of_the_program_and_no_other(wheel: Path, sources: list[str]) -> None:
    folders = ('pages', 'storage', 'synapse', 'examples', 'docs/guide', 'docs/guia')
    names = [name.split('/share/synapse/')[-1] for name in zipfile.ZipFile(wheel).namelist()]
    shipped = {name for name in names if '.dist-info/' not in name}

    assert shipped >= {name for name in sources if name.startswith(tuple(f'{folder}/' for folder in folders))}
    assert [name for name in shipped if name.endswith('.pyc') or name not in sources] == []


def test_uv_installs_it_and_a_run_succeeds(wheel: Path, tmp_path: Path) -> None:
    tools = {'UV_TOOL_DIR': tmp_path / 'tools', 'UV_TOOL_BIN_DIR': tmp_path / 'bin'}
    succeeded('uv', 'tool', 'install', '--quiet', wheel, cwd=tmp_path, **tools)
    folder = tmp_path / 'letters'
    folder.mkdir()
    (folder / 'one.txt').write_text('Dear reader')
    program = SynapseUnderTest(tmp_path / 'data')
    program.python, program.command, program.root = '/usr/bin/env', (str(tmp_path / 'bin' / 'synapse'),), tmp_path

    program.start(timeout=120)  # Python compiles all the packages first
    try:
        with program.api as api:
            page = api.get(program.url)
        run = program.create_run('BackupFolder', folder=str(folder), destination=str(tmp_path / 'kept'))
        assert page.status_code == 200
        assert '· Synapse</title>' in page.text
        assert (ended := program.wait_for_run(run['id']))['state'] == 'succeeded', ended['error']
        opened = succeeded(tmp_path / 'bin' / 'synapse', 'open', '--print', '--data', program.data, cwd=tmp_path)
        assert opened.startswith(f'{program.url}auth#')
        python, code = tmp_path / 'tools/synapse-control-room/bin/python', 'print(shipped("examples"))'
        found = succeeded(python, '-c', f'from synapse.shipped import shipped; {code}', cwd=tmp_path)
        assert list(Path(found.strip()).glob('*.py'))
    finally:
        program.stop()


def test_pipx_installs_it_and_its_service_is_the_installed_command(wheel: Path, tmp_path: Path) -> None:
    home, empty = tmp_path / 'pipx', tmp_path / 'no systemd'
    succeeded('pipx', 'install', '--quiet', wheel, cwd=tmp_path, PIPX_HOME=home, PIPX_BIN_DIR=tmp_path / 'bin')
    synapse = tmp_path / 'bin' / 'synapse'
    environment = os.environ | {'XDG_RUNTIME_DIR': str(empty)}

    help_ = succeeded(synapse, '--help', cwd=tmp_path)
    install = [str(synapse), 'service', 'install', '--data', str(tmp_path / 'data')]
    done = subprocess.run(install, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert help_.startswith('usage: synapse ')
    script = home / 'venvs/synapse-control-room/bin/synapse'
    assert f'{script} --data={tmp_path / "data"}' in done.stderr
