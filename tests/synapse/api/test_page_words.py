"""The pages of the gate, in the language of who is asked in."""

from pathlib import Path

import pytest

from synapse.api.gate import page_words
from synapse.language import answering_in

STATIC = Path(page_words.__file__).parent / 'static'


@pytest.mark.parametrize(
    ('name', 'texts'),
    [('login.html', page_words.SIGN_IN), ('auth.html', page_words.LINK), ('refused.html', page_words.REFUSED)],
)
def test_each_text_is_in_its_page_and_is_said_in_the_language_of_its_reader(name: str, texts: tuple[str, ...]) -> None:
    page = (STATIC / name).read_text(encoding='utf-8')
    assert [text for text in texts if text not in page] == []

    with answering_in('en_XA'):
        said = page_words.in_words(page, texts)

    assert [text for text in texts if f'⟦{text}⟧' not in said] == []
