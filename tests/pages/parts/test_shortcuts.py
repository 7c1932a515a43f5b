"""The one table of shortcuts: what it shows, what the browser gets, and that no script has keys of its own."""

import json
import re
from pathlib import Path

from pages.parts.shortcuts import SHORTCUTS, for_browser, hint, hint_of
from pages.shell.places import PLACES

PAGES = Path(__file__).parents[3] / 'pages'
ALL = [shortcut for group in SHORTCUTS.values() for shortcut in group]


def test_keys_are_shown_as_people_know_them() -> None:
    assert [hint(key) for key in ('Control+k', 'g 1', '[', 'Shift+e', 'Alt+ArrowUp')] == [
        'Ctrl K',
        'G 1',
        '[',
        'Shift E',
        'Alt ↑',
    ]
    assert (hint_of('new-run'), hint_of('search-log')) == ('R', '/')


def test_a_key_does_one_thing() -> None:
    keys = [key for shortcut in ALL for key in shortcut.keys]

    assert len(keys) == len(set(keys))
    assert [key for key in keys if key.startswith('g ')] == [f'g {number}' for number, _ in enumerate(PLACES, start=1)]
    assert list(json.loads(for_browser())['names']) == keys


def test_what_types_a_character_can_be_switched_off_unless_it_works_only_on_the_focus() -> None:
    single = json.loads(for_browser())['single']

    assert {'r', 'n', '?', '/', '.', '[', '1', 'Shift+e', 'g 1'} <= set(single)
    assert not {'Control+k', 'Alt+p', 'Alt+1', 'Escape', 'End', 'm', 'Alt+ArrowUp'} & set(single)


def test_no_script_but_one_knows_a_key_that_types_a_character() -> None:
    character = re.compile(r"""\bkey(?:\.toLowerCase\(\))?\)? *={2,3} *['"`][^'"` ]['"`]|event\.code\b|\bkeyCode\b""")
    scripts = [path for path in sorted(PAGES.rglob('*.js')) if path.name != 'shortcuts.js']

    assert {path.name: character.findall(path.read_text(encoding='utf-8')) for path in scripts} == {
        path.name: [] for path in scripts
    }
