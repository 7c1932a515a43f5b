"""What the program does before its first answer. A list of modules rather than a clock: each has its reason."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.harness import ROOT

# Waits in the same process until the program says where it is, asks for a page, and prints what was imported for it.
# What would be imported a second later never is; or, without a path to ask for, is waited for.
PROGRAM = """
import gc, os, socket, sys, threading, time, types
from pathlib import Path

import main

data, path = Path(sys.argv[1]), sys.argv[2]
LATE = {'pages.shell.other_pages', 'synapse.api.rest.app', 'synapse.builtin.publish_video'}


def serve(settings):
    del sys.modules['pages.server']
    import pages.server

    pages.server.REST_AFTER_SECONDS = 600 if path else 0
    return pages.server.serve(settings)


def ask():
    while not (data / 'url').exists():
        time.sleep(0.01)
    while not path and not LATE <= sys.modules.keys():
        time.sleep(0.01)
    url, token = (data / 'url').read_text(), (data / 'token').read_text().strip()
    authority = url.split('/')[2]
    host, _, port = authority.partition(':')
    with socket.create_connection((host, int(port))) as connection:
        head = f'GET {path} HTTP/1.1\\r\\nHost: {authority}\\r\\nAuthorization: Bearer {token}\\r\\nConnection: close'
        connection.sendall(f'{head}\\r\\n\\r\\n'.encode())
        answer = b''.join(iter(lambda: connection.recv(65536), b''))
    print('STATUS', answer.split()[1].decode(), gc.isenabled(), gc.get_freeze_count() > 0, len(collections))
    print('MODULES', *sys.modules, flush=True)
    os._exit(0)


collections = []
gc.callbacks.append(lambda phase, info: collections.append(info) if info['generation'] == 2 else None)
threading.Thread(target=ask, daemon=True).start()
sys.modules['pages.server'] = types.SimpleNamespace(serve=serve)
main.main(['--data', str(data), '--port', '0', '--no-browser'])
"""

NICEGUI = """
import sys, main
with main._hidden('aiohttp', 'requests'):
    import nicegui
print('MODULES', *sys.modules)
"""

# Installed packages that the program needs before its first answer, beyond those that NiceGUI needs itself.
NEEDED = {
    'babel': 'how a language writes dates and numbers',
    'apscheduler': 'occurrences are armed before anything is shown',
    'cython_runtime': 'made by uvloop, which is built with Cython',
    'dateutil': 'what was missed is accounted for, by the rules',
    'six': 'dateutil before 3.0, which the extra s3 still asks for',
    'tzdata': 'the newest zones, see `synapse.zone_data`',
    'tzlocal': 'the zone of the calendar is that of the machine',
    'filelock': 'the folder is locked before anything is read',
    'pages': 'the first page',
    'platformdirs': 'where the data folder is',
    'psutil': 'how busy the machine is',
    'regex': 'searches of the log',
    'storage': 'the data folder',
    'synapse': 'the control room',
    'tinydb': 'events, profiles and settings',
    'uvloop': 'the event loop',
    'httptools': 'the HTTP parser',
    'websockets': 'the sockets of pages',
}

# Parts of ours that have to wait until after the first page.
LATE = {
    'pages.shell.other_pages': 'imported when one of them is shown',
    'synapse.api.rest.app': 'built for the first call of a program',
    'synapse.ical.reading': 'calendar files are imported by the API and the Settings page',
    'icalendar': 'likewise',
    'synapse.builtin.publish_video': 'described from the file of the last start',
    'synapse.media.probe': 'for runs, and for the checks of their parameters',
    'synapse.archives.packing': 'likewise',
    'httpx': 'destinations only',
    'aiohttp': 'for clients of Socket.IO, which a server is not',
    'requests': 'likewise',
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of an earlier start."""
    folder = tmp_path_factory.mktemp('start') / 'data'
    started(folder, '/')
    return folder


def test_the_first_page_is_there_before_what_it_does_without(folder: Path) -> None:
    status, modules = started(folder, '/')

    assert status[0] == '200'
    assert {name: why for name, why in LATE.items() if name in modules} == {}


def test_a_call_of_a_program_is_answered_at_once(folder: Path) -> None:
    status, modules = started(folder, '/api/v1/status')

    assert status[0] == '200'
    assert 'synapse.api.rest.app' in modules
    assert modules.isdisjoint(LATE.keys() - {'synapse.api.rest.app'})


