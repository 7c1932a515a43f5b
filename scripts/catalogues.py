"""Write the catalogues of all languages from the texts in the code, and compile them.

    python scripts/catalogues.py            after texts have changed
    python scripts/catalogues.py --add es   begin a language
    python scripts/catalogues.py --missing  print what is not translated yet

A catalogue is `synapse/language/LANGUAGE/LC_MESSAGES/synapse.po`. New texts come without a translation, texts that are
gone are dropped; translate them there, then run this again. Beside it lies what the program loads: `synapse.mo`, and
`pages/static/words.LANGUAGE.json` for scripts.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

LANGUAGE = Path('synapse/language')
SCRIPTS = Path('pages/static')
NOW = datetime(2026, 11, 30, tzinfo=UTC)
"""In the heads of all catalogues: they change with the texts, not with the day."""
OF_CONTEXT = ((1, 'c'), 2)
KEYWORDS = {'_': None, '_n': (1, 2), 'N_': None, 'Nn_': (1, 2), '_p': OF_CONTEXT, 'Np_': OF_CONTEXT}
WIDTH = 116


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python scripts/catalogues.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--add', metavar='LANGUAGE', help='such as es or pt_BR')
    parser.add_argument('--missing', action='store_true')
    given = parser.parse_args(arguments)
    ensure_packages()
    if given.add:
        (ROOT / LANGUAGE / given.add / 'LC_MESSAGES').mkdir(parents=True, exist_ok=True)
    for folder in sorted(path.parent for path in (ROOT / LANGUAGE).glob('*/LC_MESSAGES')):
        if given.missing:
            print(*(message.id for message in read(folder.name) if message.id and not is_translated(message)), sep='\n')
            continue
        for path, content in written(folder.name):
            path.write_bytes(content)
    return 0


def written(language: str) -> Iterator[tuple[Path, bytes]]:
    """Yield each file of a language with what must be in it, for the texts that are in the code now."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import write_po

    catalogue = read(language)
    catalogue.update(texts(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.creation_date = catalogue.revision_date = NOW
    catalogue.header_comment = (
        f'# Texts of Synapse in {language}, written by scripts/catalogues.py, translated by hand.'
    )
    source, compiled = io.BytesIO(), io.BytesIO()
    write_po(source, catalogue, width=WIDTH, omit_header=False, sort_output=True, include_lineno=False)
    write_mo(compiled, catalogue)
    folder = ROOT / LANGUAGE / language / 'LC_MESSAGES'
    yield folder / 'synapse.po', source.getvalue()
    yield folder / 'synapse.mo', compiled.getvalue()
    words = {
        _key_of(message): message.string
        for message in catalogue
        if message.id and is_translated(message) and any(place.endswith('.js') for place, _ in message.locations)
    }
    yield ROOT / SCRIPTS / f'words.{language}.json', (json.dumps(words, ensure_ascii=False, indent=1) + '\n').encode()


def read(language: str) -> Catalog:
    """Return the catalogue of a language as it is; empty if it is new."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po

    path = ROOT / LANGUAGE / language / 'LC_MESSAGES/synapse.po'
    if not path.exists():
        return Catalog(locale=language, project='Synapse', fuzzy=False)
    with path.open('rb') as file:
        return read_po(file, locale=language)


def texts() -> Catalog:
    """Return all texts in the code, with the files they are in."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_dir, extract_from_file

    found = Catalog(project='Synapse', fuzzy=False)
    methods: list[Any] = [('**.py', python_texts), ('**.js', 'javascript')]
    for floor in ('pages', 'storage', 'synapse'):
        for name, _line, message, comments, context in sorted(
            extract_from_dir(ROOT / floor, methods, keywords=KEYWORDS, comment_tags=('Translators:',)), key=str
        ):
            found.add(message, locations=[(f'{floor}/{name}', 0)], auto_comments=comments, context=context)
    for _line, message, comments, context in extract_from_file('python', ROOT / 'main.py', KEYWORDS, ('Translators:',)):
        found.add(message, locations=[('main.py', 0)], auto_comments=comments, context=context)
    return found


def python_texts(file: Any, keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """Yield the texts of a module as Babel does, and those in f-strings, which it skips on Python 3.11."""
    from babel.messages.extract import extract_python

    source = file.read()
    with contextlib.redirect_stderr(io.StringIO()):  # it warns of each f-string among the values; a test finds the rest
        found = [*extract_python(io.BytesIO(source), keywords, comment_tags, options)]
    yield from found
    for string in ast.walk(ast.parse(source)):
        for call in ast.walk(string) if isinstance(string, ast.JoinedStr) else ():
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in keywords:
                words = tuple(str(value.value) for value in call.args if isinstance(value, ast.Constant))
                yield call.lineno, call.func.id, words if len(words) > 1 else ''.join(words), []


def _key_of(message: Message) -> str:
    """Return by what a script looks a text up: with its context as GNU gettext joins them."""
    text = str(message.id[0] if message.pluralizable else message.id)
    return f'{message.context}\x04{text}' if message.context else text


def is_translated(message: Message) -> bool:
    """Whether each form of a text has a translation."""
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)


if __name__ == '__main__':
    sys.exit(main())
