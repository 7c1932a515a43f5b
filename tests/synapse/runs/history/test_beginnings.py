"""The beginning of a file as text: bounded, decoded, JSON laid out, and nothing for what is no text."""

from pathlib import Path

import pytest

from synapse.errors import NotFound
from synapse.runs.history.beginnings import MOST_BYTES, MOST_JSON, beginning_of


@pytest.mark.parametrize(
    ('data', 'text'),
    [
        (b'', ''),
        ('Grüße\n'.encode(), 'Grüße\n'),
        ('Grüße'.encode('utf-8-sig'), 'Grüße'),
        ('Grüße'.encode('utf-16'), 'Grüße'),
        ('Grüße'.encode('utf-32'), 'Grüße'),
        (b'caf\xe9', 'caf\ufffd'),
    ],
)
def test_a_text_is_shown_whatever_its_encoding(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / 'notes.txt'
    path.write_bytes(data)

    found = beginning_of(path)

    assert found is not None
    assert (found.text, found.is_all) == (text, True)


def test_a_huge_text_shows_its_beginning_and_cuts_no_letter_in_two(tmp_path: Path) -> None:
    path = tmp_path / 'huge.log'
    path.write_bytes(b'.' + 'ß'.encode() * MOST_BYTES)

    found = beginning_of(path)

    assert found is not None
    assert (found.shown, found.size, found.is_all) == (MOST_BYTES, 1 + 2 * MOST_BYTES, False)
    assert set(found.text) == {'.', 'ß'}


def test_a_file_with_zeros_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / 'blob'
    path.write_bytes(b'ELF\0\1')

    assert beginning_of(path) is None


@pytest.mark.parametrize(
    ('data', 'text'),
    [
        (b'{"a": [1, "\xc3\xbc"]}', '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'),
        (b'{"a": ', '{"a": '),
        (b'[' * 100_000, '[' * 100_000),
        (b'{"a": "' + b'x' * MOST_JSON + b'"}', '{"a": "' + 'x' * (MOST_BYTES - 7)),
    ],
)
def test_json_is_laid_out_if_it_is_whole_and_small(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / 'facts.json'
    path.write_bytes(data)

    found = beginning_of(path)

    assert found is not None
    assert found.text == text


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        beginning_of(tmp_path / 'gone.txt')

    assert caught.value.code == 'artifact_not_found'
