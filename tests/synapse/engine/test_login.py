"""PATH and locale are those of a terminal, asked from real shells with start files of their own."""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from synapse.engine import login
from synapse.engine.login import LoginEnvironment, joined_path, locale_of
from tests.parts.hosts import eventually, is_living

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='it has no login shells')
BASH = shutil.which('bash') or ''
BARE = {'PATH': '/usr/bin:/bin', 'LANG': 'C'}


async def asked(home: Path, lines: str, shell: str = BASH, **variables: str) -> dict[str, str | None]:
    """What a bare service gets whose person has these lines in the start file of bash."""
    (home / '.bash_profile').write_text(lines)
    environment = LoginEnvironment(BARE | {'HOME': str(home)} | variables, shell)
    try:
        return dict(await environment.variables())
    finally:
        await environment.close()


async def test_a_bare_service_gets_the_path_and_locale_of_the_login_shell(tmp_path: Path) -> None:
    lines = 'echo hello from a start file\nexport PATH="$HOME/bin:$PATH:/usr/bin:/bin" LANG=de_DE.UTF-8 LC_TIME=C'

    found = await asked(tmp_path, lines)

    path = str(found['PATH']).split(':')
    assert path[0] == f'{tmp_path}/bin'
    assert {'/usr/bin', '/bin'} <= set(path)
    assert (found['LANG'], found['LC_TIME']) == ('de_DE.UTF-8', 'C')


async def test_a_shell_that_hangs_is_waited_for_once_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(login, 'SECONDS', 0.5)
    environment = LoginEnvironment(BARE | {'HOME': str(tmp_path)}, BASH)
    (tmp_path / '.bash_profile').write_text(f'echo $$ > {tmp_path}/pid; sleep 60')
    begun = time.monotonic()

    found = await asyncio.gather(*(environment.variables() for _ in range(3)))

    assert time.monotonic() - begun < 20
    assert [item['PATH'] for item in found] == [BARE['PATH']] * 3
    assert [record.getMessage().partition(' took ')[0] for record in caplog.records] == [f'the login shell {BASH}']
    assert is_living(int((tmp_path / 'pid').read_text()))
    await environment.close()
    assert not is_living(int((tmp_path / 'pid').read_text()))


async def test_a_slow_start_file_is_not_stopped_in_the_middle_and_may_tidy_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, 'SECONDS', 0.3)
    lock = 'bash -c \'touch lock; trap "rm lock" EXIT; while ! [ -e go ]; do sleep 0.05; done\''

    for is_let_go in (True, False):
        (tmp_path / 'go').unlink(missing_ok=True)
        (tmp_path / '.bash_profile').write_text(f'cd {tmp_path}; {lock}; touch done')
        environment = LoginEnvironment(BARE | {'HOME': str(tmp_path)}, BASH)
        await environment.variables()
        await eventually((tmp_path / 'lock').exists, 10)
        if is_let_go:
            (tmp_path / 'go').touch()
            await eventually((tmp_path / 'done').exists, 10)
        await environment.close()

        await eventually(lambda: not (tmp_path / 'lock').exists(), 10)


async def test_what_a_start_file_leaves_in_the_background_does_not_delay_the_answer(tmp_path: Path) -> None:
    begun = time.monotonic()

    found = await asked(tmp_path, 'sleep 30 &\nexport PATH=/opt/x:$PATH')

    assert str(found['PATH']).startswith('/opt/x:')
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize('shell', ['/usr/sbin/nologin', '/no/such/shell'])
async def test_an_account_without_a_shell_keeps_what_it_has(tmp_path: Path, shell: str) -> None:
    assert (await asked(tmp_path, '', shell))['PATH'] == BARE['PATH']


async def test_what_a_login_sets_is_there(tmp_path: Path) -> None:
    found = await LoginEnvironment({'PATH': '/bin'}, '').variables()

    assert found['HOME'] == str(Path(f'~{found["USER"]}').expanduser())
    assert {'LOGNAME', 'SHELL'} <= set(found)


@pytest.mark.parametrize(
    ('started_with', 'of_login', 'expected'),
    [
        ('/usr/bin:/bin', '/home/a/bin:/usr/bin:/bin', '/home/a/bin:/usr/bin:/bin'),
        ('/venv/bin:/usr/bin', '/home/a/bin:/usr/bin:/bin', '/venv/bin:/usr/bin:/home/a/bin:/bin'),
        ('/usr/bin', '', '/usr/bin'),
        ('', '', os.defpath),
    ],
)
def test_folders_that_synapse_was_given_come_first(started_with: str, of_login: str, expected: str) -> None:
    assert joined_path(started_with, of_login) == expected


@pytest.mark.parametrize(
    ('started_with', 'of_login', 'expected'),
    [
        ({'LANG': 'fr_FR.UTF-8'}, {'LANG': 'de_DE.UTF-8'}, {}),
        ({'LANG': 'C', 'LC_ALL': 'C'}, {'LANG': 'de_DE.UTF-8'}, {}),
        ({'LC_CTYPE': 'C.UTF-8'}, {'LANG': 'de_DE.UTF-8'}, {'LANG': 'de_DE.UTF-8', 'LC_CTYPE': None}),
        ({'LANG': 'C'}, {'LANG': 'en_GB.UTF-8', 'PATH': '/bin'}, {'LANG': 'en_GB.UTF-8'}),
        ({'LANG': 'C'}, {}, {'LANG': 'sv_SE.UTF-8'}),
    ],
)
def test_a_locale_that_was_given_is_kept(
    started_with: dict[str, str],
    of_login: dict[str, str],
    expected: dict[str, str | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / 'locale').write_text('# of the machine\nLANG="sv_SE.UTF-8"\n')
    monkeypatch.setattr(login, 'LOCALE_FILES', (str(tmp_path / 'none'), str(tmp_path / 'locale')))

    assert locale_of(started_with, of_login) == expected
