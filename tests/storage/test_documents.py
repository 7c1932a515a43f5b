import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import documents as module
from storage import recovery
from storage.documents import Documents, NewerSchema
from storage.files import StorageError

SYSTEM_CALLS = ('open', 'write', 'fsync', 'link', 'replace', 'unlink')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'profiles.json'


def filled(path: Path, *values: int) -> None:
    documents = Documents(path)
    for value in values:
        documents.put('a', {'value': value})
    documents.close()


def test_documents_come_back_as_they_were_put_and_in_that_order(path: Path) -> None:
    documents = Documents(path)
    documents.put('b', {'label': 'Übung', 'tags': [1, None, {'deep': True}]})
    documents.put('a', {'label': 'first'})
    documents.put('b', {'label': 'replaced'})

    again = Documents(path)

    assert again.all() == [{'label': 'replaced'}, {'label': 'first'}]
    assert again.get('a') == {'label': 'first'}
    assert again.get('missing') is None


def test_removing_returns_whether_there_was_something(path: Path) -> None:
    documents = Documents(path)
    documents.put('a', {})

    assert documents.remove('a') is True
    assert documents.remove('a') is False
    assert Documents(path).all() == []


def test_what_is_handed_out_is_a_copy(path: Path) -> None:
    documents = Documents(path)
    given_in = {'list': [1]}
    documents.put('a', given_in)

    given_in['list'].append(2)
    handed_out = documents.get('a')
    assert handed_out is not None
    handed_out['list'].append(3)
    documents.all()[0]['list'].append(4)

    assert documents.get('a') == {'list': [1]}


def test_the_file_is_readable_json_for_its_owner_only(path: Path) -> None:
    filled(path, 1)

    assert json.loads(path.read_text())['documents'] == {'a': {'value': 1}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_that_json_cannot_represent_changes_nothing(path: Path) -> None:
    documents = Documents(path)
    documents.put('a', {'value': 1})

    for value in (object(), float('nan')):
        with pytest.raises(ValueError, match='JSON'):
            documents.put('a', {'value': value})

    assert documents.get('a') == {'value': 1}
    assert Documents(path).get('a') == {'value': 1}


@pytest.mark.parametrize('damage', [b'', b'{"_meta": {"1": {"vers', b'\xff\xfe\x00', b'[]', b'{}', b'{"documents": 3}'])
def test_a_damaged_file_comes_back_as_it_was_last_written(path: Path, damage: bytes) -> None:
    filled(path, 1, 2, 3)
    path.write_bytes(damage)

    documents = Documents(path)

    assert documents.get('a') == {'value': 3}
    assert documents.damage is not None
    assert documents.damage.missing == ''
    assert [aside.read_bytes() for aside in path.parent.glob('*.corrupt-*')] == [damage]
    assert 'could not be read' in documents.notices[0]
    assert 'was restored from its copy' in documents.notices[1]


def test_two_damaged_generations_give_way_to_the_third(path: Path) -> None:
    filled(path, 1, 2, 3)
    path.write_bytes(b'x')
    path.with_name('profiles.json.1').write_bytes(b'y')

    assert Documents(path).get('a') == {'value': 1}


def test_a_lost_file_is_restored_as_it_was_last_written(path: Path) -> None:
    filled(path, 1, 2)
    path.unlink()

    assert Documents(path).get('a') == {'value': 2}


def test_without_its_journal_a_damaged_file_comes_back_one_change_older_and_says_so(path: Path) -> None:
    filled(path, 1, 2, 3)
    path.write_bytes(b'x')
    path.with_name('profiles.json.journal.1').unlink()

    documents = Documents(path)

    assert documents.get('a') == {'value': 2}
    assert documents.damage is not None
    assert 'The last changes' in documents.damage.missing
    assert Documents(path).damage is None  # said once


def test_of_damaged_files_the_newest_five_are_kept(path: Path) -> None:
    filled(path, 1, 2)
    for number in range(8):
        path.write_bytes(b'damage %d' % number)
        Documents(path).put('b', {'value': number})

    kept = sorted(aside.read_bytes() for aside in path.parent.glob('*.corrupt-*'))
    assert kept == [b'damage %d' % number for number in range(3, 8)]


def test_a_file_that_was_used_and_is_gone_with_all_copies_is_told(path: Path) -> None:
    assert Documents(path, was_used=False).damage is None
    path.unlink()

    lost = Documents(path, was_used=True).damage

    assert lost is not None
    assert 'is missing' in lost.missing


def test_a_file_that_cannot_be_opened_is_an_error_and_never_an_empty_start(path: Path) -> None:
    path.mkdir()

    with pytest.raises(StorageError, match=r'profiles\.json'):
        Documents(path)


def test_a_newer_file_is_refused_and_not_touched(path: Path) -> None:
    Documents(path, version=3).put('a', {'value': 1})
    before = path.read_bytes()

    with pytest.raises(NewerSchema, match='newer version'):
        Documents(path, version=2)
    assert path.read_bytes() == before


def test_older_documents_are_brought_up_to_date_one_version_at_a_time(path: Path) -> None:
    filled(path, 1)
    migrations: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
        1: lambda document: {'amount': document['value']},
        2: lambda document: {'amounts': [document['amount']]},
    }

    documents = Documents(path, version=3, migrations=migrations)

    assert documents.get('a') == {'amounts': [1]}
    assert Documents(path, version=3).get('a') == {'amounts': [1]}
    assert json.loads(path.with_name('profiles.json.version-1').read_text())['documents'] == {'a': {'value': 1}}


