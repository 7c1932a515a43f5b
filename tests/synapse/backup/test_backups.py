"""The data folder as one file, and back: real control rooms, real databases, real archives."""

import asyncio
import contextlib
import hashlib
import io
import re
import sqlite3
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from synapse.backup.about import About
from synapse.backup.backups import BackupsChanged
from synapse.backup.checking import NotABackup, check
from synapse.backup.progress import Progress
from synapse.backup.restoring import prepare
from synapse.backup.swapping import is_ready, swap
from synapse.control_room import ControlRoom
from synapse.damage import RESTORED
from synapse.errors import Conflict, DiskIsFull, Invalid
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRequest, RunState
from tests.parts.api_room import api_room
from tests.parts.harness import open_to_others
from tests.parts.looking import looking_at_a_page
from tests.parts.movable_clock import MovableClock

NOW = datetime(2026, 10, 14, 12, 0, 30, tzinfo=UTC)
PASSPHRASE = 'correct horse battery staple'
SECRET = 'hunter2-hunter2'

LOCKED = """
from pydantic import SecretStr
from synapse import Pipeline, Run, step

class Locked(Pipeline):
    key: SecretStr

    @step
    def use(self, run: Run):
        run.log.info('used')
"""


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOW)


@contextlib.asynccontextmanager
async def room_on(data: Path, clock: MovableClock, *, is_new: bool = True) -> AsyncIterator[ControlRoom]:
    times: dict[str, Any] = {'now': clock.now, 'clocks': clock.clocks, 'zone': 'UTC'}
    with clock.rules_apscheduler():
        async with api_room(data, is_new=is_new, **times) as room:
            yield room


async def lived_in(room: ControlRoom) -> None:
    """Do a bit of everything: a secret of a profile, a secret parameter, an event every hour, a run with an output."""
    (room.settings.data / 'pipelines' / 'locked.py').write_text(LOCKED)
    await wait_for(lambda: room.catalog.find('Locked') is not None)
    await room.profiles.create({'id': 'nas', 'label': 'Nas', 'secrets': {'password': SECRET}})
    event = {'title': 'Hourly', 'pipeline': 'Hello', 'start': '2026-10-14T08:00:00', 'rrule': 'FREQ=HOURLY'}
    await room.editor.create({**event, 'timezone': 'UTC', 'misfire': {'policy': 'all', 'limit': 5}})
    await room.tokens.create({'name': 'script', 'scope': 'run'})
    await asyncio.to_thread(room.auth.set_password, 'long enough for that')
    for pipeline, values in (('Hello', {}), ('Locked', {'key': SECRET})):
        await ended(room, (await room.runs.request(RunRequest(pipeline, values))).id)


async def ended(room: ControlRoom, id: str) -> None:
    while not (await room.runs.get(id)).state.is_final:
        await room.bus.next(RunChanged, timeout=30)


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - of several kinds of things
            await asyncio.sleep(0.01)


def restored(backup: Path, data: Path, *, passphrase: str | None = None) -> None:
    data.mkdir()
    prepare(backup, data, Progress(), NOW, passphrase=passphrase)
    swap(data, NOW)


def all_bytes(backup: Path) -> bytes:
    with tarfile.open(backup) as tar:
        files = [tar.extractfile(info) for info in tar if info.isreg()]
        return b'\n'.join(file.read() for file in files if file is not None)


