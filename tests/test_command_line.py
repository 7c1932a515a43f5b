"""The command line: one sentence, the right exit code, never a traceback."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse.cli.queue import waits_of
from synapse.settings import Settings
from tests.parts.forked import forked
from tests.parts.harness import ROOT, SynapseUnderTest, wait_until


@pytest.fixture
def program(tmp_path: Path) -> Iterator[SynapseUnderTest]:
    """`python main.py` itself, with its imports."""
    program = SynapseUnderTest(tmp_path / 'data', '--workers', '2').start()
    yield program
    program.stop()


def synapse(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, 'main.py', *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | variables,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], code: int) -> None:
    assert done.returncode == code, done.stderr
    assert 'Traceback' not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    'arguments',
    [
        ['--port', '99999'],
        ['--port', 'x'],
        ['--workers', '0'],
        ['--nonsense'],
        ['--host', '0.0.0.0'],  # noqa: S104 - expected to be refused
        ['--allow-host', '*'],
        ['--trusted-proxy', 'nginx'],
        ['--base-path', '/a b'],
        ['--no-login', '--allow-host', 'synapse.example.com'],
        ['--no-login', '--trusted-proxy', '127.0.0.1'],
        ['open', '--at', '127.0.0.1:9000'],
        ['run'],
        ['run', 'Hello', '--set', 'no-equals-sign'],
        ['queue', 'pause', '--for', 'soon'],
        ['queue', 'pause', '--until', 'tomorrow'],
        ['queue', 'hold'],
        ['machines', 'drain'],
        ['machines', 'open', 'annex'],
        ['machines', 'show', 'annex'],
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = synapse('--data', str(tmp_path), *arguments)

    assert_one_sentence(done, 2)


def test_a_wrong_variable_is_named_like_its_flag(tmp_path: Path) -> None:
    done = synapse('--data', str(tmp_path), SYNAPSE_PORT='many')

    assert_one_sentence(done, 2)
    assert '--port' in done.stderr


def test_a_data_folder_that_cannot_be_written_is_exit_code_3(tmp_path: Path) -> None:
    in_the_way = tmp_path / 'file'
    in_the_way.write_text('not a folder')

    done = synapse('--data', str(in_the_way / 'data'), '--no-browser', '--port', '0')

    assert_one_sentence(done, 3)
    assert str(in_the_way) in done.stderr


def test_nicegui_gets_the_data_folder_before_it_is_imported(tmp_path: Path) -> None:
    program = """
import sys, types, main

def serve(settings):
    from nicegui.storage import Storage
    print(Storage.path)

