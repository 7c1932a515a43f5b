"""The handler for other programs: everything arrives once and in order, and the program is never disturbed."""

import ast
import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from synapse import logging_handler
from synapse.api.limits import Rate
from synapse.control_room import ControlRoom
from synapse.log.log import Entry
from synapse.logging_handler import SynapseHandler
from synapse.settings import default_data_folder
from tests.parts.api_room import api_room, client_of, gated
from tests.parts.harness import SynapseUnderTest, wait_until
from tests.parts.serving import served

pytestmark = pytest.mark.asyncio(loop_scope='module')

FILE = Path(logging_handler.__file__)


@pytest_asyncio.fixture(scope='module', loop_scope='module')
async def room(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlRoom]:
    async with api_room(tmp_path_factory.mktemp('handler') / 'data') as room:
        yield room


@pytest_asyncio.fixture(loop_scope='module')
async def data(room: ControlRoom) -> AsyncIterator[Path]:
    """The data folder of a running room."""
    async with served(lambda port: gated(room, port)) as authority:
        (room.settings.data / 'url').write_text(f'http://{authority}/\n')
        yield room.settings.data


@pytest.fixture
def logger(request: pytest.FixtureRequest) -> Iterator[logging.Logger]:
    logger = logging.Logger(f'test.{request.node.name}'[:100], logging.DEBUG)
    yield logger
    for handler in logger.handlers:
        handler.close()


async def logged(room: ControlRoom, source: str) -> list[Entry]:
    return await room.log.query(source=source, oldest_first=True, limit=20_000)


async def sent(handler: SynapseHandler) -> None:
    assert await asyncio.to_thread(handler._sender.flush, 20), handler.trouble


async def test_a_record_becomes_an_entry_with_all_it_has(room: ControlRoom, data: Path, logger: logging.Logger) -> None:
    handler = SynapseHandler(data=data)
    logger.addHandler(handler)
    began = time.time()

    logger.debug('quiet')
    logger.log(25, 'made %s of %s', 3, 4, extra={'user': 'Ada', 'tries': [1, {'ok': True}]})
    try:
        raise ValueError('no such luck')
    except ValueError:
        logger.exception('it broke')
    logger.critical('')
    await sent(handler)

    quiet, made, broke, empty = await logged(room, logger.name)
    assert [entry.level.value for entry in (quiet, made, broke, empty)] == ['debug', 'success', 'error', 'critical']
    assert (made.message, made.fields) == ('made 3 of 4', {'user': 'Ada', 'tries': [1, {'ok': True}]})
    assert (broke.message, [*broke.fields]) == ('it broke', ['traceback'])
    assert broke.fields['traceback'].endswith('ValueError: no such luck')
    assert began - 1 < made.timestamp.timestamp() < time.time() + 1
    assert handler.trouble is None


class _Stubborn:
    def __str__(self) -> str:
        raise RuntimeError('no')


async def test_nothing_is_too_odd_to_be_sent(room: ControlRoom, data: Path, logger: logging.Logger) -> None:
    handler = SynapseHandler(data=data, source='odd program', level='INFO')
    logger.addHandler(handler)
    endless: list[Any] = []
    endless.append(endless)

    logger.debug('below the level')
    logger.info('half \ud800 NUL \0', extra={'nan': float('nan'), 'huge': 10**40, 'own': _Stubborn(), 'loop': endless})
    logger.info('y' * 1_000_000, extra={'many': [['x' * 100] * 1000] * 1000, 'text': 'ü' * 100_000})
    logger.info('last', extra={7: {8: {9: 10}}})  # type: ignore[dict-item]
    await sent(handler)

    odd, long, last = await logged(room, 'odd program')
    assert odd.message == 'half \\ud800 NUL \0'
    assert (odd.fields['nan'], odd.fields['huge'], odd.fields['own']) == ('nan', str(10**40), '<_Stubborn>')
    assert (len(long.message), long.fields['cut']) == (16_384, 1_000_000)
    assert long.fields['is_cut'] is True
    assert last.fields == {'7': {'8': {'9': 10}}, 'logger': logger.name}