async def test_everything_acknowledged_is_back_with_the_secrets(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        await lived_in(room)
        before = room.history.recent(limit=10)
        lines = await room.log.query(limit=1000)
        backup = await room.backups.create(passphrase=PASSPHRASE)
        path = await room.backups.path(backup.name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == backup.sha256
        assert [known.sha256 for known in await room.backups.all()] == [backup.sha256]

    assert SECRET.encode() not in all_bytes(path)
    restored(path, tmp_path / 'new', passphrase=PASSPHRASE)
    assert all(found.startswith('pipelines/') for found in open_to_others(tmp_path / 'new'))
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        assert room.history.recent(limit=10) == before
        assert {line.message for line in lines} <= {line.message for line in await room.log.query(limit=1000)}
        assert room.profiles.secrets_of('nas') == {'password': SECRET}
        [event] = room.calendar.events()
        assert event.title == 'Hourly'
        assert [token.name for token in room.tokens.all()] == ['script']
        assert room.auth.password.is_set
        hello = next(run for run in before if run['pipeline'] == 'Hello')
        assert (await room.runs.artifact_path(hello['id'], 'hello.html')).read_text() == '<h1>hello you</h1>'


async def test_without_a_passphrase_nothing_in_it_opens_a_secret(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        await lived_in(room)
        backup = await room.backups.create()
        path = await room.backups.path(backup.name)
    key, token = (tmp_path / 'data' / 'secrets.key').read_bytes(), (tmp_path / 'data' / 'token').read_bytes().strip()

    found = all_bytes(path)
    assert SECRET.encode() not in found
    assert key not in found
    assert token not in found
    assert (tmp_path / 'data' / 'secret.key').read_bytes() not in found
    assert (tmp_path / 'data' / 'password').read_bytes().strip() not in found
    assert backup.as_shown()['secrets'] == 'left out'
    assert 'the secrets of profiles' in backup.as_shown()['left_out']
    restored(path, tmp_path / 'new')
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        assert room.profiles.secrets_of('nas') == {}
        assert not room.auth.password.is_set
        [report] = room.damage.all
        assert (report.file, report.title) == (RESTORED, 'Restored from a backup')
        assert 'the secrets of profiles' in report.missing
        assert re.match(r'This is how it was at \d{1,2} [A-Z][a-z]{2} 20\d\d,? \d\d:\d\d, in ', report.recovered)


async def test_only_the_passphrase_opens_it_however_its_letters_are_composed(
    tmp_path: Path, clock: MovableClock
) -> None:
    data = tmp_path / 'data'
    async with room_on(data, clock) as room:
        with pytest.raises(Invalid, match='too short'):
            await room.backups.create(passphrase='short')
        backup = await room.backups.create(passphrase='caf\u00e9 con leche')
        with pytest.raises(Invalid) as refused:
            await room.backups.restore(backup.name, passphrase='another one that is long')
        assert 'passphrase' in refused.value.fields
        assert not is_ready(data)
        assert (await room.backups.restore(backup.name, passphrase='cafe\u0301 con leche')).secrets == 'restored'


async def test_what_fell_due_since_the_backup_is_missed_and_the_calendar_goes_on(
    tmp_path: Path, clock: MovableClock
) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        await lived_in(room)
        await room.runs.pause_queue()
        waiting = await room.runs.request(RunRequest('Hello', {'name': 'later'}))
        (drop := tmp_path / 'drop').mkdir()
        await room.watches.create({'folder': str(drop), 'pipeline': 'Reads', 'settle_seconds': 0})
        path = await room.backups.path((await room.backups.create()).name)
    clock.advance(timedelta(hours=3))
    (drop / 'since.txt').write_text('may have become a run that the backup does not know')

    restored(path, tmp_path / 'new')
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        [event] = room.calendar.events()
        entries = await room.calendar.entries(NOW, NOW + timedelta(hours=4))
        assert [(entry.due.hour, entry.state) for entry in entries] == [
            (13, 'missed'),
            (14, 'missed'),
            (15, 'missed'),
            (16, 'planned'),
        ]
        assert room.calendar.next_due(event.id)[0].hour == 16
        assert (await room.runs.get(waiting.id)).state is RunState.INTERRUPTED
        assert [run['pipeline'] for run in room.history.recent(limit=10)].count('Hello') == 2
        (drop / 'now.txt').write_text('comes after the restore')
        await room.runs.resume_queue()
        news = await room.bus.next(RunChanged, timeout=30, where=lambda news: news.run.pipeline == 'Reads')
        assert str(news.run.parameters['file']).endswith('now.txt')
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        assert len(room.damage.all) == 1


async def test_a_run_that_was_at_work_is_interrupted_and_not_retried(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        await wait_for(lambda: room.catalog.find('Endless') is not None)
        run = await room.runs.request(RunRequest('Endless', {}))
        await wait_for(lambda: any(live.state is RunState.RUNNING for live in room.runs.live()))
        path = await room.backups.path((await room.backups.create()).name)
        await room.runs.cancel(run.id, now=True)

    restored(path, tmp_path / 'new')
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        found = await room.runs.get(run.id)
        assert found.state is RunState.INTERRUPTED
        assert found.error is not None
        assert 'restored from' in found.error.message
        assert [known['id'] for known in room.history.recent(limit=10)] == [run.id]


async def test_a_restore_waits_for_the_next_start_and_can_be_taken_back(tmp_path: Path, clock: MovableClock) -> None:
    data = tmp_path / 'data'
    async with room_on(data, clock) as room:
        backup = await room.backups.create()
        await lived_in(room)
        await room.backups.restore(backup.name)
        assert is_ready(data)
        assert room.profiles.find('nas') is not None
        assert await room.backups.forget_restore()
        assert not is_ready(data)
        await room.backups.restore(backup.name)
    aside = swap(data, NOW)

    assert (data / aside / 'secrets.json').exists()
    async with room_on(data, clock, is_new=False) as room:
        assert room.profiles.find('nas') is None
        assert [known.name for known in await room.backups.all()] == [backup.name]


async def test_cancelled_or_on_a_full_disk_it_leaves_nothing(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        (tmp_path / 'data' / 'inbox' / 'film').write_bytes(bytes(50_000_000))
        seen: list[str] = []

        def stop(_: BackupsChanged) -> None:
            seen.append(room.backups.work.stage if room.backups.work else '')
            if seen[-1] == 'Packing':
                room.backups.cancel()

        unsubscribe = room.bus.subscribe(BackupsChanged, stop)
        with pytest.raises(Conflict) as cancelled:
            await room.backups.create()
        unsubscribe()
        room.backups._least_free = 1 << 60
        with pytest.raises(DiskIsFull):
            await room.backups.create()

        assert cancelled.value.code == 'backup_cancelled'
        assert room.backups.work is None
        assert list((tmp_path / 'data' / 'backups').iterdir()) == []


async def test_one_made_while_others_write_is_of_one_moment(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        ids = [(await room.profiles.create({'label': f'Profile {number}'})).id for number in range(3)]
        is_done = asyncio.Event()

        async def change() -> int:
            """Have all profiles say the same number, one after the other, and log it."""
            count = 0
            while not is_done.is_set():
                count += 1
                for id in ids:
                    await room.profiles.update(id, {'defaults': {'name': str(count)}, 'secrets': {'key': f'{count}'}})
                await room.runs.request(RunRequest('Hello', {'name': str(count)}))
            return count

        changing = asyncio.create_task(change())
        await asyncio.sleep(0)
        backup = await room.backups.create(passphrase=PASSPHRASE, choices=[])
        is_done.set()
        assert await changing
        path = await room.backups.path(backup.name)

    restored(path, tmp_path / 'new', passphrase=PASSPHRASE)
    async with room_on(tmp_path / 'new', clock, is_new=False) as room:
        for id in ids:  # never the new secret with the old profile
            profile = next(known for known in room.profiles.all() if known.id == id)
            assert room.profiles.secrets_of(id).get('key', '') == profile.defaults.get('name', '')


def damaged(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    copy = path.with_name('damaged.tar.gz')
    copy.write_bytes(data)
    return copy


def rewritten(path: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> Path:
    copy = path.with_name('rewritten.tar.gz')
    with tarfile.open(path) as old, tarfile.open(copy, 'w:gz') as new:
        for info in old:
            file = old.extractfile(info) if info.isreg() else None
            changed = change(info, file.read() if file is not None else b'')
            if changed is not None:
                changed[0].size = len(changed[1])
                new.addfile(changed[0], io.BytesIO(changed[1]))
    return copy


async def test_files_that_are_damaged_foreign_or_newer_are_refused_whole(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        path = await room.backups.path((await room.backups.create()).name)
    (tmp_path / 'new').mkdir()

    def refusal(file: Path) -> str:
        with pytest.raises(NotABackup) as refused:
            prepare(file, tmp_path / 'new', Progress(), NOW)
        assert list((tmp_path / 'new').iterdir()) == []
        return refused.value.message

    def flip(data: bytearray) -> None:
        middle = len(data) // 2  # a single bit may be one that says nothing
        data[middle : middle + 20] = bytes(byte ^ 255 for byte in data[middle : middle + 20])

    def renamed(to: str, kind: bytes = tarfile.REGTYPE) -> Path:
        def change(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
            if info.name.endswith('settings.json'):
                info.name, info.type, info.linkname = to, kind, '/etc/passwd'
                data = data if kind == tarfile.REGTYPE else b''
            return info, data

        return rewritten(path, change)

    assert 'damaged' in refusal(damaged(path, flip))
    assert 'damaged' in refusal(damaged(path, lambda data: data.__delitem__(slice(len(data) // 2, None))))
    assert 'events.json is not as it was saved' in refusal(
        rewritten(path, lambda info, data: (info, data + b' ' if info.name.endswith('/events.json') else data))
    )
    assert 'checksums is missing' in refusal(
        rewritten(path, lambda info, data: None if info.name.endswith('SUMS') else (info, data))
    )
    assert 'newer' in refusal(rewritten(path, lambda info, data: (info, data.replace(b'"format": 1', b'"format": 2'))))
    for name in ('synapse-backup/data/../../outside', '/synapse-backup/outside', 'synapse-backup/outside'):
        assert 'leads out' in refusal(renamed(name))
    assert 'leads out' in refusal(renamed('synapse-backup/data/settings.json', tarfile.SYMTYPE))
    assert 'leads out' in refusal(renamed('synapse-backup/data/runs/link', tarfile.SYMTYPE))
    other = tmp_path / 'other.tar.gz'
    with tarfile.open(other, 'w:gz') as tar:
        tar.add(tmp_path / 'data' / 'events.json', 'events.json')
    assert 'another archive' in refusal(other)
    other.write_text('no archive')
    assert 'is no backup' in refusal(other)


async def test_a_refusal_names_the_file_as_it_was_uploaded_and_is_in_the_language_of_the_page(
    tmp_path: Path, clock: MovableClock
) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        yield data

    async with room_on(tmp_path / 'data', clock) as room:
        made = await room.backups.create(passphrase=PASSPHRASE)
        whole = (await room.backups.path(made.name)).read_bytes()
        for name, data in (('letters.tar.gz', b'no archive'), ('half.tar.gz', whole[: len(whole) // 2])):
            item = await room.inbox.receive(name, chunks(data))
            with looking_at_a_page(), pytest.raises(Invalid) as refused:
                await room.backups.take(item.id)

            assert (refused.value.message[0], refused.value.hint[0]) == ('⟦', '⟦')
            assert name in refused.value.message
        with looking_at_a_page(), pytest.raises(Invalid) as refused:
            await room.backups.restore(made.name, passphrase='something else')
        logged = await room.log.query(source='backup', limit=9)

    assert refused.value.message[0] == '⟦'
    assert [entry.message for entry in logged if '⟦' in entry.message] == []  # kept in our own


async def test_anyone_can_check_it_with_tar_and_sha256sum(tmp_path: Path, clock: MovableClock) -> None:
    async with room_on(tmp_path / 'data', clock) as room:
        odd = tmp_path / 'data' / 'pipelines' / 'back\\slash and\nline.txt'
        odd.write_text('odd')
        path = await room.backups.path((await room.backups.create()).name)

    subprocess.run(['tar', 'xzf', str(path), '-C', str(tmp_path)], check=True)
    done = subprocess.run(['sha256sum', '-c', '--quiet', 'SHA256SUMS'], cwd=tmp_path / 'synapse-backup', check=False)
    assert done.returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / 'synapse-backup' / 'data' / 'runs.db')) as runs:
        assert runs.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
    checked = check(path, Progress())
    assert isinstance(checked.about, About)


def test_a_swap_that_a_crash_interrupted_anywhere_is_finished(tmp_path: Path) -> None:
    """Every rename and removal is the last thing that happens, once: the next start makes it good."""
    steps = 0
    while True:
        data = tmp_path / f'{steps}'
        _prepared(data)
        crashed = _swap_with_crash(data, steps)
        swap(data, NOW) if is_ready(data) else None

        [aside] = data.glob('before-restore-*')
        assert {path.name: path.read_text() for path in aside.iterdir()} == {'events.json': 'old', 'mine.txt': 'old'}
        assert (data / 'events.json').read_text() == 'new'
        assert (data / 'runs.db').read_text() == 'new'
        assert not is_ready(data)
        if not crashed:
            break
        steps += 1
    assert steps > 6


def _prepared(data: Path) -> None:
    tree = data / 'restore-ready' / 'synapse-backup' / 'data'
    tree.mkdir(parents=True)
    for folder, text, names in ((data, 'old', ('events.json', 'mine.txt')), (tree, 'new', ('events.json', 'runs.db'))):
        for name in names:
            (folder / name).write_text(text)


class Crash(BaseException):
    """What no `except` of the program catches, as when the process is killed."""


def _swap_with_crash(data: Path, at: int) -> bool:
    """Swap, and stop before this change of the disk; return whether it came to that."""
    count = 0

    def may_go_on(*_: object) -> None:
        nonlocal count
        if count == at:
            raise Crash
        count += 1

    with pytest.MonkeyPatch.context() as patch:
        for name in ('replace', 'mkdir', 'unlink', 'rmdir'):
            real = getattr(Path, name)

            def changed(*arguments: Any, _real: Callable[..., Any] = real, **options: Any) -> Any:
                may_go_on()
                return _real(*arguments, **options)

            patch.setattr(Path, name, changed)
        try:
            swap(data, NOW)
        except Crash:
            return True
    return False
