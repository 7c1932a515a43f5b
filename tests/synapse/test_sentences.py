"""Errors of Pydantic as sentences, in each language."""

from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import pytest
from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    FutureDate,
    HttpUrl,
    IPvAnyNetwork,
    PastDatetime,
    TypeAdapter,
    ValidationError,
)
from pydantic_core.core_schema import ErrorType

from synapse.language import PSEUDO, answering_in
from synapse.sentences import _PARAMETERS, FIELDS, sentence_of


class Model(BaseModel):
    x: int


class Colour(Enum):
    RED = 'red'


WRONG: list[tuple[Any, Any]] = [
    (int, 'x'),
    (Annotated[int, Field(ge=1)], 0),
    (Annotated[float, Field(multiple_of=2)], 3),
    (bool, 'x'),
    (str, 1),
    (Annotated[str, Field(min_length=2)], 'a'),
    (Annotated[str, Field(pattern='^a$')], 'b'),
    (Annotated[list[int], Field(max_length=1)], [1, 2]),
    (dict[str, int], 1),
    (Literal['a', 'b'], 'c'),
    (Colour, 'x'),
    (date, 'x'),
    (FutureDate, '2000-01-01'),
    (PastDatetime, '2999-01-01T00:00:00Z'),
    (AwareDatetime, '2026-01-01T00:00:00'),
    (time, 'x'),
    (datetime, 'x'),
    (Annotated[Decimal, Field(max_digits=2)], '123'),
    (Annotated[Decimal, Field(decimal_places=1)], '1.23'),
    (HttpUrl, 'x'),
    (UUID, 'x'),
    (Model, 1),
    (Model, {}),
    (Path, 1),
    (bytes, 1),
    (frozenset[int], 1),
]


@pytest.mark.parametrize(('kind', 'value'), WRONG)
def test_a_wrong_value_has_a_sentence_in_each_language(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    details = caught.value.errors()[0]
    said = sentence_of(details)
    with answering_in('pt_BR'):
        translated = sentence_of(details)

    assert translated != said
    assert not said.startswith('Input')
    assert translated != 'Este valor não é válido.'


def test_every_sentence_belongs_to_an_error_that_there_is() -> None:
    of_pydantic_itself = {'path_type', 'path_not_file', 'path_not_directory', 'ip_any_network'}

    assert {*_PARAMETERS} - {*get_args(ErrorType)} == of_pydantic_itself


class _Values(BaseModel):
    port: int = Field(8000, ge=0, le=65_535)
    name: str = Field('x', min_length=1)
    proxy: IPvAnyNetwork | None = None


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ({'port': 99_999}, 'Must be 65535 or less.'),
        ({'port': 'many'}, 'Write a whole number.'),
        ({'name': ''}, 'Give at least 1 character.'),
        ({'proxy': 'nginx'}, 'Write an address or network such as 10.0.0.2 or 10.0.0.0/8.'),
    ],
)
def test_a_wrong_value_of_any_record_has_words_that_can_be_translated(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        _Values.model_validate(values)
    (details,) = wrong.value.errors()

    assert sentence_of(details) == sentence_of(details, FIELDS) == sentence
    with answering_in(PSEUDO):
        assert sentence_of(details).startswith('⟦')
