"""Whatever opens a dialog when it is pressed says so to the browser, which keeps the keys for it from then on."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PAGES = Path(__file__).resolve().parents[3] / 'pages'
DIALOGS = {
    'open_event_dialog',
    'open_run_form',
    'open_run_form_of',
    'open_palette',
    'ProfileDialog',
    'ask',
    'ask_scope',
    'ask_files',
}
WITHIN = {
    'scheduler/event/dialog.py: self._save_asked',
    'settings/retention.py: self._save',
}
"""They ask while what was filled in lies there still, and nothing is typed into the question."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def called(node: ast.AST) -> set[str]:
    """What is called in it at once, so not in a lambda that it hands on: of `self._ask()`, `_ask`."""
    found: set[str] = set()
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Call):
            found.add(ast.unparse(inner.func).rpartition('.')[2])
        if not isinstance(inner, ast.Lambda):
            found |= called(inner)
    return found


@functools.cache
def functions_of(tree: ast.Module) -> dict[str, set[str]]:
    """The functions of a module, each with what it calls."""
    return {node.name: called(node) for node in ast.walk(tree) if isinstance(node, Function)}


def openers(tree: ast.Module, known: set[str]) -> set[str]:
    """`known`, and the functions of a module that call one of them."""
    functions = functions_of(tree)
    found = set(known)
    while more := {name for name, calls in functions.items() if calls & found} - found - {'__init__'}:
        found |= more
    return found


def clicks(tree: ast.Module) -> Iterator[ast.expr]:
    """What is done at a click that was listened to without `opens`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.args[0]) == "'click'":
            yield node.args[1]


def test_what_opens_a_dialog_is_made_by_opens() -> None:
    trees = {path.relative_to(PAGES).as_posix(): ast.parse(path.read_text()) for path in sorted(PAGES.rglob('*.py'))}
    known = set(DIALOGS)
    for tree in trees.values():
        public = {node.name for node in tree.body if isinstance(node, Function) and not node.name.startswith('_')}
        known |= {name for name in openers(tree, DIALOGS | {'confirm'}) & public if not name.endswith('_page')}

    bare = {
        f'{name}: {ast.unparse(done)}'
        for name, tree in trees.items()
        for done in clicks(tree)
        if {*called(done), ast.unparse(done).rpartition('.')[2]} & openers(tree, known)
    }

    assert {'confirm', 'delete_event', 'run_event_now', 'stop_everything'} <= known
    assert bare == WITHIN
