import asyncio
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synapse.bus import Bus
from synapse.errors import DiskIsFull, NotFound, TooLarge
from synapse.inbox.inbox import Inbox, InboxChanged, InboxItem

MEGABYTE = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'inbox'


@pytest.fixture
def news() -> list[InboxChanged]:
    return []


@pytest.fixture
def inbox(folder: Path, news: list[InboxChanged]) -> Inbox:
    bus = Bus()
    bus.subscribe(InboxChanged, news.append)
    return Inbox(folder, 10 * MEGABYTE, bus)


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file_is_received_whole_and_listed_newest_first(
    inbox: Inbox, folder: Path, news: list[InboxChanged]
) -> None:
    first = await inbox.receive('clip.mp4', chunks(b'ab' * MEGABYTE, b'c'), 2 * MEGABYTE + 1)
    second = await inbox.receive('notes', chunks())

    assert inbox.path(first.id).read_bytes() == b'ab' * MEGABYTE + b'c'
    assert (first.name, first.size, first.media_type) == ('clip.mp4', 2 * MEGABYTE + 1, 'video/mp4')
    assert (second.size, second.media_type) == (0, 'application/octet-stream')
    assert inbox.all() == [second, first]
    assert len(news) == 2
    assert inbox.path(first.id).stat().st_mode & 0o777 == 0o600


async def test_a_parameter_means_the_file_of_the_inbox_or_a_path_as_it_is(inbox: Inbox) -> None:
    item = await inbox.receive('a.txt', chunks(b'x'))

    assert inbox.resolve(f'inbox:{item.id}') == inbox.path(item.id)
    assert inbox.resolve('/tmp/b.txt') == Path('/tmp/b.txt')


@pytest.mark.parametrize('id', ['nope', '', '../secrets', '..', '/etc/passwd'])
async def test_an_unknown_id_is_not_found_and_never_a_path(inbox: Inbox, id: str) -> None:
    for ask in (inbox.get, inbox.path):
        with pytest.raises(NotFound):
            ask(id)
    with pytest.raises(NotFound):
        inbox.resolve(f'inbox:{id}')
    with pytest.raises(NotFound):
        await inbox.delete(id)


@pytest.mark.parametrize(
    ('sent', 'kept'),
    [
        ('../../etc/passwd', 'passwd'),
        ('C:\\Videos\\clip.mp4', 'clip.mp4'),
        ('a\x00b\nc\u202e.txt', 'abc.txt'),
        ('..', '..'),
        ('/', 'file'),
        ('  ', 'file'),
        ('Ünïcödé 日本.mp4', 'Ünïcödé 日本.mp4'),
        ('x' * 400 + '.mp4', 'x' * 251 + '.mp4'),
        ('<img onerror=x>.png', '<img onerror=x>.png'),
    ],
)
async def test_a_name_is_only_data(inbox: Inbox, folder: Path, sent: str, kept: str) -> None:
    item = await inbox.receive(sent, chunks(b'x'))

    assert item.name == kept
    assert names_in(folder) == [item.id, f'{item.id}.json']


async def test_deleting_leaves_nothing(inbox: Inbox, folder: Path, news: list[InboxChanged]) -> None:
    item = await inbox.receive('a.txt', chunks(b'x'))

    await inbox.delete(item.id)

    assert inbox.all() == []
    assert names_in(folder) == []
    assert len(news) == 2


async def test_a_file_that_is_too_large_is_refused_at_once_or_while_received_and_leaves_nothing(
    inbox: Inbox, folder: Path
) -> None:
    with pytest.raises(TooLarge) as expected:
        await inbox.receive('big.mp4', chunks(), 11 * MEGABYTE)
    with pytest.raises(TooLarge):
        await inbox.receive('liar.mp4', chunks(*[b'x' * MEGABYTE] * 11), 5)

    assert expected.value.hint
    assert names_in(folder) == []
    exact = await inbox.receive('exact.mp4', chunks(*[b'x' * MEGABYTE] * 10))
    assert exact.size == 10 * MEGABYTE


async def test_what_cannot_fit_on_the_disk_is_refused_before_it_is_received(
    inbox: Inbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.inbox.inbox.free_bytes', lambda _: 5 * MEGABYTE)

    with pytest.raises(DiskIsFull):
        await inbox.receive('a.mp4', chunks(b'x'), 6 * MEGABYTE)
    assert names_in(folder) == []


async def test_two_files_at_once_do_not_count_on_the_same_free_space(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('synapse.inbox.inbox.free_bytes', lambda _: 8 * MEGABYTE)
    is_coming, may_end = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        is_coming.set()
        await may_end.wait()
        yield b'x'

    first = asyncio.create_task(inbox.receive('a', slowly(), 5 * MEGABYTE))
    await is_coming.wait()
    with pytest.raises(DiskIsFull):
        await inbox.receive('b', chunks(b'x'), 5 * MEGABYTE)
    may_end.set()
    await first

    assert (await inbox.receive('b', chunks(b'x'), 5 * MEGABYTE)).size == 1


async def test_a_disk_that_fills_up_during_an_upload_leaves_nothing(inbox: Inbox, folder: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MEGABYTE, hard))
    try:
        with pytest.raises(DiskIsFull, match='nothing was saved'):
            await inbox.receive('a.mp4', chunks(*[b'x' * MEGABYTE] * 4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert inbox.all() == []
    assert names_in(folder) == []


async def test_a_sender_who_vanishes_leaves_nothing(inbox: Inbox, folder: Path, news: list[InboxChanged]) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b'x' * 2 * MEGABYTE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await inbox.receive('a.mp4', broken())

    assert names_in(folder) == []
    assert news == []


async def test_a_cancelled_upload_leaves_nothing(inbox: Inbox, folder: Path) -> None:
    has_begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b'x' * 1_000
            has_begun.set()
            await asyncio.sleep(0)

    upload = asyncio.create_task(inbox.receive('a.mp4', endless()))
    await has_begun.wait()
    assert [path.suffix for path in folder.iterdir()] == ['.part']
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload

    assert names_in(folder) == []


async def test_a_restart_finds_what_was_received_and_removes_what_was_not(inbox: Inbox, folder: Path) -> None:
    item = await inbox.receive('a.mp4', chunks(b'abc'))
    (folder / 'half.part').write_bytes(b'x')
    (folder / 'without-bytes.json').write_bytes(b'{}')

    again = Inbox(folder, MEGABYTE, Bus())

    assert again.all() == [item]
    assert names_in(folder) == [item.id, f'{item.id}.json']


async def test_bytes_are_still_available_when_their_description_is_damaged(inbox: Inbox, folder: Path) -> None:
    item = await inbox.receive('a.mp4', chunks(b'abc'))
    (folder / f'{item.id}.json').write_bytes(b'\x00')

    (found,) = Inbox(folder, MEGABYTE, Bus()).all()

    assert isinstance(found, InboxItem)
    assert (found.id, found.name, found.size) == (item.id, item.id, 3)
