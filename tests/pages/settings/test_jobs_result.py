"""What the import says to do elsewhere does it: the commands are run as they are printed."""

import os
import subprocess
from pathlib import Path

from pages.settings.jobs_result import switch_off_there
from synapse.crontab.importing import jobs_of_crontab
from synapse.foreign_jobs.jobs import Found, JobsResult, together
from synapse.schedulers.sources import Kind, Source

TEXT = '# One\n0 3 * * * a\n\nA=b\n  5 4 * * * b\n@reboot c\n*/5 * * * * d\n@daily e\n'
OFF = '# One\n# 0 3 * * * a\n\nA=b\n#   5 4 * * * b\n@reboot c\n# */5 * * * * d\n# @daily e\n'


def found_in(source: Source) -> tuple[Found, JobsResult]:
    found = together([(source.name, jobs_of_crontab(source.text, 'UTC', []))])
    return found, JobsResult(problems=tuple(found.problems))


def test_the_command_for_a_crontab_switches_off_what_was_imported_and_nothing_else(tmp_path: Path) -> None:
    kept, program = tmp_path / 'kept', tmp_path / 'bin/crontab'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncase "$1" in -l) cat {kept};; -) cat > {kept}.new; mv {kept}.new {kept};; esac\n')
    program.chmod(0o755)
    kept.write_text(TEXT)
    source = Source(name='Crontab of me', kind=Kind.CRONTAB, text=TEXT, is_own_crontab=True)

    (step,) = switch_off_there([source], *found_in(source))

    assert step.words == 'Crontab of me: put a # before lines 2, 5, 7, 8.'
    path = f'{program.parent}:{os.environ["PATH"]}'
    subprocess.run(['sh', '-c', step.command], check=True, env={'PATH': path})
    assert kept.read_text() == OFF


def test_the_command_for_a_file_changes_that_file(tmp_path: Path) -> None:
    path = tmp_path / 'two words'
    path.write_text(TEXT)
    source = Source(name=str(path), kind=Kind.CRONTAB, text=TEXT, path=path)

    (step,) = switch_off_there([source], *found_in(source))

    subprocess.run(['sh', '-c', step.command.removeprefix('sudo ')], check=True)
    assert path.read_text() == OFF


def test_lines_of_a_pasted_text_are_spans_with_the_whole_text_to_copy() -> None:
    text = (
        ''.join(f'# Job {number}\n{number} 3 * * * a {number}\n' for number in range(30)) + '@reboot x\n0 4 * * * b\n'
    )
    source = Source(name='Pasted text', kind=Kind.CRONTAB, text=text)

    (step,) = switch_off_there([source], *found_in(source))

    assert step.words == 'Pasted text: put a # before its 31 jobs in lines 2–60, 62.'
    assert step.command == ''
    assert step.text.endswith('# Job 29\n# 29 3 * * * a 29\n@reboot x\n# 0 4 * * * b\n')
