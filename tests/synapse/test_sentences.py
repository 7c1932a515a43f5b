"""What people read of Pydantic: our words, in their language."""

import pytest
from pydantic import BaseModel, Field, IPvAnyNetwork, ValidationError

from synapse.language import PSEUDO, answering_in
from synapse.sentences import FIELDS, sentence_of


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