async def test_while_synapse_is_unreachable_the_oldest_are_dropped_and_one_line_says_how_many(
    room: ControlRoom, data: Path, logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging_handler, 'MOST_LINES', 50)
    monkeypatch.setattr(logging_handler, '_BATCH_LINES', 10)
    (tmp_path / 'token').write_text((data / 'token').read_text())
    handler = SynapseHandler(data=tmp_path, exit_seconds=60)
    logger.addHandler(handler)
    notices = len(await logged(room, 'logging_handler'))

    for number in range(10):
        logger.info('%s', number)
    began = time.monotonic()
    await asyncio.to_thread(handler.flush)
    for number in range(10, 200):
        logger.info('%s', number)
    assert time.monotonic() - began < 20  # one attempt, not sixty seconds
    assert 'is not running' in str(handler.trouble)
    (tmp_path / 'url').write_text((data / 'url').read_text())
    await sent(handler)

    numbers = [int(entry.message) for entry in await logged(room, logger.name)]
    assert numbers == [*range(10), *range(150, 200)]
    assert [entry.fields for entry in await logged(room, 'logging_handler')][notices:] == [{'dropped': 140}]


async def test_a_handler_that_has_to_wait_waits_and_loses_nothing(
    room: ControlRoom, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.api.limits.LOG_ENTRIES', Rate(1_000, 100))
    monkeypatch.setattr(logging_handler, '_BATCH_LINES', 60)
    async with served(lambda port: gated(room, port)) as authority:
        handler = SynapseHandler(f'http://{authority}', room.auth.token)
        logger.addHandler(handler)
        for number in range(120):
            logger.info('%s', number)
        began = time.monotonic()
        await sent(handler)

    assert time.monotonic() - began > 0.9  # Retry-After is in whole seconds
    assert [int(entry.message) for entry in await logged(room, logger.name)] == [*range(120)]


async def test_a_line_that_is_refused_holds_up_no_other(room: ControlRoom, data: Path, logger: logging.Logger) -> None:
    right, wrong = SynapseHandler(data=data), SynapseHandler(data=data, run='x7')
    wrong._sender = right._sender
    logger.addHandler(right)
    other = logging.Logger(logger.name)
    other.addHandler(wrong)

    logger.info('before')
    other.info('of a run that is not there')
    logger.info('after')
    await sent(right)

    assert [entry.message for entry in await logged(room, logger.name)] == ['before', 'after']
    notice = (await logged(room, 'logging_handler'))[-1]
    assert "No run has the id 'x7'" in notice.message
    assert notice.fields == {'dropped': 1}


async def test_the_same_request_again_logs_nothing_again(room: ControlRoom, data: Path) -> None:
    async with client_of(room, (data / 'url').read_text().strip().removeprefix('http://').rstrip('/')) as api:
        line = [{'level': 'info', 'message': 'once', 'source': 'idempotent'}] * 3
        first, again = [await api.post('/logs', json=line, headers={'Idempotency-Key': 'k1'}) for _ in range(2)]
        other = await api.post('/logs', json=line, headers={'Idempotency-Key': 'k2'})

    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (201, first.json())
    assert len(await logged(room, 'idempotent')) == 6
    assert other.json()[0]['seq'] > first.json()[-1]['seq']


# In programs of their own, which have only this one file


async def program(folder: Path, text: str, *arguments: str, given: str = '') -> subprocess.CompletedProcess[str]:
    """Run a program with a copy of the handler and no installed packages."""
    (folder / 'copied.py').write_bytes(FILE.read_bytes())
    (folder / 'program.py').write_text(text)
    command = [sys.executable, '-S', '-E', str(folder / 'program.py'), *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=30, check=False, input=given
    )
    assert isinstance(done, subprocess.CompletedProcess)
    return done


FORKS = """
import logging, multiprocessing, os, sys
from copied import SynapseHandler
logging.basicConfig(level='INFO', handlers=[SynapseHandler(data=sys.argv[1], source=sys.argv[2])])
logging.info('parent before')
pid = os.fork()
if pid == 0:
    logging.info('child')
    logging.shutdown()
    os._exit(0)
os.waitpid(pid, 0)
child = multiprocessing.get_context('fork').Process(target=logging.info, args=['worker'])
child.start()
child.join()
logging.info('parent after')
"""


async def test_each_process_of_a_program_that_forks_logs_its_own_lines_once(
    room: ControlRoom, data: Path, tmp_path: Path
) -> None:
    done = await program(tmp_path, FORKS, str(data), 'forks')

    assert (done.returncode, done.stderr) == (0, '')
    messages = [entry.message for entry in await logged(room, 'forks')]
    assert sorted(messages) == ['child', 'parent after', 'parent before', 'worker']


AWAY = """
import logging, sys
from copied import SynapseHandler
logging.basicConfig(level='INFO', handlers=[SynapseHandler(data=sys.argv[1], exit_seconds=60)])
logging.info('into the void')
"""


async def test_a_program_ends_soon_without_a_running_synapse_and_reports_what_was_not_sent(tmp_path: Path) -> None:
    began = time.monotonic()

    done = await program(tmp_path, AWAY, str(tmp_path / 'nothing'))

    assert time.monotonic() - began < 20
    assert done.returncode == 0
    assert done.stderr.startswith('1 log lines did not reach Synapse: Synapse is not running')


async def test_lines_are_sent_from_a_command_line(room: ControlRoom, data: Path, tmp_path: Path) -> None:
    text = 'import copied, sys\nsys.exit(copied.main())'
    place = ['--data', str(data), '--source', 'shell']

    said = await program(tmp_path, text, *place, '--level', 'success', 'It', 'works')
    piped = await program(tmp_path, text, *place, given=''.join(f'{number}\n' for number in range(2500)))
    lost = await program(tmp_path, text, '--data', str(tmp_path), 'x')

    entries = await logged(room, 'shell')
    assert (said.returncode, piped.returncode, lost.returncode) == (0, 0, 1)
    assert (entries[0].message, entries[0].level) == ('It works', 'success')
    assert [entry.message for entry in entries[1:]] == [str(number) for number in range(2500)]


async def test_the_file_needs_nothing_newer_than_it_states(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = ast.parse(FILE.read_text(), feature_version=(3, 9))

    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).split('.')[0] for name in imported} <= sys.stdlib_module_names
    assert logging_handler._default_data_folder() == default_data_folder()
    monkeypatch.setenv('XDG_DATA_HOME', '/elsewhere')
    assert logging_handler._default_data_folder() == default_data_folder()


async def test_every_line_arrives_although_synapse_is_killed_and_comes_back_elsewhere(
    program: SynapseUnderTest, logger: logging.Logger
) -> None:
    handler = SynapseHandler(data=program.data, source='survivor')
    logger.addHandler(handler)

    def talk() -> None:
        for number in range(3_000):
            logger.info('%s', number)
            if number % 10 == 0:
                time.sleep(0.001)

    talking = threading.Thread(target=talk)
    talking.start()
    with program.api as api:
        wait_until(lambda: bool(api.get('/logs', params={'source': 'survivor'}).json()['next']), timeout=20)
    await asyncio.to_thread(program.kill9)
    await asyncio.to_thread(program.start)
    talking.join()
    await sent(handler)

    with httpx.Client(headers={'Authorization': f'Bearer {program.token}'}) as api:
        lines = api.get(f'{program.url}api/v1/logs/export', params={'source': 'survivor', 'format': 'jsonl'}).text
    numbers = [int(json.loads(line)['message']) for line in lines.splitlines()]
    assert [*dict.fromkeys(numbers)] == [*range(3_000)]
    assert len(numbers) - 3_000 <= 1_000  # lines being sent when it was killed may arrive twice
