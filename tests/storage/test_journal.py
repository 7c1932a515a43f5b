"""Large documents have a journal beside their file: nothing acknowledged is lost, whatever happens to either."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import documents as module
from storage.documents import Documents, NewerSchema
from storage.files import DiskFull, StorageError
from tests.parts.harness import wait_until

SYSTEM_CALLS = ('open', 'write', 'fsync', 'ftruncate', 'link', 'replace', 'unlink')
LONG = 'words ' * 1_000
MANY = 20
SETTLE_LATER = Documents._settle_later

Operation = Callable[[Documents], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'events.json'


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the journal into the file only where a test says so."""
    monkeypatch.setattr(Documents, '_settle_later', lambda _: None)


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the journal into the file after a very short pause."""
    monkeypatch.setattr(Documents, '_settle_later', SETTLE_LATER)
    monkeypatch.setattr(module, 'SETTLE_SECONDS', 0.01)


def document(value: object) -> dict[str, Any]:
    return {'value': value, 'filler': LONG}


def filled(path: Path) -> Documents:
    """Documents `d0` to `d19` in the file, no journal yet."""
    documents = Documents(path)
    documents.change({f'd{number}': document(0) for number in range(MANY)})
    documents.close()
    return Documents(path)


def left_by_a_crash(path: Path, **values: object) -> Path:
    """A file of twenty documents, and a journal that gives some of them these values, one after the other."""
    documents = filled(path)
    for id, value in values.items():
        documents.put(id, document(value))
    return journal_of(path)


def journal_of(path: Path) -> Path:
    return path.with_name(f'{path.name}.journal')


def values_in(documents: Documents) -> dict[str, Any]:
    return {f'd{number}': found['value'] for number in range(MANY + 5) if (found := documents.get(f'd{number}'))}


def in_file(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())['documents']
    return found


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Edit the file as a person does."""
    tables = json.loads(path.read_text())
    change(tables['documents'])
    path.write_text(json.dumps(tables, indent=4))


def asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob('*.corrupt-*'))


def test_a_change_of_a_large_file_goes_to_the_journal_and_is_there_after_a_crash(path: Path) -> None:
    journal = left_by_a_crash(path, d3=1, d4='ü', d3_=2)

    assert in_file(path)['d3']['value'] == 0
    assert len(journal.read_bytes().splitlines()) == 4
    assert journal.stat().st_mode & 0o777 == 0o600
    again = Documents(path)
    assert values_in(again) == values_in(filled(path.with_name('other.json'))) | {'d3': 1, 'd4': 'ü'}
    assert again.notices == []


def test_a_small_file_has_no_journal(path: Path) -> None:
    documents = Documents(path)
    documents.put('a', {'value': 1})
    documents.put('a', {'value': 2})

    assert in_file(path) == {'a': {'value': 2}}
    assert not journal_of(path).exists()


def test_removals_and_several_changes_at_once_are_in_the_journal_too(path: Path) -> None:
    documents = filled(path)
    documents.change({'d20': document('new'), 'd1': document(1)}, ['d2'])
    documents.remove('d3')

    found = values_in(Documents(path))

    assert found['d20'] == 'new'
    assert found['d1'] == 1
    assert 'd2' not in found
    assert 'd3' not in found


def test_closing_puts_everything_into_the_file(path: Path) -> None:
    documents = filled(path)
    documents.put('d3', document(1))

    documents.close()

    assert in_file(path)['d3']['value'] == 1
    assert not journal_of(path).exists()
    text = path.read_text()
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


@pytest.mark.usefixtures('settling')
def test_the_journal_is_put_into_the_file_when_changes_pause(path: Path) -> None:
    documents = filled(path)

    documents.put('d3', document(1))

    wait_until(lambda: in_file(path)['d3']['value'] == 1 and not journal_of(path).exists(), timeout=10)
    documents.put('d3', document(2))
    assert values_in(Documents(path))['d3'] == 2


def test_a_long_journal_is_put_into_the_file_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = filled(path)
    monkeypatch.setattr(module, 'JOURNAL_BYTES', 60_000)

    for value in range(40):
        documents.put('d3', document(value))
        assert not journal_of(path).exists() or journal_of(path).stat().st_size < 75_000

    assert values_in(Documents(path))['d3'] == 39


def test_a_file_that_cannot_be_written_keeps_its_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = filled(path)
    documents.put('d3', document(1))

    def refuse(*_: object, **__: object) -> None:
        raise StorageError('refused')

    with monkeypatch.context() as patch:
        patch.setattr(module, 'write_atomically', refuse)
        documents.close()
    documents.put('d4', document(2))

    found = values_in(Documents(path))
    assert (found['d3'], found['d4']) == (1, 2)


