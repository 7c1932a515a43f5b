"""That the programs are there in CI, and that the helper sees what they did."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.parts.program_runs import DEBIAN, PYTHON, Programs, need, python_program

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('name', [*DEBIAN, *PYTHON])
def test_every_program_is_there_or_said_to_be_missing(name: str) -> None:
    need(name)


def test_ci_installs_every_package() -> None:
    script = (ROOT / '.ci' / 'run').read_text()
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
    declared = project['dependencies'] + project['optional-dependencies']['programs']
    names = {re.split(r'[<>=~\[ ;]', item)[0] for item in declared}

    assert [package for package in DEBIAN.values() if not re.search(rf'\b{package}\b', script)] == []
    assert set(PYTHON.values()) - names == {'pip'}  # each environment has it


async def test_a_run_leaves_its_lines_and_its_end(programs: Programs) -> None:
    ran = await programs.run('sh', '-c', 'echo one; echo two >&2')

    assert (ran.state, ran.error) == ('succeeded', '')
    assert ran.lines == ['one', 'two']
    assert [entry.message for _, entry in ran.published if entry in ran.rows] == ['one', 'two']


async def test_a_failed_run_has_an_error(programs: Programs) -> None:
    ran = await programs.run(*python_program('no_such_module_here'))

    assert ran.state == 'failed'
    assert 'ended with exit code 1' in ran.error


async def test_a_website_is_served(programs: Programs, website: tuple[str, Path]) -> None:
    need('curl')
    address, folder = website
    (folder / 'page.txt').write_text('hello\n')

    assert (await programs.run('curl', '-sS', f'{address}page.txt')).lines == ['hello']
