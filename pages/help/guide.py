"""The guide of `docs/guide` and `docs/guia`, which is in the program too: read without a net, in one's own language."""

import re
from functools import cache

from synapse.language import ENGLISH, language
from synapse.shipped import shipped

FOLDERS = {ENGLISH: 'docs/guide', 'pt_BR': 'docs/guia'}
"""In all of them pages have the same names, so that one keeps its place when the language changes."""
FIRST = 'README'
_LINK = re.compile(r'\]\(([\w-]+)\.md\)')


@cache
def page_text(name: str, chosen: str) -> str | None:
    """Return a page as Markdown; None if the guide has none of this name.

    :param name: such as `first-run`, or `FIRST`
    :param chosen: a language; one without a guide gets the English one
    """
    file = shipped(FOLDERS.get(chosen, FOLDERS[ENGLISH])) / f'{name}.md'
    is_name = re.fullmatch(r'[\w-]+', name) is not None
    return file.read_text(encoding='utf-8') if is_name and file.is_file() else None


def contents(chosen: str | None = None) -> list[tuple[str, str]]:
    """Return name and title of each page, in their order on the first one."""
    first = page_text(FIRST, chosen or language()) or ''
    return [(name, title) for title, name in re.findall(r'^- \[(.+?)\]\(([\w-]+)\.md\)', first, flags=re.MULTILINE)]


def on_page(text: str, base: str) -> str:
    """Return a page as it goes into ours: below its heading, and with links to the pages below `base`."""
    linked = _LINK.sub(lambda found: f']({base}/help{"" if found[1] == FIRST else f"/{found[1]}"})', text)
    # Without the language of code, whose colours would not be those of the theme.
    return re.sub(r'^#', '##', linked, flags=re.MULTILINE).replace('```python', '```')
