"""Schemas as Pydantic writes them become plain ones; typed text becomes values, or a sentence that says the fix."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from pages.parts.fields import Unreadable, pairs_from
from pages.parts.schema_fields import plain


class Example(BaseModel):
    maybe: int | None = None
    choice: Literal['a', 'b'] = 'a'
    either: Literal['a'] | None = None
    path: Path | None = None
    ranged: int = Field(3, ge=1, le=9)


SCHEMA: dict[str, Any] = Example.model_json_schema()


@pytest.mark.parametrize(
    ('name', 'kind', 'is_nullable'),
    [('maybe', 'integer', True), ('choice', 'string', False), ('path', 'string', True), ('ranged', 'integer', False)],
)
def test_the_null_is_taken_out_of_a_schema(name: str, kind: str, is_nullable: bool) -> None:
    merged, nullable = plain(SCHEMA['properties'][name], SCHEMA)

    assert (merged['type'], nullable) == (kind, is_nullable)


def test_a_single_constant_is_a_choice() -> None:
    merged, nullable = plain(SCHEMA['properties']['either'], SCHEMA)

    assert merged['enum'] == ['a']
    assert nullable


def test_pairs_are_read_line_by_line() -> None:
    assert pairs_from('A=1\n\n B = x=y \n', is_text=True) == {'A': '1', 'B': 'x=y'}
    assert pairs_from('keep=3\non=true\nname=plain', is_text=False) == {'keep': 3, 'on': True, 'name': 'plain'}


@pytest.mark.parametrize('line', ['novalue', '=x', '  = y'])
def test_a_line_that_is_no_pair_is_named(line: str) -> None:
    with pytest.raises(Unreadable, match='NAME=value'):
        pairs_from(f'A=1\n{line}', is_text=True)
