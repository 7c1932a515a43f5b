import shutil
import subprocess
from pathlib import Path

import pytest

from synapse.failures.exit_codes import meaning_of


@pytest.mark.parametrize(
    ('program', 'code', 'word'),
    [
        ('rsync', 23, 'could not be transferred'),
        ('rsync', 24, 'disappeared'),
        ('restic', 3, 'could not read some'),
        ('restic', 12, 'password'),
        ('borg', 1, 'warnings'),
        ('curl', 6, 'host'),
        ('curl', 28, 'too long'),
        ('wget', 8, 'server answered'),
        ('egrep', 1, 'No line matched'),
        ('tar', 1, 'changed while'),
        ('timeout', 124, 'longer than'),
        ('bash', 126, 'executable'),
        ('bash', 127, 'was not found'),
        ('sh', 137, 'SIGKILL'),
        ('bash', 139, 'crashed'),
    ],
)
def test_a_documented_code_is_explained(program: str, code: int, word: str) -> None:
    assert word in meaning_of(program, code)


@pytest.mark.parametrize(
    ('program', 'code'), [('backup', 23), ('python3', 1), ('bash', 1), ('python3', 127), ('rsync', 99)]
)
def test_what_is_not_certain_is_not_said(program: str, code: int) -> None:
    assert meaning_of(program, code) == ''


@pytest.mark.parametrize(
    ('code', 'command'),
    [
        (126, ['sh', '-c', './not-executable']),
        (127, ['sh', '-c', 'no-such-program-here']),
        (137, ['bash', '-c', 'sleep 9 & kill -9 $!; wait $!']),
        (124, ['timeout', '0.05', 'sleep', '9']),
        (1, ['grep', 'x', '/dev/null']),
    ],
)
def test_the_codes_are_those_that_programs_give(code: int, command: list[str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f'{command[0]} is missing')
    (tmp_path / 'not-executable').write_text('#!/bin/sh\n')

    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == code
    assert meaning_of(command[0], code)
