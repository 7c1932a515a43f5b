"""Values hidden from everyone who has no key."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.sealed import PREFIX, CannotOpen, Seal, has_sealed, masked

VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@pytest.fixture(scope='module')
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return Seal(tmp_path_factory.mktemp('seal') / 'key')


@given(value=VALUES)
def test_what_is_sealed_can_be_opened(seal: Seal, value: object) -> None:
    text = seal.sealed(value)

    assert text.startswith(PREFIX)
    assert seal.opened({'a': [text, 'plain']}) == {'a': [value, 'plain']}
    assert seal.sealed(value) == text
    if isinstance(value, str) and len(value) > 5:
        assert json.dumps(value)[1:-1] not in text


def test_the_key_is_private_made_when_needed_and_kept(tmp_path: Path) -> None:
    path = tmp_path / 'key'
    text = Seal(path).sealed('secret')

    assert path.stat().st_mode & 0o777 == 0o600
    assert Seal(path).open(text) == 'secret'


def test_nothing_is_opened_with_another_key_or_once_it_was_changed(tmp_path: Path) -> None:
    text = Seal(tmp_path / 'one').sealed('secret')

    for seal, given_text in ((Seal(tmp_path / 'two'), text), (Seal(tmp_path / 'one'), f'{text[:-12]}AAAA{text[-8:]}')):
        with pytest.raises(CannotOpen):
            seal.open(given_text)


def test_texts_that_only_look_sealed_stand_for_themselves(seal: Seal) -> None:
    assert seal.open(f'{PREFIX}not base64!') == f'{PREFIX}not base64!'
    assert seal.open('sealed: with a kiss') == 'sealed: with a kiss'


def test_values_are_sealed_in_their_places_and_masked_for_screens(seal: Seal) -> None:
    values = {'a': {'b': ['x', 'secret']}, 'c': '', 'd': 1}

    hidden = seal.with_sealed(values, [['a', 'b', 1], ['c']])

    assert has_sealed(hidden)
    assert not has_sealed(values)
    assert masked(hidden) == {'a': {'b': ['x', '••••••••']}, 'c': '', 'd': 1}
    assert seal.texts_in(hidden) == ['secret']
    assert seal.opened(hidden) == values
