"""The catalogues of all languages have each text of the program, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import catalogues
from synapse.language import ENGLISH, LANGUAGES
from tests.parts.harness import ROOT

OTHERS = [name for name in LANGUAGES if name != ENGLISH]
CALLS = {'_': 1, 'N_': 1, '_n': 2, 'Nn_': 2, '_p': 2, 'Np_': 2}
"""How many of the first arguments are literals."""


@pytest.mark.parametrize('language', OTHERS)
def test_each_text_is_in_the_catalogue_and_the_catalogue_is_compiled(language: str) -> None:
    stale = [path.relative_to(ROOT) for path, content in catalogues.written(language) if path.read_bytes() != content]

    assert stale == [], 'Run: python scripts/catalogues.py'


@pytest.mark.parametrize('language', OTHERS)
def test_each_text_is_translated(language: str) -> None:
    missing = [
        message.id for message in catalogues.read(language) if message.id and not catalogues.is_translated(message)
    ]

    assert missing == []


@pytest.mark.parametrize('language', OTHERS)
def test_translations_have_the_values_of_the_texts(language: str) -> None:
    wrong = [
        translation
        for message in catalogues.read(language)
        if message.id and catalogues.is_translated(message)
        for text, translation in _pairs(message.id, message.string)
        if _values(text) != _values(translation)
    ]

    assert wrong == []


def _pairs(text: str | tuple[str, str], translation: str | tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(text, str):
        yield text, str(translation)
    else:
        # One form may say "one" in words.
        yield text[1], translation[-1]


def _values(text: str) -> set[str]:
    return set(re.findall(r'\{(\w+)[!:}]', text))


def test_texts_are_written_where_they_are_marked() -> None:
    """What is not a literal is found by no translator."""
    sources = [path for floor in ('pages', 'storage', 'synapse') for path in sorted((ROOT / floor).rglob('*.py'))]

    assert [place for path in sources for place in _not_literal(path)] == []


def _not_literal(path: Path) -> Iterator[str]:
    if path.parent == ROOT / 'synapse/language':
        return
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            texts = node.args[: CALLS[node.func.id]]
            if not all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts):
                yield f'{path.relative_to(ROOT)}:{node.lineno}'
