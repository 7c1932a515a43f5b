"""The guide: its words for the screen are on it, in both languages; its links lead on, its code and commands work."""

import re
import shlex
from pathlib import Path

import pytest

from pages.help.guide import FIRST, FOLDERS, contents, on_page, page_text
from pages.parts.cards import CHAPTERS
from scripts.catalogues import read, texts
from synapse.cli.arguments import parse
from synapse.language import ENGLISH, answering_in
from synapse.pipelines.load import load_module
from synapse.pipelines.pipeline import Pipeline
from tests.parts.program_runs import Programs
from tests.programs.conftest import programs

__all__ = ['programs']
ROOT = Path(__file__).resolve().parent.parent
PAGES = [(name, path) for name, folder in FOLDERS.items() for path in sorted((ROOT / folder).glob('*.md'))]
NAMED = pytest.mark.parametrize(
    ('language', 'path'), PAGES, ids=[f'{path.parent.name}-{path.stem}' for _, path in PAGES]
)


def blocks(path: Path, kind: str) -> list[str]:
    """The code blocks of a page that begin with this word after their backticks."""
    return re.findall(rf'^```{kind}\n(.*?)^```$', path.read_text(encoding='utf-8'), flags=re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    """A page without its code, each paragraph on one line."""
    text = re.sub(r'^```.*?^```$', '', path.read_text(encoding='utf-8'), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r'(?<=\S)\n +(?=\S)|(?<=\S)\n(?=[^\s#\-\d])', ' ', text)


@pytest.fixture(scope='module')
def screen() -> dict[str, set[str]]:
    """The texts of the program in each language."""
    words: dict[str, set[str]] = {ENGLISH: set()}
    for message in texts():
        words[ENGLISH] |= {message.id} if isinstance(message.id, str) else set(message.id)
    for name in FOLDERS.keys() - {ENGLISH}:
        messages = list(read(name))
        words[name] = {
            word for item in messages for word in ([item.string] if isinstance(item.string, str) else item.string)
        }
    return words


@NAMED
def test_words_in_bold_are_on_the_screen(language: str, path: Path, screen: dict[str, set[str]]) -> None:
    bold = re.findall(r'\*\*(.+?)\*\*', prose(path))

    assert sorted(set(bold) - screen[language] - {'negrito', 'bold'}) == []


def test_a_page_and_its_translation_name_the_same_words() -> None:
    said: dict[str, set[str]] = {'bold': {'negrito'}}
    for message in read('pt_BR'):
        if isinstance(message.id, str):  # a word may have several meanings, each with its translation
            said.setdefault(message.id, set()).add(str(message.string) or message.id)
    for path in (ROOT / FOLDERS[ENGLISH]).glob('*.md'):
        words, own = (
            set(re.findall(r'\*\*(.+?)\*\*', prose(ROOT / folder / path.name))) for folder in FOLDERS.values()
        )
        assert sorted(word for word in words if not said.get(word, {word}) & own) == [], path.name
        assert sorted(own - {each for word in words for each in said.get(word, {word})}) == [], path.name


@NAMED
def test_links_lead_to_pages_and_html_is_none(language: str, path: Path) -> None:
    text = prose(path)

    assert [link for link in re.findall(r'\]\((.+?)\)', text) if not (path.parent / link).is_file()] == []
    assert '<' not in text


@pytest.mark.parametrize('name', ['README.md', 'README.pt-BR.md'])
def test_files_that_a_readme_names_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding='utf-8')
    named = re.findall(r'(?:\]\(|src(?:set)?=")([^)"#]+)', text)

    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_both_guides_have_the_same_pages() -> None:
    names = [[name for name, _ in contents(language)] for language in FOLDERS]

    assert names[0] == names[1]
    assert len(names[0]) > 8
    for folder in FOLDERS.values():
        assert sorted([FIRST, *names[0]]) == sorted(path.stem for path in (ROOT / folder).glob('*.md'))


def test_the_reader_gets_no_other_files() -> None:
    assert page_text('../../README', ENGLISH) is None
    assert page_text('nothing', ENGLISH) is None
    assert (
        on_page('# A\n[a](plan.md), [b](README.md)', '/synapse') == '## A\n[a](/synapse/help/plan), [b](/synapse/help)'
    )


@pytest.mark.parametrize(('language', 'guide'), [(ENGLISH, 'Guide'), ('pt_BR', 'Guia')])
def test_links_of_the_screens_to_the_guide_have_the_titles_of_its_pages(language: str, guide: str) -> None:
    titles = dict(contents(language))

    with answering_in(language):
        assert {name: CHAPTERS[name] for name in CHAPTERS} == {
            name: f'{guide}: {titles[name][:1].lower()}{titles[name][1:]}' for name in CHAPTERS
        }


@NAMED
def test_commands_can_be_typed(language: str, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('SYNAPSE_DATA', str(tmp_path / 'data'))
    (tmp_path / 'data').mkdir()
    quoted = re.findall(r'`(python main\.py [^`]+)`', path.read_text(encoding='utf-8'))
    for line in [*quoted, *''.join(blocks(path, '')).splitlines()]:
        program, *words = shlex.split(line)
        if program == 'python' and '--host' not in words:  # that one asks for the password that is set before it
            assert parse(words[1:])


async def test_pipelines_of_the_guide_run(programs: Programs, tmp_path: Path) -> None:
    text = tmp_path / 'text.txt'
    text.write_text('one\ntwo\n')
    for _, path in PAGES:
        for code in blocks(path, 'python'):
            file = tmp_path / f'{path.parent.name}_{path.stem.replace("-", "_")}.py'
            file.write_text(code)
            [pipeline] = [item for item in vars(load_module(str(file))).values() if is_own(item, code)]
            if pipeline.__name__ == 'CountLines' and path.parent.name == 'guia':
                await programs.add(code)
                ran = await programs.run_pipeline('CountLines', file=str(text))
                assert ran.state == 'succeeded', ran.error
                assert '2 linhas' in [entry.message for entry in ran.entries]


def is_own(item: object, code: str) -> bool:
    return isinstance(item, type) and issubclass(item, Pipeline) and f'class {item.__name__}(' in code