def test_the_rest_is_imported_without_being_asked_for(folder: Path) -> None:
    _, modules = started(folder, '')

    assert {'pages.shell.other_pages', 'synapse.api.rest.app', 'synapse.builtin.publish_video'} <= modules


def test_each_package_that_the_start_needs_has_its_reason(folder: Path) -> None:
    _, modules = started(folder, '/')
    needed, of_nicegui = ({name.partition('.')[0] for name in names} for names in (modules, imported(NICEGUI)))

    new = {name for name in needed - of_nicegui if not name.startswith('_cython')}
    assert new - sys.stdlib_module_names - set(NEEDED) == set()


def test_the_start_looks_for_no_garbage_and_the_program_does(folder: Path) -> None:
    status, _ = started(folder, '/')

    _, is_enabled, is_frozen, collections = status
    assert (is_enabled, is_frozen, collections) == ('True', 'True', '0')


@pytest.mark.parametrize('arguments', [['--help'], ['open', '--print'], ['run', 'RunCommand']])
def test_a_client_imports_no_server(arguments: list[str], tmp_path: Path) -> None:
    program = (
        f'import sys, atexit, main; atexit.register(lambda: print("MODULES", *sys.modules)); main.main({arguments})'
    )
    modules = imported(program, SYNAPSE_DATA=str(tmp_path))

    assert modules.isdisjoint({'nicegui', 'fastapi', 'uvicorn', 'httpx', 'synapse.control_room', 'asyncio'})
    assert ('pydantic' in modules) == (arguments != ['--help'])


def started(folder: Path, path: str) -> tuple[list[str], set[str]]:
    """Start the program, ask it for one path, and return what it says and which modules it imported."""
    (folder / 'url').unlink(missing_ok=True)
    lines = printed(PROGRAM, str(folder), path)
    status = next(line for line in lines if line.startswith('STATUS')).split()[1:]
    return status, next(set(line.split()[1:]) for line in lines if line.startswith('MODULES'))


def imported(program: str, **variables: str) -> set[str]:
    return next(set(line.split()[1:]) for line in printed(program, **variables) if line.startswith('MODULES'))


def printed(program: str, *arguments: str, **variables: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, '-c', program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | variables,
    )
    assert 'MODULES' in done.stdout, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(('flags', 'is_kept'), [([], True), (['-B'], False)])
def test_a_variable_of_the_machine_does_not_cost_each_start_its_bytecode(
    flags: list[str], is_kept: bool, tmp_path: Path
) -> None:
    variables = {name: value for name, value in os.environ.items() if name != 'PYTHONDONTWRITEBYTECODE'}
    variables['PYTHONPYCACHEPREFIX'] = str(tmp_path)
    if not flags:
        variables['PYTHONDONTWRITEBYTECODE'] = '1'

    subprocess.run(
        [sys.executable, *flags, 'main.py', '--help'], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, check=True
    )

    assert any(tmp_path.rglob('arguments.*.pyc')) == is_kept


def test_its_own_environment_is_entered_at_once(tmp_path: Path) -> None:
    environment = tmp_path / '.venv'
    python = environment / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    python.parent.mkdir(parents=True)
    python.touch()
    program = f"""
import sys
sys.path = [path for path in sys.path if 'site-packages' not in path]
sys.prefix = sys.base_prefix
import main
main.OWN_ENVIRONMENT = main.Path({str(environment)!r})
main._stamp('').touch()
main._start_again = lambda python: sys.exit(print('ENTERED', python) or print('MODULES', *sys.modules))
main.ensure_packages()
"""
    lines = printed(program)

    assert f'ENTERED {python}' in lines
    assert 'importlib.metadata' not in lines[-1].split()


@pytest.mark.parametrize(
    ('names', 'said'),
    [('dask', '1 package is here; unpacking it ...'), ('dask, toolz', '2 packages are here; unpacking them ...')],
)
def test_packages_are_counted_without_any_package(names: str, said: str) -> None:
    program = f"""
import sys
sys.path = [path for path in sys.path if 'site-packages' not in path]
import main
main._run_pip([sys.executable, '-c', 'print("Installing collected packages: {names}")'])
print('MODULES', *sys.modules)
"""
    lines = printed(program)

    assert lines[0] == said
    assert 'babel' not in lines[-1].split()
