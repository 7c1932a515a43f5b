"""The newest tzdata is installed by the real pip into a real environment, from a folder instead of the network."""

import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from synapse.zone_update import update_zone_data


def wheel(folder: Path, version: str, iana: str) -> Path:
    """A wheel of tzdata with nothing but its version."""
    folder.mkdir(exist_ok=True)
    path, info = folder / f'tzdata-{version}-py2.py3-none-any.whl', f'tzdata-{version}.dist-info'
    with zipfile.ZipFile(path, 'w') as file:
        file.writestr('tzdata/__init__.py', f'IANA_VERSION = {iana!r}\n')
        file.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\nName: tzdata\nVersion: {version}\n')
        file.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2.py3-none-any\n')
        file.writestr(f'{info}/RECORD', '')
    return path


@pytest.fixture(scope='module')
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip."""
    folder = tmp_path_factory.mktemp('zone-update') / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', str(folder)], check=True)
    return folder


def python_of(folder: Path) -> str:
    return str(folder / 'bin/python')


def variables(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith('PIP_')} | more


def from_folder(folder: Path) -> dict[str, str]:
    return variables(PIP_NO_INDEX='1', PIP_FIND_LINKS=str(folder))


async def test_a_newer_one_is_installed_and_the_next_time_there_is_none(environment: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    python, environ = python_of(environment), from_folder(tmp_path / 'wheels')
    wheel(tmp_path / 'wheels', '2026.1', '2026a')
    await update_zone_data(lines.append, python=python, environ=environ)
    wheel(tmp_path / 'wheels', '2026.2', '2026b')

    newer = await update_zone_data(lines.append, python=python, environ=environ)
    again = await update_zone_data(lines.append, python=python, environ=environ)

    assert newer.message == 'tzdata 2026b is installed in place of 2026a. Restart Synapse to use it.'
    assert (newer.is_done, newer.has_changed) == (True, True)
    assert again.message == 'tzdata 2026b is installed, and there is no newer one.'
    assert (again.is_done, again.has_changed) == (True, False)
    assert any('Successfully installed tzdata-2026.2' in line for line in lines)


@pytest.mark.parametrize('is_installed', [False, True])  # pip exits with 0 if it is
async def test_without_a_network_that_is_said(environment: Path, tmp_path: Path, is_installed: bool) -> None:
    lines: list[str] = []
    pip = [python_of(environment), '-m', 'pip']
    if is_installed:
        path = wheel(tmp_path / 'wheels', '2026.1', '2026a')
        subprocess.run([*pip, 'install', '-q', '--no-index', '--no-deps', str(path)], check=True)
    else:
        subprocess.run([*pip, 'uninstall', '-q', '-y', 'tzdata'], check=True)
    environ = variables(PIP_INDEX_URL='http://127.0.0.1:9/simple', PIP_CONFIG_FILE=os.devnull)

    done = await update_zone_data(lines.append, python=python_of(environment), environ=environ)

    assert done.message == 'The package index cannot be reached. Check the network and its proxy, then try again.'
    assert not done.is_done
    assert lines


async def test_without_pip_there_is_a_way_out(tmp_path: Path) -> None:
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'bare')], check=True)

    done = await update_zone_data(print, python=python_of(tmp_path / 'bare'))

    assert done.message.startswith(f'There is no pip in {tmp_path / "bare"}. Run "')
    assert '-m ensurepip' in done.message


async def test_the_interpreter_of_the_system_is_left_alone() -> None:
    done = await update_zone_data(print, python=os.path.realpath(sys.executable))

    assert done.message.startswith('Synapse does not run in a virtual environment')


async def test_a_pip_that_hangs_is_stopped_with_its_children(environment: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as silent:  # takes connections, and never answers
        index = f'http://127.0.0.1:{silent.getsockname()[1]}/simple'
        environ = variables(PIP_INDEX_URL=index, PIP_CONFIG_FILE=os.devnull)

        done = await update_zone_data(print, python=python_of(environment), environ=environ, timeout=3)

    assert done.message == 'pip did not end within 3 seconds and was stopped. Check the network.'


async def test_an_interpreter_that_is_gone_is_named(tmp_path: Path) -> None:
    done = await update_zone_data(print, python=str(tmp_path / 'gone'))

    assert done.message.startswith(f'{tmp_path / "gone"} could not be run')
