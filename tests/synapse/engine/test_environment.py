"""What programs of a run inherit: variables and umask, in hosts that are spawned and in forked ones."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from synapse.engine.engine import LocalEngine
from tests.parts.hosts import ELSEWHERE, WAYS, Bench, Heard, started

DOCUMENTED = {'SYNAPSE_URL', 'SYNAPSE_DATA', 'SYNAPSE_RUN_ID', 'SYNAPSE_RUN_NUMBER', 'SYNAPSE_STEP'}
OURS = {'SYNAPSE_URL': 'http://127.0.0.1:8000/', 'SYNAPSE_DATA': '/srv/synapse'}
ADDED = {'PYTHONUNBUFFERED', 'PWD', 'OLDPWD', 'SHLVL', '_'}
"""What `run.shell` and a shell add."""


here = pytest.mark.parametrize('engine', WAYS, indirect=True)
"""Another machine has variables of its own; see `test_machines`."""


@pytest.fixture(params=WAYS + ELSEWHERE)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    async with started(request.param, tmp_path) as engine:
        yield engine


@pytest.fixture
def bench(engine: LocalEngine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


@pytest.fixture
def umask() -> Iterator[int]:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def variables(heard: Heard) -> dict[str, str]:
    return dict(line.split('=', 1) for line in heard.printed if '=' in line)


@here
async def test_programs_have_our_documented_variables_and_what_synapse_was_started_with(bench: Bench) -> None:
    job = bench.job("run.shell(['env'])") | {'environment': OURS}

    heard, _ = await bench.run('', **job)

    seen = variables(heard)
    assert {name for name in seen if name.startswith(('SYNAPSE', 'NICEGUI'))} == DOCUMENTED
    assert {name: seen[name] for name in DOCUMENTED} == OURS | {
        'SYNAPSE_RUN_ID': job['id'],
        'SYNAPSE_RUN_NUMBER': str(job['number']),
        'SYNAPSE_STEP': 'go',
    }
    assert {name for name in seen if seen[name] != os.environ.get(name)} - DOCUMENTED <= ADDED


async def test_no_setting_of_synapse_reaches_a_program(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('SYNAPSE_HOST', 'SYNAPSE_PORT', 'SYNAPSE_STARTED_AGAIN', 'SYNAPSE_ROOM', 'SYNAPSE_RUN_ID'):
        monkeypatch.setenv(name, 'of the control room')

    heard, _ = await bench.run("import subprocess\nrun.shell(['env'])\nsubprocess.run(['env'])")

    assert not any('of the control room' in line for line in heard.printed)
    assert 'SYNAPSE_STEP=go' in heard.printed


async def test_a_file_that_keeps_its_environment_when_it_is_imported_keeps_nothing_of_ours(
    bench: Bench, tmp_path: Path
) -> None:
    file = tmp_path / 'keeps.py'
    lines = ['import os', 'from synapse import Pipeline, step', 'KEPT = {**os.environ}', 'class Work(Pipeline):']
    lines += ['    @step', '    def go(self, run):', '        print(sorted(n for n in KEPT if "SYNAPSE" in n))']
    file.write_text('\n'.join(lines))

    for _ in range(3):
        heard, _ = await bench.run('', file=str(file), origin=str(file))
        assert not {'SYNAPSE_ROOM', 'SYNAPSE_HOST'} & {word.strip("[]',") for word in heard.printed[0].split()}


@here
async def test_a_program_cannot_be_made_part_of_another_run(bench: Bench) -> None:
    job = bench.job("run.shell(['env'], env={'SYNAPSE_RUN_ID': 'other', 'SYNAPSE_DATA': '/other', 'A': 'b'})")

    heard, _ = await bench.run('', **job)

    seen = variables(heard)
    assert (seen['SYNAPSE_RUN_ID'], seen['A']) == (job['id'], 'b')
    assert seen['SYNAPSE_DATA'] == str(bench.folder)


@here
async def test_variables_are_set_and_removed_as_the_job_says(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LC_CTYPE', 'C.UTF-8')

    heard, _ = await bench.run("run.shell(['env'])", environment={'LANG': 'de_DE.UTF-8', 'LC_CTYPE': None})

    assert variables(heard)['LANG'] == 'de_DE.UTF-8'
    assert 'LC_CTYPE' not in variables(heard)


async def test_the_umask_is_the_one_synapse_was_started_with(umask: int, bench: Bench, tmp_path: Path) -> None:
    body = f"run.shell(['sh', '-c', 'umask; touch {tmp_path}/film'])\nopen({str(tmp_path / 'own')!r}, 'w').close()"

    heard, _ = await bench.run(body)

    assert heard.printed == [f'{umask:04o}']
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in ('film', 'own')] == ['0o640', '0o640']


OPTIONS = """
from typing import ClassVar
from synapse import Pipeline, step

class Work(Pipeline):
    nice = 7
    ionice: ClassVar[str] = 'idle'
    umask: ClassVar[int] = 0o077
    environment: ClassVar[dict[str, str]] = {'COLOUR': 'red', 'PATH': '/opt/x:/usr/bin:/bin'}

    @step
    def go(self, run):
        run.shell(['sh', '-c', 'nice; umask; echo $COLOUR $PATH; ionice || echo idle'])
"""


async def test_priority_umask_and_environment_are_those_of_the_pipeline(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / 'options.py').write_text(OPTIONS)
    file = str(tmp_path / 'options.py')

    heard, _ = await bench.run('', file=file, origin=file)

    nice = os.getpriority(os.PRIO_PROCESS, 0) + 7
    assert heard.printed == [str(min(19, nice)), '0077', 'red /opt/x:/usr/bin:/bin', 'idle']


@pytest.mark.skipif(os.getuid() == 0, reason='root may do it')
async def test_a_priority_that_is_not_allowed_is_a_warning(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / 'options.py').write_text(OPTIONS.replace('nice = 7', 'nice = -5'))
    file = str(tmp_path / 'options.py')

    heard, _ = await bench.run('', file=file, origin=file)

    assert 'nice = -5 of the pipeline could not be set: Permission denied' in heard.printed
    assert heard.end == 'succeeded'
