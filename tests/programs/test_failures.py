"""A failed run says why in the words of its program: in its error, its alert and the runs list, with the row linked."""

import os
import sys
from pathlib import Path

import pytest

from pages.runs.run_words import state_in_list
from synapse.log.messages import LinesLogged
from tests.parts.api_room import run_in
from tests.parts.program_runs import Programs, Ran, need, python_program

PYTHON = sys.executable


def assert_said(programs: Programs, ran: Ran, words: str, *, step: str = 'execute') -> None:
    """The error of the run, its step, its alert and its words in the list have these, and the linked row too."""
    error = ran.run.error
    assert ran.state == 'failed'
    assert error is not None
    assert words in error.message
    assert words in error.reason
    assert next(item for item in ran.run.steps if item.name == step).error == error
    assert [entry.message for entry in ran.entries if entry.seq == error.seq and words in entry.message]
    [alert] = programs.room.alerts
    assert words in alert.text
    assert words in state_in_list(programs.room, ran.run)
    assert not [entry.message for entry in ran.entries if 'The last lines of ' in entry.message]
    assert words in ran.entries[-1].message  # Run #1 has failed in EXECUTE after 1.0 s: ...


async def test_restic_with_a_wrong_password(programs: Programs, tmp_path: Path) -> None:
    need('restic')
    env = {'RESTIC_REPOSITORY': str(tmp_path / 'repository'), 'RESTIC_PASSWORD': 'right', 'HOME': str(tmp_path)}
    assert (await programs.run('restic', 'init', env=env)).state == 'succeeded'

    ran = await programs.run('restic', 'snapshots', env=env | {'RESTIC_PASSWORD': 'wrong'})

    assert_said(programs, ran, 'Fatal: wrong password or no key found')
    assert ran.error.startswith('restic ended with exit code ')
    assert 'last lines of' not in ran.error


async def test_yt_dlp_on_a_page_that_is_missing(programs: Programs, website: tuple[str, Path]) -> None:
    need('yt_dlp')
    address, _ = website

    ran = await programs.run(*python_program('yt_dlp', f'{address}gone'))

    assert_said(programs, ran, 'HTTP Error 404')


async def test_a_module_that_is_missing(programs: Programs, tmp_path: Path) -> None:
    script = tmp_path / 'sync.py'
    script.write_text('import nothing_like_this\n')

    ran = await programs.run(PYTHON, str(script))

    assert_said(programs, ran, "ModuleNotFoundError: No module named 'nothing_like_this'")


@pytest.mark.parametrize(
    ('program', 'command', 'words'),
    [
        ('rsync', ['rsync', '-a', '/nope/', './out/'], 'change_dir "/nope" failed: No such file or directory'),
        ('curl', ['curl', '-f', '-o', 'x', '{site}gone'], 'curl: (22) The requested URL returned error: 404'),
        ('curl', ['curl', 'http://127.0.0.1:1/'], 'curl: (7) Failed to connect'),
        ('wget', ['wget', '{site}gone'], 'ERROR 404'),
        ('git', ['git', '-C', '/', 'log'], 'fatal: not a git repository'),
        ('borg', ['borg', 'list', '/nope'], 'Repository /nope does not exist'),
        ('ffmpeg', ['ffmpeg', '-i', '/nope.mp4', 'x.mp4'], '/nope.mp4: No such file or directory'),
        ('make', ['make', 'nothing'], "No rule to make target 'nothing'"),
        ('dd', ['dd', 'if=/nope'], "dd: failed to open '/nope': No such file or directory"),
        ('pv', ['pv', '/nope'], '/nope: No such file or directory'),
        ('pip', [PYTHON, '-m', 'pip', 'install', '--no-index', 'nothing-like-this'], 'ERROR: No matching distribution'),
        ('tqdm', [PYTHON, '-m', 'tqdm', '--nope'], 'nope'),
    ],
)
async def test_a_real_program_says_why(
    programs: Programs, website: tuple[str, Path], program: str, command: list[str], words: str
) -> None:
    need(program)

    ran = await programs.run(*(word.replace('{site}', website[0]) for word in command), env={'LC_ALL': 'C.UTF-8'})

    assert_said(programs, ran, words)


async def test_a_command_that_the_shell_cannot_find(programs: Programs) -> None:
    ran = await programs.run('bash', '-c', 'no-such-program-here')

    assert_said(programs, ran, 'no-such-program-here: command not found')
    assert 'A program that it calls was not found.' in ran.error


async def test_where_nothing_says_why_the_code_does(programs: Programs) -> None:
    silent = await programs.run('sh', '-c', 'echo "all done, 5 files"; exit 7')
    no_match = await programs.run('grep', 'x', '/dev/null')

    assert silent.error == 'sh ended with exit code 7. The last lines of its log may say why.'
    assert no_match.error.startswith('grep ended with exit code 1. No line matched.')
    assert silent.run.error is not None
    assert silent.run.error.seq is None


async def test_a_secret_is_never_part_of_it(programs: Programs) -> None:
    profile = await programs.room.profiles.create({'label': 'Studio', 'secrets': {'KEY': 'open sesame'}})

    ran = await programs.run('sh', '-c', 'echo "ERROR: $KEY$KEY$KEY is not the key" >&2; exit 2', profile=profile.id)

    assert 'ERROR: ********* is not the key' in ran.error
    assert 'sesame' not in ran.error