# Power cuts and damage


@pytest.mark.parametrize('kept', [0, 1, 9, 100, 6_000, -2, -1])
@pytest.mark.parametrize('rest', [b'', b'\0' * 512])
def test_a_line_that_was_cut_off_was_never_acknowledged_and_hurts_nothing(path: Path, kept: int, rest: bytes) -> None:
    journal = left_by_a_crash(path, d3=1)
    whole = journal.stat().st_size
    Documents(path).put('d3', document(2))
    data = journal.read_bytes()
    journal.write_bytes(data[:whole] + data[whole:][:kept] + rest)

    documents = Documents(path)
    assert values_in(documents)['d3'] == 1
    assert documents.notices == []
    documents.put('d4', document(5))

    again = values_in(Documents(path))
    assert (again['d3'], again['d4']) == (1, 5)
    assert asides(path) == []


def test_a_damaged_line_is_told_and_all_others_are_read(path: Path) -> None:
    journal = left_by_a_crash(path, d3=1, d4=1, d5=1)
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = b''.join([*lines[:2], lines[2].replace(b'"value":1', b'"value":7'), *lines[3:]])
    journal.write_bytes(damaged)

    documents = Documents(path)

    found = values_in(documents)
    assert (found['d3'], found['d4'], found['d5']) == (1, 0, 1)
    (aside,) = asides(path)
    assert aside.read_bytes() == damaged
    assert documents.notices == [f'1 lines of events.json.journal could not be read; it is kept as {aside.name}.']
    assert values_in(Documents(path)) == found
    assert Documents(path).notices == []


def test_a_journal_of_garbage_is_kept_aside(path: Path) -> None:
    filled(path)
    journal_of(path).write_bytes(b'garbage\n' * 3)

    documents = Documents(path)

    assert values_in(documents)['d3'] == 0
    assert [aside.read_bytes() for aside in asides(path)] == [b'garbage\n' * 3]
    assert documents.notices[0].startswith('3 lines of events.json.journal could not be read')


def test_a_damaged_file_comes_back_whole_from_its_generation_and_both_journals(path: Path) -> None:
    documents = filled(path)
    documents.put('d3', document(1))
    documents.close()
    documents = Documents(path)
    documents.put('d4', document(2))
    path.write_bytes(b'{"documents": ')

    again = Documents(path)

    found = values_in(again)
    assert (found['d3'], found['d4']) == (1, 2)
    assert 'was restored from its copy of' in again.notices[1]
    assert again.notices[1].endswith('UTC and the changes in its journal.')
    assert values_in(Documents(path)) == found


def test_without_any_readable_file_the_documents_of_the_journal_are_left(path: Path) -> None:
    left_by_a_crash(path, d3=1)
    for file in (path, *path.parent.glob('events.json.[12]')):
        file.write_bytes(b'x')

    documents = Documents(path)

    assert values_in(documents) == {'d3': 1}
    assert documents.notices[-1] == ('No readable copy of events.json was found; it starts with what its journal has.')


def test_a_journal_that_disappears_meanwhile_loses_nothing(path: Path) -> None:
    documents = filled(path)
    documents.put('d3', document(1))
    journal_of(path).unlink()

    documents.put('d4', document(2))

    found = values_in(Documents(path))
    assert (found['d3'], found['d4']) == (1, 2)


# Edits by hand while the program is off


def test_an_edit_by_hand_is_taken_and_so_is_the_journal(path: Path) -> None:
    left_by_a_crash(path, d3=1, d4=1)
    edit(path, lambda found: (found['d5'].update(value='by hand'), found.pop('d6'), found.update(d21=document('mine'))))

    documents = Documents(path)

    found = values_in(documents)
    assert (found['d3'], found['d4'], found['d5'], found['d21']) == (1, 1, 'by hand', 'mine')
    assert 'd6' not in found
    assert documents.notices == [
        'events.json was edited while this program was off; it was taken, with the later changes in '
        'events.json.journal.'
    ]
    assert values_in(Documents(path)) == found
    assert Documents(path).notices == []


