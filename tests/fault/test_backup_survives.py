"""kill -9 while a backup is made, checked and unpacked: no half file, and the data folder is the old one or the new."""

import os
import sys
import threading
from pathlib import Path

import httpx
import pytest

from main import main
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault

LARGE = 120_000_000
"""Long enough under way to be killed there; random, so that packing makes it no smaller."""


def start(program: SynapseUnderTest, call: str) -> None:
    """Begin something that is killed before it answers."""

    def send() -> None:
        try:
            with program.api as api:
                api.post(call)
        except httpx.HTTPError:
            pass

    threading.Thread(target=send, daemon=True).start()


def kill_in(program: SynapseUnderTest, stage: str) -> None:
    with program.api as api:

        def is_there() -> bool:
            work = api.get('/backup').json()['work']
            return work is not None and work['stage'] == stage

        wait_until(is_there, timeout=60, what=lambda: f'it never came to {stage}')
    program.kill9()


def profiles_of(program: SynapseUnderTest) -> set[str]:
    with program.api as api:
        return {profile['label'] for profile in api.get('/profiles').json()}


@pytest.mark.timeout(240)
def test_killed_anywhere_it_leaves_no_half_backup_and_no_half_restore(tmp_path: Path) -> None:
    data = tmp_path / 'data'
    data.mkdir()
    with (data / 'large.bin').open('wb') as file:
        for _ in range(LARGE // 1_000_000):
            file.write(os.urandom(1_000_000))
    program = forked(data).start()
    try:
        with program.api as api:
            assert api.post('/profiles', json={'label': 'Before'}).status_code == 201
        for stage in ('Packing', 'Checking'):
            start(program, '/backup')
            kill_in(program, stage)
            program.start()
            with program.api as api:
                assert api.get('/backup').json()['backups'] == []
            assert list((data / 'backups').iterdir()) == []
        with program.api as api:
            backup = api.post('/backup', timeout=120).json()
            assert api.post('/profiles', json={'label': 'After'}).status_code == 201

        for stage in ('Checking', 'Unpacking'):
            start(program, f'/backup/{backup["name"]}/restore')
            kill_in(program, stage)
            program.start()
            assert profiles_of(program) >= {'Before', 'After'}
            wait_until(lambda: list(data.glob('restore*')) == [], timeout=20)
        with program.api as api:
            assert api.post(f'/backup/{backup["name"]}/restore', timeout=120).status_code == 202
        program.kill9()
        program.start()
        assert 'Before' in profiles_of(program)
        assert 'After' not in profiles_of(program)
        [aside] = data.glob('before-restore-*')
        assert (aside / 'large.bin').stat().st_size == (data / 'large.bin').stat().st_size == LARGE
        with program.api as api:
            assert [known['sha256'] for known in api.get('/backup').json()['backups']] == [backup['sha256']]
    finally:
        program.stop()


def test_the_command_line_restores_only_where_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, new, backup = tmp_path / 'data', tmp_path / 'new', tmp_path / 'backup.tar.gz'
    program = forked(data).start()
    try:
        with program.api as api:
            assert api.post('/profiles', json={'label': 'Nas', 'secrets': {'key': 'open sesame'}}).status_code == 201
            made = api.post('/backup', json={'passphrase': 'correct horse battery'}).json()
            backup.write_bytes(api.get(f'/backup/{made["name"]}').content)
        (tmp_path / 'pass').write_text('correct horse battery\n')
        opened = ('--passphrase-file', str(tmp_path / 'pass'))

        running = restore(capsys, backup, data, '--replace', *opened)
        assert (running[0], 'Synapse runs on' in running[1]) == (4, True)
    finally:
        program.stop()
    assert restore(capsys, backup, new)[0] == 2
    assert not new.exists()
    assert restore(capsys, backup, new, *opened)[0] == 0
    assert (new / 'secrets.json').read_text() == (data / 'secrets.json').read_text()
    full = restore(capsys, backup, new, *opened)
    assert (full[0], '--replace' in full[1]) == (2, True)
    assert restore(capsys, backup, new, '--replace', '--without-secrets')[0] == 0
    assert not (new / 'secrets.json').exists()
    [aside] = new.glob('before-restore-*')
    assert (aside / 'secrets.json').exists()
    (tmp_path / 'home').mkdir()
    (tmp_path / 'home' / 'thesis.txt').write_text('years')
    foreign = restore(capsys, backup, tmp_path / 'home', '--replace', *opened)
    assert (foreign[0], 'holds other files' in foreign[1]) == (2, True)
    assert [path.name for path in (tmp_path / 'home').iterdir()] == ['thesis.txt']


def restore(said: pytest.CaptureFixture[str], backup: Path, data: Path, *flags: str) -> tuple[int, str]:
    """Run the command without a terminal; return its exit code and what it said."""
    said.readouterr()
    with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open() as nothing:
        patch.setattr(sys, 'stdin', nothing)
        try:
            code = main(['restore', str(backup), '--data', str(data), *flags])
        except SystemExit as ended:
            code = int(str(ended.code))
    return code, said.readouterr().err