async def test_only_the_last_attempt_is_asked(programs: Programs) -> None:
    await programs.add("""
from synapse import Pipeline, Run, StepFailed, step

class Twice(Pipeline):
    @step(retries=1, backoff='10ms')
    def work(self, run: Run):
        words = 'echo ERROR: the first time' if run.attempt == 1 else 'echo mute'
        if run.shell(['sh', '-c', words + '; exit 3']):
            raise StepFailed('The work failed.', hint='Do it by hand.')
""")

    ran = await programs.run_pipeline('Twice')

    assert ran.run.error is not None
    assert (ran.run.error.message, ran.run.error.reason) == ('The work failed.', '')


async def test_the_words_of_a_pipeline_are_kept_and_those_of_its_program_added(programs: Programs) -> None:
    await programs.add("""
from synapse import Pipeline, Run, StepFailed, step

class Packs(Pipeline):
    @step
    def pack(self, run: Run):
        if run.shell(['tar', '-cf', 'x.tar', '/nope']):
            raise StepFailed('The folder could not be packed.', hint='Do it by hand.')
""")

    ran = await programs.run_pipeline('Packs')

    error = ran.run.error
    assert error is not None
    assert (error.message, error.hint) == ('The folder could not be packed.', 'Do it by hand.')
    assert (error.program, error.reason) == ('tar', 'tar: /nope: Cannot stat: No such file or directory')
    assert state_in_list(programs.room, ran.run).endswith(error.reason)
    [alert] = programs.room.alerts
    assert alert.text == f'The folder could not be packed: {error.reason}. Do it by hand.'


@pytest.mark.parametrize('options', ['', ', capture_output=True'])
async def test_what_a_program_of_subprocess_said_is_found_even_if_it_was_captured(
    programs: Programs, options: str
) -> None:
    await programs.add(f"""
import subprocess
from synapse import Pipeline, Run, step

class Calls(Pipeline):
    @step
    def call(self, run: Run):
        subprocess.run(['ls', '/nope'], check=True{options})
""")

    ran = await programs.run_pipeline('Calls')

    assert ran.run.error is not None
    assert ran.run.error.type == 'CalledProcessError'
    assert "/nope': No such file or directory" in ran.run.error.message
    assert (ran.run.error.seq is None) == bool(options)


async def test_a_process_that_dies_says_why(programs: Programs) -> None:
    await programs.add("""
import os
from synapse import Pipeline, Run, step

class Dies(Pipeline):
    @step
    def work(self, run: Run):
        os.write(2, b"terminate called: fatal error: no more handles\\n")
        os._exit(5)
""")

    ran = await programs.run_pipeline('Dies')

    assert ran.run.error is not None
    assert ran.run.error.message == (
        'The process of this run ended with code 5 before its work was done: '
        'terminate called: fatal error: no more handles'
    )


async def test_without_its_programs_a_run_fails_as_before(programs: Programs) -> None:
    missing = await programs.run('no-such-program-here')

    assert missing.error == (
        "The program 'no-such-program-here' was not found. Install it, or give its full path. "
        'If it is an alias of your shell, write what it stands for.'
    )
    assert missing.run.error is not None
    assert set(missing.run.error.as_json()) == {'message', 'hint', 'type', 'file', 'line', 'traceback'}


@pytest.mark.skipif(not os.access('/sys/fs/cgroup/memory', os.W_OK), reason='no control group can be made here')
async def test_a_program_that_the_kernel_kills_for_memory_says_so(programs: Programs) -> None:
    group = Path('/sys/fs/cgroup/memory/synapse-test-of-failures')
    group.mkdir()
    try:
        (group / 'memory.limit_in_bytes').write_text(str(64_000_000))
        eats = f'open({str(group / "cgroup.procs")!r}, "w").write("0"); data = bytearray(400_000_000)'
        ran = await programs.run(PYTHON, '-c', eats)
    finally:
        group.rmdir()

    assert 'was killed by signal 9' in ran.error
    assert 'memory ran out' in ran.error


async def test_the_line_is_found_among_hundreds_of_thousands(programs: Programs) -> None:
    script = 'echo ERROR: long ago; seq 200000; echo "ERROR: the disk is gone"; seq 50; exit 3'

    ran = await programs.run('sh', '-c', script, timeout=60)

    assert_said(programs, ran, 'ERROR: the disk is gone')


async def test_other_runs_that_print_much_do_not_hide_it(programs: Programs, tmp_path: Path) -> None:
    room, go = programs.room, tmp_path / 'go'
    script = f'echo "ERROR: the disk is gone"; while [ ! -e {go} ]; do sleep 0.05; done; exit 3'

    async def print_much(run_id: str) -> None:
        await room.bus.next(LinesLogged, timeout=20, where=lambda news: news.entries[-1].source == 'sh')
        noisy = await room.runs.create('RunCommand', {'command': ['seq', '6000']})
        await run_in(room, noisy.id)
        go.touch()

    ran = await programs.run('sh', '-c', script, meanwhile=print_much)

    assert not [entry for entry in room.log.ring if entry.source == 'sh' and 'gone' in entry.message]
    assert ran.run.error is not None
    assert ran.run.error.reason == 'ERROR: the disk is gone'