@pytest.mark.parametrize('by_hand', ['changed', 'removed'])
def test_where_both_changed_a_document_the_person_has_the_last_word_and_is_told(path: Path, by_hand: str) -> None:
    journal = left_by_a_crash(path, d3=1, d4=1)
    before = journal.read_bytes()
    edit(path, lambda found: found['d3'].update(value='by hand') if by_hand == 'changed' else found.pop('d3'))

    documents = Documents(path)

    found = values_in(documents)
    assert found.get('d3') == ('by hand' if by_hand == 'changed' else None)
    assert found['d4'] == 1
    (aside,) = asides(path)
    assert aside.read_bytes() == before
    assert documents.notices[0].endswith(
        f'1 of them are about what was edited too: they were left out, see {aside.name}.'
    )


def test_formatting_alone_is_no_edit_of_a_document(path: Path) -> None:
    left_by_a_crash(path, d3=1)
    edit(path, lambda found: None)

    documents = Documents(path)

    assert values_in(documents)['d3'] == 1
    assert asides(path) == []


def test_a_folder_copied_file_by_file_while_the_journal_is_put_into_the_file_is_complete(path: Path) -> None:
    copied = path.with_name('copy') / path.name
    copied.parent.mkdir()
    documents = filled(path)
    documents.put('d3', document(1))
    shutil.copy2(path, copied)
    documents.close()
    documents = Documents(path)
    documents.put('d4', document(2))
    for other in path.parent.glob('events.json.*'):
        shutil.copy2(other, copied.parent)

    again = Documents(copied)

    found = values_in(again)
    assert (found['d3'], found['d4']) == (1, 2)
    assert again.notices == []


def test_a_newer_file_is_refused_and_neither_it_nor_its_journal_is_touched(path: Path) -> None:
    documents = Documents(path, version=3)
    documents.change({f'd{number}': document(0) for number in range(MANY)})
    documents.put('d3', document(1))
    journal = journal_of(path)
    journal.write_bytes(journal.read_bytes() + b'cut o')
    before = path.read_bytes(), journal.read_bytes()

    with pytest.raises(NewerSchema, match='newer version'):
        Documents(path, version=2)

    assert (path.read_bytes(), journal.read_bytes()) == before


def test_an_older_file_with_a_journal_is_brought_up_to_date(path: Path) -> None:
    left_by_a_crash(path, d3=1)

    documents = Documents(path, version=2, migrations={1: lambda found: found | {'value': found['value'] + 10}})

    assert values_in(documents)['d3'] == 11
    assert values_in(Documents(path, version=2))['d4'] == 10


# Real disks that refuse


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a disk of its own in memory; it takes options, and is mounted again with others."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    is_mounted = False

    def mount(options: str) -> Path:
        nonlocal is_mounted
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'none', str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f'no disk can be mounted here: {done.stderr.decode()}')
        is_mounted = True
        return folder

    yield mount
    if is_mounted:
        subprocess.run(['umount', str(folder)], check=True)


def test_a_full_disk_keeps_the_old_state_and_goes_on_when_there_is_room(mounted: Callable[..., Path]) -> None:
    path = mounted('size=500k') / 'events.json'
    documents = filled(path)
    filler = path.with_name('other')
    filler.write_bytes(b'x' * 200_000)
    saved = 0

    def fill() -> None:
        nonlocal saved
        for value in itertools.count(1):
            documents.put('d3', document(value))
            saved = value

    with pytest.raises(DiskFull, match=r'events\.json'):
        fill()

    assert values_in(documents)['d3'] == saved
    assert values_in(Documents(path))['d3'] == saved
    documents.close()
    assert values_in(Documents(path))['d3'] == saved
    filler.unlink()
    documents = Documents(path)
    documents.put('d3', document('again'))
    documents.close()
    assert in_file(path)['d3']['value'] == 'again'


def test_a_disk_that_became_read_only_keeps_the_old_state(mounted: Callable[..., Path]) -> None:
    folder = mounted('size=2m')
    documents = filled(folder / 'events.json')
    documents.put('d3', document(1))
    subprocess.run(['mount', '-o', 'remount,ro', str(folder)], check=True)

    with pytest.raises(StorageError, match=r'events\.json cannot be read or written'):
        documents.put('d3', document(2))

    assert values_in(documents)['d3'] == 1
    documents.close()
    subprocess.run(['mount', '-o', 'remount,rw', str(folder)], check=True)
    assert values_in(Documents(folder / 'events.json'))['d3'] == 1


# Every system call


def puts(documents: Documents) -> None:
    documents.put('d3', document('new'))


def folds(documents: Documents) -> None:
    documents.put('d3', document('new'))
    documents.forget_changes()


OPERATIONS = pytest.mark.parametrize('operation', [puts, folds])


