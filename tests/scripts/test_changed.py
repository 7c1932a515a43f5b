"""Which tests belong to what was changed, and what git says was."""

import subprocess
from pathlib import Path

import pytest

from scripts.changed import changed_files, commands, mirrored_tests
from tests.parts.harness import ROOT
from tests.parts.scripts import script


@pytest.mark.parametrize(
    ('changed', 'tests'),
    [
        ('synapse/calendar/firing.py', ['tests/synapse/calendar']),
        ('synapse/profiles.py', ['tests/synapse/test_profiles.py']),
        ('synapse/api/gate/static/sign_in.html', ['tests/synapse/api']),
        ('storage/ledger.py', ['tests/storage/test_ledger.py']),
        ('storage/logs/store.py', ['tests/storage/logs']),
        ('pages/logs/log_view.js', ['tests/pages/logs']),
        ('pages/server.py', ['tests/pages/test_server.py']),
        ('pages/dashboard/page.py', ['tests/pages/dashboard']),
        ('scripts/changed.py', ['tests/scripts/test_changed.py']),
        ('scripts/life/pipelines/check_links.py', ['tests/scripts/life']),
        ('main.py', ['tests/test_command_line.py']),
        ('docs/architecture.md', ['tests/test_architecture.py']),
        ('README.md', []),
        ('synapse/destinations/smb.py', ['tests/destinations']),
        ('tests/synapse/test_status.py', ['tests/synapse/test_status.py']),
        ('tests/synapse/test_that_was_deleted.py', []),
        ('tests/browser/test_keys.py', []),
    ],
)
def test_a_file_has_the_tests_of_its_room(changed: str, tests: list[str]) -> None:
    assert mirrored_tests([changed], ROOT) == tests


def test_what_tests_share_brings_the_tests_that_import_it() -> None:
    found = mirrored_tests(['tests/parts/movable_clock.py'], ROOT)

    assert 'tests/synapse/calendar/test_clocks.py' in found
    assert 'tests/synapse/test_retention.py' in found
    assert 'tests/synapse/test_status.py' not in found


@pytest.mark.parametrize(
    ('changed', 'test'),
    [
        ('pages/dashboard/page.py', 'test_dashboard.py'),
        ('pages/logs/histogram.py', 'test_log_histogram.py'),
        ('pages/static/keys.js', 'test_keys.py'),
        ('pages/scheduler/week/view.py', 'test_week_and_agenda.py'),
        ('tests/browser/test_keys.py', 'test_keys.py'),
    ],
)
def test_browser_tests_come_when_they_are_asked_for(changed: str, test: str) -> None:
    assert f'tests/browser/{test}' in mirrored_tests([changed], ROOT, with_browser=True)


def test_a_test_is_not_run_twice() -> None:
    changed = ['synapse/calendar/firing.py', 'tests/synapse/calendar/test_clocks.py']

    assert mirrored_tests(changed, ROOT) == ['tests/synapse/calendar']


def test_linters_come_first_and_pytest_gets_what_is_left() -> None:
    changed = ['README.md', 'synapse/gone.py', 'synapse/status.py', 'tests/synapse/test_status.py']
    sources = ['synapse/status.py', 'tests/synapse/test_status.py']

    assert [*commands(changed, ['tests/synapse/test_status.py'], ['-x', '-k', 'idle'])] == [
        ['ruff', 'format', '--check', *sources],
        ['ruff', 'check', *sources],
        ['mypy', 'synapse/status.py'],
        ['pytest', '-q', '--failed-first', 'tests/synapse/test_status.py', '-x', '-k', 'idle'],
    ]


def git(folder: Path, *arguments: str) -> None:
    who = ['-c', 'user.name=A', '-c', 'user.email=a@example.org']
    subprocess.run(['git', *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Three files on `main`, of which a branch has changed one."""
    git(tmp_path, 'init', '-q', '-b', 'main')
    (tmp_path / '.gitignore').write_text('*.log\n')
    for name in ('a.py', 'b.py', 'ä.py'):
        (tmp_path / name).write_text('1')
    git(tmp_path, 'add', '.')
    git(tmp_path, 'commit', '-qm', 'Begin')
    git(tmp_path, 'switch', '-qc', 'work')
    (tmp_path / 'a.py').write_text('2')
    git(tmp_path, 'commit', '-qam', 'Change a')
    return tmp_path


def test_a_branch_is_compared_with_where_it_left_main(clone: Path) -> None:
    (clone / 'ä.py').unlink()
    (clone / 'new.py').touch()
    (clone / 'noise.log').touch()

    assert changed_files(clone) == ['a.py', 'new.py', 'ä.py']
    assert changed_files(clone, 'HEAD') == ['new.py', 'ä.py']


def test_later_commits_on_main_are_no_change_of_the_branch(clone: Path) -> None:
    git(clone, 'switch', '-q', 'main')
    (clone / 'b.py').write_text('2')
    git(clone, 'commit', '-qam', 'Change b')
    git(clone, 'switch', '-q', 'work')

    assert changed_files(clone) == ['a.py']


def test_without_a_branch_called_main_it_is_the_last_commit(clone: Path) -> None:
    git(clone, 'branch', '-D', 'main')
    (clone / 'b.py').write_text('3')

    assert changed_files(clone) == ['b.py']


def test_a_commit_that_is_not_there_is_one_sentence() -> None:
    done = script('changed.py', '--since', 'no-such-commit')

    assert done.returncode == 1
    assert 'no-such-commit' in done.stderr
    assert 'Traceback' not in done.stderr
