"""Run command with real programs and scripts, in hosts that are spawned and in forked ones."""

import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.run_command import RunCommand
from synapse.engine.engine import LocalEngine
from synapse.pipelines.describe import validate_parameters
from tests.parts.hosts import WAYS, Bench, Heard, engine_of

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='programs of POSIX')


@pytest.fixture(params=WAYS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[LocalEngine]:
    engine = engine_of(request.param, f'test-{secrets.token_hex(6)}')
    await engine.start()
    yield engine
    await engine.close()


class Commands:
    """Runs commands as the API would: checked first, then in a host."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def run(self, **parameters: Any) -> Heard:
        checked = validate_parameters(RunCommand, parameters)
        assert checked['ok'], checked
        values = {'pipeline': 'RunCommand', 'file': None, 'origin': None, 'parameters': checked['parameters']}
        heard, _ = await self.bench.run('', **values)
        return heard

    async def in_shell(self, *words: str, **parameters: Any) -> Heard:
        return await self.run(**{'command': list(words), 'shell': True} | parameters)

    def script(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.bench.folder / 'my scripts' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        path.chmod(mode)
        return path


@pytest.fixture
def commands(engine: LocalEngine, tmp_path: Path) -> Commands:
    return Commands(Bench(engine, tmp_path))


def error_of(heard: Heard) -> dict[str, Any]:
    return next(dict(message['error'] or {}) for message in heard.messages if message['t'] == 'end')


def outputs_of(heard: Heard) -> list[str]:
    return [message['name'] for message in heard.messages if message['t'] == 'artifact']


def refused(**parameters: Any) -> str:
    checked = validate_parameters(RunCommand, parameters)
    assert not checked['ok'], checked
    return str(checked['fields']['command'])


# What is pasted


async def test_a_pasted_command_line_is_run_as_its_words(commands: Commands, tmp_path: Path) -> None:
    for name in ('from here', 'to'):
        (tmp_path / name).mkdir()
    (tmp_path / 'from here' / 'a.txt').write_text('abc')
    tool = shutil.which('rsync') or shutil.which('cp')

    heard = await commands.run(command=[f"{tool} -a '{tmp_path}/from here/.' {tmp_path}/to"])

    assert heard.end == 'succeeded'
    assert (tmp_path / 'to' / 'a.txt').read_text() == 'abc'


def test_the_words_of_a_pasted_command_line_are_its_parameters() -> None:
    checked = validate_parameters(RunCommand, {'command': ['$ rsync -a "/a b" /c']})

    assert checked['parameters']['command'] == ['rsync', '-a', '/a b', '/c']


def test_a_program_whose_name_has_a_blank_is_one_word(tmp_path: Path) -> None:
    program = tmp_path / 'my tool'
    program.write_text('#!/bin/sh\n')

    assert validate_parameters(RunCommand, {'command': [str(program)]})['parameters']['command'] == [str(program)]


@pytest.mark.parametrize(
    ('command', 'meant'),
    [
        (['true', '&&', 'false'], '“&&” is for a shell'),
        (['echo', 'a', '|', 'wc'], '“|” is for a shell'),
        (['echo a > b'], '“>” is for a shell'),
        (['ls *.txt'], '“*.txt” is for a shell'),
        (['cd', '/tmp'], 'the folder to start in'),
        (['~/x'], f'write {Path.home()}/x instead'),
        (['$HOME/x'], 'Only a shell replaces $HOME/x'),
        (['LANG=C ls'], 'LANG=C in front of a program'),
        (['cd /srv\n./sync.sh'], "“cd” isn't a program"),
        (['make a\nmake b'], 'Several lines are for a shell'),
    ],
)
def test_shell_syntax_is_refused_with_the_offer_of_a_shell(command: list[str], meant: str) -> None:
    text = refused(command=command)

    assert meant in text
    assert text.endswith('To run it with /bin/sh, set “shell” to true.')


def test_a_quote_without_end_is_named() -> None:
    assert refused(command=['echo "a b']) == 'The quote " is not closed.'


# A shell


async def test_a_text_for_a_shell_goes_into_a_private_script(commands: Commands) -> None:
    text = 'for n in 1 2; do echo "$n $GREETING"; done | sort -r\necho done > "$PWD"/report.csv'

    heard = await commands.in_shell(text, env={'GREETING': "it's"})

    assert heard.end == 'succeeded'
    assert [line for line in heard.printed if "it's" in line] == ["2 it's", "1 it's"]
    assert outputs_of(heard) == ['report.csv']
    (script,) = commands.bench.folder.glob('run*/command.sh')
    assert oct(script.stat().st_mode & 0o777) == '0o700'
    assert script.read_text().startswith('for n in 1 2')


async def test_words_with_operators_mean_to_a_shell_what_they_say(commands: Commands) -> None:
    heard = await commands.in_shell('echo', 'a b', '|', 'tr', 'a', 'c', '&&', 'echo', '$((1+1))')

    assert heard.printed[1:3] == ['c b', '2']


@pytest.mark.parametrize(
    ('text', 'is_warned'),
    [
        ('false | cat', True),
        ('false || echo "a | b"', False),
        ("bash -o pipefail -c 'true | cat'", False),
    ],
)
async def test_a_pipe_that_succeeds_warns_that_only_its_last_command_counts(
    commands: Commands, text: str, is_warned: bool
) -> None:
    heard = await commands.in_shell(text)

    assert heard.end == 'succeeded'
    assert any('A pipe succeeds if its last command does.' in line for line in heard.printed) is is_warned


# Scripts

HELLO = 'echo "hello from $PWD" $0'


@pytest.mark.parametrize('mode', [0o600, 0o700], ids=['plain', 'executable'])
@pytest.mark.parametrize('name', ['sync.sh', 'sync'], ids=['suffix', 'shebang'])
async def test_a_script_runs_in_its_folder(commands: Commands, name: str, mode: int) -> None:
    script = commands.script(name, HELLO if name == 'sync.sh' else f'#!/bin/sh -e\n{HELLO}\nfalse\n', mode)

    heard = await commands.run(script=str(script))

    assert f'hello from {script.parent} {script}' in heard.printed
    assert heard.end == ('succeeded' if name == 'sync.sh' else 'failed')


@pytest.mark.parametrize('pasted', ['"{}"', ' {} ', 'file://{url}', "'{}'"])
async def test_a_pasted_path_of_a_script_is_understood(commands: Commands, pasted: str) -> None:
    script = commands.script('sync.sh', 'echo hello')

    heard = await commands.run(script=pasted.format(script, url=str(script).replace(' ', '%20')))

    assert 'hello' in heard.printed


async def test_a_script_runs_where_it_is_told_to(commands: Commands, tmp_path: Path) -> None:
    heard = await commands.run(script=str(commands.script('sync.sh', 'pwd')), cwd=f'file://{tmp_path}')

    assert str(tmp_path) in heard.printed


WHO = 'import sys\nprint(sys.executable, sys.prefix)\n'


def python_environment(folder: Path) -> Path:
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', '--symlinks', str(folder)], check=True)
    return folder


@pytest.mark.parametrize('place', ['.venv', 'venv'])
async def test_python_without_a_first_line_is_run_by_the_environment_beside_it(commands: Commands, place: str) -> None:
    script = commands.script('train.py', WHO)
    environment = python_environment(script.parent / place)

    heard = await commands.run(script=str(script))

    assert f'{environment}/bin/python {environment}' in heard.printed


async def test_python_in_a_project_is_run_by_the_environment_at_its_root(commands: Commands) -> None:
    script = commands.script('project/src/jobs/train.py', WHO)
    root = script.parents[2]
    (root / 'pyproject.toml').touch()
    environment = python_environment(root / '.venv')

    assert f'{environment}/bin/python {environment}' in (await commands.run(script=str(script))).printed


async def test_the_environment_of_a_folder_above_is_not_used_outside_a_project(commands: Commands) -> None:
    script = commands.script('notes/train.py', WHO)
    environment = python_environment(script.parents[1] / '.venv')

    assert not any(str(environment) in line for line in (await commands.run(script=str(script))).printed)


async def test_python_is_never_that_of_synapse(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Path(sys.executable).parent
    assert sys.prefix != sys.base_prefix, 'these tests run in a virtual environment'
    monkeypatch.setenv('PATH', os.pathsep.join([str(ours), os.environ['PATH']]))
    script = commands.script('train.py', WHO, 0o700)

    heard = await commands.run(script=str(script))

    assert heard.end == 'succeeded'
    assert not any(sys.prefix in line for line in heard.printed)


@pytest.mark.parametrize(
    ('text', 'mode', 'what'),
    [
        ('#!/bin/sh\r\necho hello\r\n', 0o700, 'end as on Windows (CRLF)'),
        ('#!/usr/bin/env python3\r\nprint(1)\r\n', 0o600, 'end as on Windows (CRLF)'),
        (
            '#!/opt/no/such/ruby\nputs 1\n',
            0o700,
            'The first line of sync names /opt/no/such/ruby, which does not exist.',
        ),
    ],
)
async def test_a_first_line_that_cannot_work_is_explained(commands: Commands, text: str, mode: int, what: str) -> None:
    script = commands.script('sync', text, mode)

    error = error_of(await commands.run(script=str(script)))

    assert what in error['message']
    assert str(script) in error['hint']


async def test_a_program_that_is_executable_needs_no_first_line(commands: Commands, tmp_path: Path) -> None:
    program = tmp_path / 'my echo'
    shutil.copy2(shutil.which('echo') or '', program)

    assert (await commands.run(script=str(program))).end == 'succeeded'
    assert (await commands.run(script=str(commands.script('list', 'echo hello', 0o700)))).printed[1] == 'hello'


# Scripts as the first word of a command


@pytest.mark.parametrize('mode', [0o600, 0o700], ids=['plain', 'executable'])
@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('show.py', 'import sys\nprint("shown", *sys.argv[1:])\n'),
        ('show.sh', 'echo shown "$@"\n'),
        ('show', '#!/bin/sh\necho shown "$@"\n'),
    ],
)
@pytest.mark.parametrize('pasted', ['{path}', '{url}', './{name}'])
async def test_a_script_in_a_command_runs_as_in_its_own_field(
    commands: Commands, name: str, text: str, mode: int, pasted: str
) -> None:
    script = commands.script(name, text, mode)
    first = pasted.format(path=script, url=script.as_uri(), name=name)

    heard = await commands.run(command=[f"{shlex.quote(first)} one 'two three'"], cwd=str(script.parent))

    assert 'shown one two three' in heard.printed


@pytest.mark.parametrize(
    ('text', 'mode', 'what', 'hint'),
    [
        ('#!/bin/sh\r\necho hello\r\n', 0o700, 'end as on Windows (CRLF)', "sed -i 's/\\r$//' '{}'"),
        ('#!/bin/sh\r\necho hello\r\n', 0o600, 'end as on Windows (CRLF)', "sed -i 's/\\r$//' '{}'"),
        ('#!/opt/no/such/ruby\nputs 1\n', 0o700, 'names /opt/no/such/ruby, which does not exist.', '{}'),
        ('hello', 0o600, 'It is not known which program runs sync.', "chmod +x '{}',"),
    ],
)
async def test_a_script_in_a_command_that_cannot_run_is_explained(
    commands: Commands, text: str, mode: int, what: str, hint: str
) -> None:
    script = commands.script('sync', text, mode)

    error = error_of(await commands.run(command=[str(script), 'one']))

    assert what in error['message']
    assert hint.format(script) in error['hint']


async def test_a_folder_in_place_of_a_program_is_named(commands: Commands) -> None:
    for terminal in (False, True):
        error = error_of(await commands.run(command=['/tmp'], terminal=terminal))

        assert error['message'] == '/tmp is a folder, not a program.'
        assert 'chmod' not in error['hint']


# Programs that are not there


async def test_a_program_that_is_not_found_says_what_may_be_meant(commands: Commands) -> None:
    error = error_of(await commands.run(command=['ll-x', '/']))

    assert error['message'] == "The program 'll-x' was not found."
    assert 'alias' in error['hint']


@pytest.mark.parametrize(
    ('program', 'hint'),
    [
        ('cd', 'Give the folder to start in with cwd instead.'),
        ('~/x', f'Write {Path.home()}/x.'),
        ('$HOME/x', f'Write {Path.home()}/x.'),
        ('history', "run it with a shell: ['sh', '-c', '...']"),
        ('A=b', 'Give it with env instead.'),
    ],
)
async def test_a_step_that_calls_what_only_a_shell_knows_is_told_so(
    engine: LocalEngine, tmp_path: Path, program: str, hint: str
) -> None:
    heard, _ = await Bench(engine, tmp_path).run(f'run.shell([{program!r}])')

    assert hint in error_of(heard)['hint']


@pytest.mark.parametrize(
    ('text', 'mode', 'what', 'hint'),
    [
        ('echo hello', 0o600, 'is not executable.', "Try: chmod +x '{}'"),
        ('echo hello', 0o700, 'could not be started: Exec format error.', 'first line like #!/bin/sh'),
        ('#!/bin/sh\r\necho hello\r\n', 0o700, 'end as on Windows (CRLF)', "'{}'"),
    ],
)
async def test_a_step_that_calls_a_file_that_cannot_start_is_told_why(
    commands: Commands, text: str, mode: int, what: str, hint: str
) -> None:
    script = commands.script('sync', text, mode)

    heard, _ = await commands.bench.run(f'run.shell([{str(script)!r}])')

    assert what in error_of(heard)['message']
    assert hint.format(script) in error_of(heard)['hint']


# Files that are left


async def test_small_files_that_a_command_leaves_are_outputs(commands: Commands) -> None:
    text = """
    mkdir -p charts .cache; echo a,b > report.csv; echo x > charts/1.svg; echo x > .cache/x; echo x > .hidden
    ln -s /etc/passwd link; mkfifo pipe; truncate -s 30M big.iso
    exit 3
    """

    heard = await commands.in_shell(text)

    assert heard.end == 'failed'
    assert outputs_of(heard) == ['charts/1.svg', 'report.csv']
    assert any(line.startswith('Too large to be outputs: big.iso') for line in heard.printed)


@pytest.mark.parametrize(('outputs', 'expected'), [('none', []), ('all', ['a', 'big.iso'])])
async def test_which_files_are_outputs_is_a_choice(commands: Commands, outputs: str, expected: list[str]) -> None:
    heard = await commands.in_shell('echo > a; truncate -s 30M big.iso', outputs=outputs)

    assert outputs_of(heard) == expected


async def test_a_tree_of_files_is_left_alone(commands: Commands) -> None:
    heard = await commands.in_shell('for n in $(seq 60); do echo > "$n"; done')

    assert outputs_of(heard) == []
    assert 'It left 60 files in its folder, too many to be outputs' in heard.printed


async def test_files_in_a_folder_of_the_person_stay_there(commands: Commands, tmp_path: Path) -> None:
    (tmp_path / 'mine').mkdir()

    heard = await commands.run(command=['touch', 'here'], cwd=str(tmp_path / 'mine'))

    assert outputs_of(heard) == []
    assert (tmp_path / 'mine' / 'here').exists()


async def test_an_uploaded_script_starts_in_a_new_folder_and_leaves_outputs(commands: Commands) -> None:
    job = commands.bench.job('')
    script = Path(job['folder']) / 'inputs' / 'report.sh'
    script.parent.mkdir()
    script.write_text('echo a,b > report.csv')
    values = {'pipeline': 'RunCommand', 'file': None, 'origin': None, 'parameters': {'script': str(script)}}

    heard, _ = await commands.bench.run('', **{'id': job['id'], 'folder': job['folder']} | values)

    assert outputs_of(heard) == ['report.csv']
