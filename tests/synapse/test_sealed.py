"""Secrets among parameters are unreadable without the key of their data folder."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.sealed import PREFIX, CannotOpen, Seal, has_sealed, masked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda item: st.lists(item) | st.dictionaries(st.text(), item),
)


@pytest.fixture(scope='module')
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return Seal(tmp_path_factory.mktemp('seal') / 'key')


@given(value=JSON)
def test_what_is_sealed_can_be_opened(seal: Seal, value: Any) -> None:
    text = seal.sealed(value)

    assert text.startswith(PREFIX)
    assert seal.open(text) == value
    assert seal.sealed(value) == text


def test_a_sealed_text_shows_nothing_and_cannot_be_changed_or_opened_with_another_key(tmp_path: Path) -> None:
    seal = Seal(tmp_path / 'key')
    text = seal.sealed('hunter2')

    assert 'hunter2' not in text
    assert (tmp_path / 'key').stat().st_mode & 0o777 == 0o600
    assert Seal(tmp_path / 'key').open(text) == 'hunter2'
    changed = text[:-5] + ('A' if text[-5] != 'A' else 'B') + text[-4:]
    for other, wrong in [(seal, changed), (Seal(tmp_path / 'other'), text)]:
        with pytest.raises(CannotOpen):
            other.open(wrong)


def test_a_damaged_key_is_said_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / 'key').write_bytes(b'short')

    with pytest.raises(CannotOpen, match='key is damaged'):
        Seal(tmp_path / 'key').sealed('x')
    assert (tmp_path / 'key').read_bytes() == b'short'


def test_secrets_are_sealed_at_their_places_and_masked_on_screens(seal: Seal) -> None:
    values = {'a': {'password': 'one'}, 'list': ['two', ''], 'name': 'me', 'none': None}

    sealed = seal.with_sealed(values, [('a', 'password'), ('list', 0), ('list', 1), ('none',)])

    assert (values['a'], sealed['name'], sealed['list'][1], sealed['none']) == ({'password': 'one'}, 'me', '', None)
    assert seal.opened(sealed) == values
    assert sorted(seal.texts_in(sealed)) == ['one', 'two']
    assert masked(sealed) == {'a': {'password': '••••••••'}, 'list': ['••••••••', ''], 'name': 'me', 'none': None}
    assert (has_sealed(sealed), has_sealed(values)) == (True, False)


def test_a_text_that_merely_begins_alike_stands_for_itself(seal: Seal) -> None:
    for text in (f'{PREFIX}hello', f'{PREFIX}not base64!', 'sealed: with a kiss'):
        assert seal.open(text) == text