sys.modules['pages.server'] = types.SimpleNamespace(serve=serve)
main.main(['--data', sys.argv[1]])
"""
    done = subprocess.run(
        [sys.executable, '-c', program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == str(tmp_path.resolve() / 'ui')


def test_a_busy_port_is_exit_code_5_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = synapse('--data', str(tmp_path / 'data'), '--no-browser', '--port', str(port))

    assert_one_sentence(done, 5)
    assert str(port) in done.stderr
    assert not (tmp_path / 'data' / 'runs.db').exists()


def test_a_second_instance_is_exit_code_4_and_names_the_first(program: SynapseUnderTest) -> None:
    done = synapse('--data', str(program.data), '--no-browser', '--port', '0')

    assert_one_sentence(done, 4)
    assert program.process is not None
    assert str(program.process.pid) in done.stderr
    assert program.url in done.stderr


def test_a_running_synapse_says_where_it_is_and_sigterm_ends_it_with_0(program: SynapseUnderTest) -> None:
    url_file = program.data / 'url'
    token_file = program.data / 'token'
    assert url_file.read_text() == program.url
    assert stat.S_IMODE(token_file.stat().st_mode) == 0o600

    code = program.stop()

    assert code == 0
    assert not url_file.exists()
    assert 'Traceback' not in ''.join(program.output)


def test_a_second_signal_stops_at_once(program: SynapseUnderTest) -> None:
    run = program.create_run('RunCommand', command=['sleep', '60'])
    program.wait_for_run(run['id'], 'running')
    assert program.process is not None

    program.process.send_signal(signal.SIGINT)
    wait_until(lambda: 'Stopping' in ''.join(program.output), timeout=20)
    program.process.send_signal(signal.SIGINT)

    assert program.process.wait(8) == 0  # less than the ten seconds that the step has


def test_sigterm_ends_it_even_if_nobody_reads_what_it_prints_any_more(tmp_path: Path) -> None:
    arguments = ['main.py', '--data', str(tmp_path / 'data'), '--port', '0', '--no-browser']
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith('Synapse is ready'):
            assert process.poll() is None
        process.stdout.readline()
        process.stdout.close()  # as `main.py | head` does, or a terminal that is closed

        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0


def test_open_prints_a_link_that_signs_in(program: SynapseUnderTest) -> None:
    done = synapse('open', '--print', '--data', str(program.data))

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(program.url)
    assert done.stdout.strip() != program.link


def test_a_printed_link_is_for_where_people_are(tmp_path: Path) -> None:
    names = 'https://synapse.example.com:8443, other.example.com'
    program = forked(tmp_path / 'data', '--base-path', 'room', '--workers', '1', SYNAPSE_ALLOW_HOST=names).start()
    try:
        given = synapse('open', '--print', '--data', str(program.data))
        at = synapse('open', '--at', 'http://127.0.0.1:9000/room', '--data', str(program.data))

        assert program.url == f'http://127.0.0.1:{program.port}/room/'
        assert program.link.startswith(f'{program.url}auth#')
        assert given.stdout.startswith('https://synapse.example.com:8443/room/auth#')
        assert at.stdout.startswith('http://127.0.0.1:9000/room/auth#')
        assert (program.data / 'url').read_text() == program.url
    finally:
        program.stop()


def test_who_asks_through_ssh_is_told_how_to_get_here(program: SynapseUnderTest) -> None:
    done = synapse('open', '--print', '--data', str(program.data), SSH_CONNECTION='192.0.2.1 50000 192.0.2.2 22')

    assert done.stdout.startswith(program.url)
    assert f'ssh -L {program.port}:127.0.0.1:{program.port}' in done.stderr


def test_open_and_run_say_so_when_nothing_runs(tmp_path: Path) -> None:
    for arguments in (['open'], ['run', 'Hello'], ['why', 'Hello', '2030-01-01 09:00'], ['answer', '1', 'yes']):
        done = synapse(*arguments, '--data', str(tmp_path))

        assert_one_sentence(done, 1)
        assert f'python main.py --data {tmp_path}' in done.stderr


def test_run_follows_the_log_and_exits_0_only_if_the_run_succeeded(program: SynapseUnderTest) -> None:
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        quoted = ', '.join(f'"{part}"' for part in command)
        return synapse('run', 'RunCommand', '--set', f'command=[{quoted}]', '--data', str(program.data))

    good = run('echo', 'hello from echo')
    bad = run('sh', '-c', 'exit 7')
    unknown = synapse('run', 'Nothing', '--data', str(program.data))

    assert good.returncode == 0, good.stderr
    assert 'hello from echo' in good.stdout
    assert bad.returncode == 1
    assert '7' in bad.stderr
    assert_one_sentence(unknown, 1)


ASKS = """
from pydantic import BaseModel
from synapse import Pipeline, Run, step

class Letter(BaseModel):
    to: str
    copies: int = 1

class Asks(Pipeline):
    @step
    def work(self, run: Run):
        run.log.info(run.ask('Publish this?', ['yes', 'no']))
        run.log.info(run.ask('Whom?', model=Letter).to)
