"""What `docs/architecture.md` and CONTRIBUTING.md name is there, and the page misses no room."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.rooms import PICTURE, drawn

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = (ROOT / 'docs' / 'architecture.md').read_text(encoding='utf-8')
CONTRIBUTING = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
FLOORS = ('pages', 'scripts', 'storage', 'synapse')
_PATH = re.compile(r'[\w.-]+(/[\w.-]*)+|[\w-]+\.(py|js|md|toml)')
_NAME = re.compile(r'[A-Za-z_]\w*(\.\w+)?')


def quoted(text: str) -> set[str]:
    """What stands in backticks, code blocks left out."""
    return set(re.findall(r'`([^`\n]+)`', re.sub(r'```.*?```', '', text, flags=re.DOTALL)))


def paths_in(text: str) -> set[str]:
    return {name for name in quoted(text) if _PATH.fullmatch(name)}


def section(title: str, text: str) -> str:
    return text.split(f'\n## {title}\n')[1].split('\n## ')[0]


def rooms() -> set[str]:
    """The first word of each line in the tree."""
    tree = section('The rooms', ARCHITECTURE).split('```')[1]
    return {line.split()[0] for line in tree.strip().splitlines()}


def folders() -> Iterator[str]:
    for floor in FLOORS:
        for path in [ROOT / floor, *(ROOT / floor).rglob('*')]:
            if (
                path.is_dir()
                and path.name not in ('__pycache__', 'LC_MESSAGES')
                and any(item.is_file() for item in path.iterdir())
            ):
                yield f'{path.relative_to(ROOT).as_posix()}/'


def missing(paths: set[str]) -> list[str]:
    """Those that are not there; a name with a slash at its end has to be a folder."""
    there = {name: (ROOT / name).is_dir() if name.endswith('/') else (ROOT / name).exists() for name in paths}
    return sorted(name for name in paths if not there[name])


def defines(source: str, name: str) -> bool:
    """Whether this Python or JavaScript defines the class or function, or the class with its method."""
    return all(re.search(rf'\b(class|def|function) {part}\b', source) for part in name.split('.'))


def test_the_page_names_every_folder() -> None:
    assert sorted(set(folders()) - rooms()) == []


def test_what_the_page_names_is_there() -> None:
    assert missing(rooms() | paths_in(ARCHITECTURE)) == []


WAYS = [title for title in re.findall(r'^## (.+)$', ARCHITECTURE, flags=re.MULTILINE) if ', from ' in title]


def test_there_are_four_ways() -> None:
    assert len(WAYS) == 4


@pytest.mark.parametrize('way', WAYS)
def test_classes_and_functions_of_a_way_are_in_its_modules(way: str) -> None:
    text = section(way, ARCHITECTURE)
    paths = paths_in(text)
    sources = [(ROOT / path).read_text(encoding='utf-8') for path in paths]
    names = {name for name in quoted(text) - paths if _NAME.fullmatch(name)}
    assert names
    assert sorted(name for name in names if not any(defines(source, name) for source in sources)) == []


@pytest.mark.parametrize('floor', ['pages', 'synapse'])
def test_the_picture_is_the_staircase_that_is_checked(floor: str) -> None:
    tools = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['tool']
    layers = next(item['layers'] for item in tools['importlinter']['contracts'] if item.get('containers') == [floor])
    picture = section('The staircase', ARCHITECTURE).split('```')[1].split(f'{floor}/')[1].split('\n   |')[0]
    assert [step.strip() for step in re.split(r'[>\n]', picture)] == layers


def test_the_drawn_rooms_are_those_of_the_contracts() -> None:
    assert PICTURE.read_text(encoding='utf-8') == drawn(), 'Run: python scripts/rooms.py'


def test_each_wish_leads_to_two_files_that_are_there() -> None:
    table = section('From a wish to two files', CONTRIBUTING)
    _, _, *rows = [line.strip('| ').split(' | ') for line in table.splitlines() if line.startswith('|')]
    assert rows
    assert [wish for wish, *two, _ in rows if [len(paths_in(cell)) for cell in two] != [1, 1]] == []


def test_what_contributing_names_is_there() -> None:
    assert missing(paths_in(CONTRIBUTING)) == []
