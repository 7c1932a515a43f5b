"""The reference says what the code says."""

from scripts.reference import markdown, title_of, written


def test_the_reference_is_that_of_the_code() -> None:
    differing = [path.name for path, text in written() if path.read_text(encoding='utf-8') != text]

    assert differing == [], 'Run: python scripts/reference.py'


def test_docstrings_become_markdown() -> None:
    said = markdown('Do it::\n\n    x = 1\n\n    y = 2\n\nThen go.\n\n:param name: whose\n:raises ValueError: if not')

    assert said.split('\n\n', 1)[0] == 'Do it:'
    assert '```python\nx = 1\n\ny = 2\n```\n\nThen go.' in said
    assert '- `name`: whose\n- raises `ValueError` if not' in said
    assert title_of('synapse__api__rest__runs__Order') == 'Order of runs'