"""


def test_answer_answers_the_question_of_a_run_by_its_number(program: SynapseUnderTest) -> None:
    program.write_pipeline('asks.py', ASKS)
    program.wait_for_pipeline('Asks')
    run = program.create_run('Asks')
    number = str(run['number'])

    def answer(text: str) -> subprocess.CompletedProcess[str]:
        return synapse('answer', number, text, '--data', str(program.data))

    def asks(text: str) -> bool:
        return (program.run(run['id'])['question'] or {}).get('text') == text

    wait_until(lambda: asks('Publish this?'), timeout=30)
    wrong, right = answer('maybe'), answer('yes')
    wait_until(lambda: asks('Whom?'), timeout=30)
    unread, form = answer('anna'), answer('{"to": "anna"}')
    done = program.wait_for_run(run['id'])
    late = answer('yes')

    assert (wrong.returncode, wrong.stderr.count('one of these: yes, no')) == (1, 1)
    assert right.stdout == f'Run #{number} has its answer.\n'
    assert '{"to": "...", "copies": 1}' in unread.stderr
    assert form.returncode == 0, form.stderr
    assert [given['answer'] for given in done['answers']] == ['yes', {'to': 'anna', 'copies': 1}]
    assert_one_sentence(late, 1)


def test_the_queue_is_paused_for_a_time_drained_and_resumed(program: SynapseUnderTest) -> None:
    paused = synapse('queue', 'pause', '--for', '15m', '--because', 'a new disk', '--data', str(program.data))
    drained = synapse('queue', 'drain', '--data', str(program.data))
    shown = synapse('queue', '--data', str(program.data))
    resumed = synapse('queue', 'resume', '--data', str(program.data))

    assert re.fullmatch(
        r'Paused until \w+ \d+ \w+ \d\d:\d\d by a program: a new disk. 0 running, 0 waiting.\n', paused.stdout
    )
    assert drained.stdout == shown.stdout == 'Drained by a program. 0 running, 0 waiting.\n'
    assert resumed.stdout == 'Open. 0 running, 0 waiting.\n'
    assert {answer.returncode for answer in (paused, drained, shown, resumed)} == {0}


def test_a_screen_that_paused_the_queue_is_said_in_the_language_of_the_terminal(program: SynapseUnderTest) -> None:
    with program.api as api:
        api.post('/queue/stop', json={'because': 'the page'}).raise_for_status()

    done = synapse('queue', '--data', str(program.data), SYNAPSE_LANGUAGE='pt-BR')

    assert done.stdout.startswith('Pausada: página. '), done.stderr


def test_why_answers_for_an_event_by_its_name_or_id(program: SynapseUnderTest) -> None:
    plan = {'start': '2030-03-04T09:00:00', 'timezone': 'Europe/Berlin', 'rrule': 'FREQ=DAILY'}
    what = {'title': 'Weekly letters', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
    with program.api as api:
        event = api.post('/scheduler/create', json=plan | what).raise_for_status().json()

    def why(*arguments: str) -> subprocess.CompletedProcess[str]:
        return synapse('why', *arguments, '--data', str(program.data))

    by_name, by_id = why('Weekly letters', '2030-03-05 09:00'), why(event['id'], '2030-03-05T08:00:00Z')
    unknown, unread = why('Nothing', '2030-03-05 09:00'), why(event['id'], 'soon')
    in_capitals, similar = why('WEEKLY LETTERS', '2030-03-05 09:00'), why('weekly leters', '2030-03-05 09:00')

    answer = 'It is planned and runs Tue 5 March 2030 09:00. Times are Berlin time.\n'
    assert by_name.stdout == by_id.stdout == in_capitals.stdout == answer
    assert 'No event is called weekly leters. Did you mean Weekly letters?' in similar.stderr
    assert (by_name.returncode, by_id.returncode, unread.returncode) == (0, 0, 1)
    assert_one_sentence(unknown, 1)
    assert 'Traceback' not in unread.stderr


def test_an_empty_path_is_a_missing_value_and_is_said_once(program: SynapseUnderTest, tmp_path: Path) -> None:
    def run(pipeline: str, *values: str) -> subprocess.CompletedProcess[str]:
        options = [part for value in values for part in ('--set', value)]
        return synapse('run', pipeline, *options, '--data', str(program.data))

    empty = run('BackupFolder', 'folder=')
    wrong = run('BackupFolder', f'folder={tmp_path / "none"}', 'keep=0')

    assert empty.returncode == 1
    assert empty.stderr == 'These values do not fit BackupFolder.\n  folder: A value is needed here.\n'
    assert wrong.stderr.count('There is no folder at') == wrong.stderr.count('Must be 1 or more.') == 1
    with program.api as api:
        assert api.get('/runs').json()['runs'] == []


def test_an_active_environment_is_left_alone_and_the_command_is_printed(tmp_path: Path) -> None:
    venv.create(tmp_path / 'empty', with_pip=False)
    python = tmp_path / 'empty' / ('Scripts' if os.name == 'nt' else 'bin') / 'python'

    done = subprocess.run([str(python), 'main.py'], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert_one_sentence(done, 2)
    assert 'pip install' in done.stderr


def test_the_readme_lists_every_flag_and_its_variable() -> None:
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    shown = set(re.findall(r'^\| `--([a-z-]+)` \| `SYNAPSE_([A-Z_]+)`', readme, flags=re.MULTILINE))

    offered = {name for name in Settings.model_fields if name not in ('max_upload_bytes', 'min_free_bytes')}
    assert shown == {(name.replace('_', '-'), name.upper()) for name in offered}


def test_a_calendar_is_printed_as_a_crontab(program: SynapseUnderTest) -> None:
    values = {'pipeline': 'RunCommand', 'rrule': 'FREQ=DAILY', 'start': '2026-01-01T03:30:00'}
    with program.api as api:
        api.post('/scheduler/create', json={**values, 'parameters': {'command': ['date', '+%F']}, 'title': 'Äpfel'})

    done = synapse('crontab', '--data', str(program.data))

    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines()[-2:] == ['# Äpfel', '30 3 * * * cd "$(mktemp -d)" || exit; date +\\%F']


def test_a_crontab_needs_a_control_room(tmp_path: Path) -> None:
    assert_one_sentence(synapse('crontab', '--data', str(tmp_path)), 1)


PORTUGUESE = {'LC_ALL': 'pt_BR.UTF-8'}


def test_help_is_in_the_language_of_the_machine() -> None:
    done = synapse('run', '--help', **PORTUGUESE)

    assert done.returncode == 0
    assert done.stdout.startswith('uso: python main.py run [-h]')
    for words in (
        'argumentos posicionais:',
        'opções:',
        'mostrar esta mensagem de ajuda e sair',
        'um parâmetro; pode ser',
    ):
        assert words in ' '.join(done.stdout.split())
    assert not re.search(r'\b(?:usage|options|default|the)\b', done.stdout)


@pytest.mark.parametrize(
    ('command', 'own', 'others'),
    [
        ('restore', '--replace', '--port'),
        ('run', '--set', '--tls-cert'),
        ('open', '--native', '--cluster'),
        ('worker', '--offer', '--no-browser'),
    ],
)
def test_the_help_of_a_command_shows_its_own_flags_only(command: str, own: str, others: str) -> None:
    shown = synapse(command, '--help').stdout

    assert {'--data', '--language', own} <= {*re.findall(r'--[a-z-]+', shown)}
    assert others not in shown


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (['restore', '/nope'], 'There is no file at /nope. Name a backup: a .tar.gz that the Settings page has made.'),
        (['restore', '/'], '/ is a folder. Name a backup: a .tar.gz that the Settings page has made.'),
        (['restore'], 'The following arguments are required: FILE. Try: python main.py restore --help'),
        (
            ['--language', 'xx'],
            "--language: There are no texts in the language 'xx' yet. "
            'Choose en (English) or pt-BR (Português (Brasil)). Try: python main.py --help',
        ),
    ],
)
def test_a_wrong_argument_is_told_with_what_to_do(arguments: list[str], sentence: str) -> None:
    done = synapse(*arguments)

    assert (done.stdout, done.stderr.strip()) == ('', sentence)
    assert done.returncode in (1, 2)


def test_a_command_takes_the_flags_that_its_help_leaves_out(tmp_path: Path) -> None:
    assert_one_sentence(synapse('crontab', '--data', str(tmp_path), '--port', '8001', '--no-browser'), 1)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--port', '99999'], '--port: Deve ser 65535 ou menos. Experimente: python main.py --help'),
        (['--nonsense'], 'Argumentos desconhecidos: --nonsense. Experimente: python main.py --help'),
        (['--tls-cert', '/nowhere/x'], '--tls-cert: Não é possível ler /nowhere/x: O arquivo ou a pasta não existe.'),
    ],
)
def test_a_mistake_is_told_in_the_language_of_the_machine(arguments: list[str], words: str) -> None:
    done = synapse(*arguments, **PORTUGUESE)

    assert_one_sentence(done, 2)
    assert words in done.stderr


def test_runs_that_wait_for_the_same_are_told_in_one_line() -> None:
    runs = [{'number': number, 'waits_for': 'a machine with gpu 1'} for number in range(1, 8)]

    told = waits_of([{'number': 9, 'waits_for': '2 GB of space'}, {'number': 8}, *runs[::-1]])

    assert told == [
        'Runs #1, #2, #3, #4, #5 and others wait for a machine with gpu 1.',
        'Run #9 waits for 2 GB of space.',
    ]