@OPERATIONS
@pytest.mark.parametrize('is_first', [True, False], ids=['first line', 'later line'])
def test_a_kill_at_any_system_call_leaves_the_old_state_or_the_new_one(
    path: Path, operation: Operation, is_first: bool
) -> None:
    for call in range(1, 100):
        documents = prepared(path, is_first=is_first)
        is_killed = _child_killed_at(call, lambda: operation(documents))  # noqa: B023 - called at once
        again = Documents(path)
        found = values_in(again)
        assert again.notices == []
        assert found['d3'] in (0, 'new')
        assert found['d4'] == (0 if is_first else 'before')
        assert len(found) == MANY
        if not is_killed:
            assert found['d3'] == 'new'
            return
    pytest.fail('it never came to its end')


@OPERATIONS
@pytest.mark.parametrize('error', [errno.ENOSPC, errno.EIO], ids=['full', 'broken'])
@pytest.mark.parametrize('is_first', [True, False], ids=['first line', 'later line'])
def test_a_refusal_of_any_system_call_leaves_the_old_state_or_the_new_one(
    path: Path, operation: Operation, error: int, is_first: bool
) -> None:
    for call in range(1, 100):
        documents = prepared(path, is_first=is_first)
        refused = None
        try:
            with _refused_at(call, error) as left:
                operation(documents)
        except StorageError as told:
            refused = told
        in_memory = values_in(documents)
        assert refused is None or isinstance(refused, DiskFull) == (error == errno.ENOSPC)
        if operation is puts:
            assert in_memory['d3'] == (0 if refused else 'new')
        found = values_in(Documents(path))
        assert found == in_memory
        documents.put('d5', document('after'))
        assert values_in(Documents(path)) == in_memory | {'d5': 'after'}
        if left():
            return
    pytest.fail('it never came to its end')


def prepared(path: Path, *, is_first: bool) -> Documents:
    for old in path.parent.glob(f'{path.name}*'):
        old.unlink()
    documents = filled(path)
    if not is_first:
        documents.put('d4', document('before'))
    return documents


def _child_killed_at(call: int, work: Callable[[], object]) -> bool:
    child = os.fork()
    if child == 0:
        _replace_calls(_counted(call, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


class _refused_at:
    """Refuse this call of the system once; gives a function that tells whether there were fewer calls."""

    def __init__(self, call: int, error: int) -> None:
        self._left, self._error = call, error

    def __enter__(self) -> Callable[[], bool]:
        self._originals = {name: getattr(os, name) for name in SYSTEM_CALLS}
        _replace_calls(self._refusing)
        return lambda: self._left > 0

    def __exit__(self, *_: object) -> None:
        for name, original in self._originals.items():
            setattr(os, name, original)

    def _refusing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                raise OSError(self._error, os.strerror(self._error))
            return original(*arguments, **named)

        return wrapper


def _counted(call: int, end: Callable[[], object]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    left = call

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                end()
            return original(*arguments, **named)

        return wrapper

    return wrapped


def _replace_calls(wrapped: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    for name in SYSTEM_CALLS:
        setattr(os, name, wrapped(getattr(os, name)))


# Threads and memory


@pytest.mark.usefixtures('settling')
def test_writers_of_many_threads_lose_nothing_while_the_journal_is_put_into_the_file(path: Path) -> None:
    documents = filled(path)

    def write(number: int) -> None:
        for index in range(20):
            documents.put(f'{number}-{index}', {'n': index})

    threads = [threading.Thread(target=write, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(Documents(path).all()) == MANY + 120
    documents.close()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures('traced')
def test_memory_stays_flat_over_a_thousand_changes(path: Path) -> None:
    documents = filled(path)

    def changed(count: int) -> int:
        for value in range(count):
            documents.put(f'd{value % MANY}', document(value))
        return tracemalloc.get_traced_memory()[0]

    before = changed(100)
    after = changed(1_000)

    assert after - before < 50_000
    assert sum(file.stat().st_size for file in path.parent.iterdir()) < 8 * module.JOURNAL_BYTES


def test_what_only_pythons_json_can_write_is_kept_exactly(path: Path) -> None:
    filled(path)
    odd = {'value': 2**70, 'text': '\ud800', 'small': 1e-07, 'filler': LONG}
    edit(path, lambda found: found.update(d20=odd))

    documents = Documents(path)
    documents.put('d21', odd)
    documents.put('d21', odd | {'value': 1})
    assert Documents(path).get('d21') == odd | {'value': 1}
    documents.close()

    assert Documents(path).get('d20') == odd
    assert Documents(path).get('d21') == odd | {'value': 1}
