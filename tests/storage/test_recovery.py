"""A file of documents is read as Python's own JSON reads it, only faster."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.recovery import parsed

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(_VALUES, st.booleans())
@example(2**64, False)
@example([-(2**63) - 1, 10**30], True)
@example({'half': '\ud800', 'not a number': [float('inf')]}, False)
def test_every_value_is_read_as_python_reads_it(value: Any, is_indented: bool) -> None:
    text = json.dumps(value, indent=2 if is_indented else None).encode()

    read, wanted = parsed(text), json.loads(text)

    assert repr(read) == repr(wanted)  # also tells 1 from 1.0, and equals for what isn't a number


@pytest.mark.parametrize('data', [b'', b'{', b'{"a": 1}x', b'\xff', b'\xef\xbb\xbf{}', b"{'a': 1}"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r'.'):
        parsed(data)