def test_writers_of_many_threads_lose_nothing(path: Path) -> None:
    documents = Documents(path)

    def write(number: int) -> None:
        for index in range(10):
            documents.put(f'{number}-{index}', {'n': index})

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(Documents(path).all()) == 80


def test_a_kill_at_any_system_call_leaves_the_old_state_or_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One of those before would put its own journal into the file, over what a child has written since.
    monkeypatch.setattr(module, 'SETTLE_SECONDS', 3600)
    filled(path, 1, 2, 3)
    documents = Documents(path)

    for call in range(1, 100):
        old = documents.get('a')
        new = {'value': 1000 + call}
        is_killed = _put_in_a_child_killed_at(documents, call, new)
        documents = Documents(path)
        assert documents.notices == []
        assert documents.get('a') in (old, new)
        if not is_killed:
            assert documents.get('a') == new
            assert call > 8
            return
    pytest.fail('the write never came to its end')


def _put_in_a_child_killed_at(documents: Documents, call: int, document: dict[str, Any]) -> bool:
    child = os.fork()
    if child == 0:
        _kill_myself_at(call)
        documents.put('a', document)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _kill_myself_at(call: int) -> None:
    left = call

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return wrapper

    for name in SYSTEM_CALLS:
        setattr(os, name, counted(getattr(os, name)))


def test_a_refused_write_is_seen_neither_in_memory_nor_after_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = Documents(path)
    documents.put('a', {'value': 1})

    def refuse(*_: object, **__: object) -> None:
        raise StorageError('refused')

    with monkeypatch.context() as patch:
        patch.setattr(module, 'write_atomically', refuse)
        with pytest.raises(StorageError, match='refused'):
            documents.put('a', {'value': 2})

    assert documents.get('a') == {'value': 1}
    assert Documents(path).get('a') == {'value': 1}
    documents.put('b', {})
    assert Documents(path).get('a') == {'value': 1}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec='utf-8')),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec='utf-8')), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=st.dictionaries(st.text(st.characters(codec='utf-8')), JSON, max_size=4))
def test_any_json_makes_the_round_trip(path: Path, document: dict[str, Any]) -> None:
    Documents(path).put('a', document)

    assert Documents(path).get('a') == document


def test_several_changes_are_one_write(path: Path) -> None:
    documents = Documents(path)
    documents.put('a', {'id': 'a'})
    documents.put('b', {'id': 'b'})

    documents.change({'b': {'id': 'b', 'n': 2}, 'c': {'id': 'c'}}, ['a', 'unknown'])

    assert documents.all() == [{'id': 'b', 'n': 2}, {'id': 'c'}]
    before = json.loads(path.with_name(f'{path.name}.1').read_text())
    assert list(before['documents']) == ['a', 'b'], 'the generation before holds the state before the whole change'


def test_the_file_is_indented_as_json_always_is(path: Path) -> None:
    documents = Documents(path)
    documents.put('a', {'id': 'a', 'list': [1, {'ü': None}], 'empty': {}})
    documents.put('b', {'id': 'b'})
    documents.put('a', {'id': 'a', 'text': 'two\nlines'})

    text = path.read_text()

    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def test_a_file_is_parsed_once_until_it_has_been_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Documents(path).put('a', {'id': 'a', 'address': 'sftp://host/x'})
    parsed: list[str] = []
    loads = json.loads
    monkeypatch.setattr('storage.documents.json.loads', lambda text: (parsed.append(text), loads(text))[1])
    of_file = recovery.parsed
    monkeypatch.setattr('storage.recovery.parsed', lambda data: (parsed.append(data.decode()), of_file(data))[1])

    documents = Documents(path)

    assert documents.has_text('://')
    assert not documents.has_text('ftps')
    first, again = documents.all(), documents.all()
    assert first == again == [{'id': 'a', 'address': 'sftp://host/x'}]
    assert len(parsed) == 2
