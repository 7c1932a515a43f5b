"""Checks what you have changed: ruff and mypy on the changed files, then the tests of the rooms they are in.

Changed is what differs from where your branch left `main` (on `main`: from HEAD), and files that git does not know yet.
Arguments that are not listed here go to pytest. Rooms and their tests mirror each other, see docs/architecture.md:
`synapse/calendar/` has `tests/synapse/calendar/`, `synapse/profiles.py` has `tests/synapse/test_profiles.py`.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

TYPED = ('main.py', 'pages', 'scripts', 'storage', 'synapse')
"""What mypy checks: `files` of `[tool.mypy]` in pyproject.toml."""
FLOORS = ('pages', 'scripts', 'storage', 'synapse')
ELSEWHERE = {
    'main.py': 'tests/test_command_line.py',
    'pyproject.toml': 'tests/test_architecture.py',
    'CONTRIBUTING.md': 'tests/test_architecture.py',
    'docs/architecture.md': 'tests/test_architecture.py',
}
"""Files without a room, and the tests that read them."""


def main(arguments: list[str] | None = None) -> int:
    given, for_pytest = _parser().parse_known_args(arguments)
    ensure_packages('test')
    ensure_packages('cluster')
    code = check(given.since, for_pytest, with_browser=given.browser)
    if not given.watch:
        return code
    from watchfiles import watch

    try:
        for _ in watch(*(ROOT / name for name in (*TYPED, 'tests')), raise_interrupt=True):
            print('\n== saved', flush=True)
            check(given.since, for_pytest, with_browser=given.browser)
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python scripts/changed.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--since', metavar='REF', help='compare with this commit instead')
    parser.add_argument('--browser', action='store_true', help='also run the browser tests that touch what has changed')
    parser.add_argument('--watch', action='store_true', help='run again after each save, until Ctrl-C')
    return parser


def check(since: str | None, for_pytest: Sequence[str], *, with_browser: bool) -> int:
    """Run ruff, mypy and pytest on what has changed, up to the first that fails; returns its exit code."""
    changed = changed_files(ROOT, since)
    tests = mirrored_tests(changed, ROOT, with_browser=with_browser)
    chosen = [] if with_browser else ['-m', 'not browser']
    for command in commands(changed, tests, [*chosen, *for_pytest]):
        print(f'== {" ".join(command)}', flush=True)
        code = subprocess.run([sys.executable, '-m', *command], cwd=ROOT, check=False).returncode
        if code != 0:
            return code
    if not tests:
        print(f'No tests belong to what has changed ({len(changed)} files).')
    return 0


def changed_files(root: Path, since: str | None = None) -> list[str]:
    """Paths below `root` that differ from a commit, deleted and unknown ones included.

    :param since: None for the commit at which the branch left `main`, and on `main` for HEAD
    """
    base = since or _left_main(root)
    differing = _git(root, 'diff', '--name-only', '-z', base, '--')
    unknown = _git(root, 'ls-files', '--others', '--exclude-standard', '-z')
    return sorted({name for name in f'{differing}{unknown}'.split('\0') if name})


def _left_main(root: Path) -> str:
    found = subprocess.run(['git', 'merge-base', 'HEAD', 'main'], cwd=root, capture_output=True, text=True, check=False)
    return found.stdout.strip() or 'HEAD'


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(['git', *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return done.stdout


def commands(changed: Sequence[str], tests: Sequence[str], for_pytest: Sequence[str]) -> Iterator[list[str]]:
    """What `python -m` runs: linters for the files that are still there, then pytest."""
    sources = [name for name in changed if name.endswith('.py') and (ROOT / name).exists()]
    typed = [name for name in sources if name.split('/')[0] in TYPED]
    if sources:
        yield ['ruff', 'format', '--check', *sources]
        yield ['ruff', 'check', *sources]
    if typed:
        yield ['mypy', *typed]
    if tests:
        yield ['pytest', '-q', '--failed-first', *tests, *for_pytest]


def mirrored_tests(changed: Iterable[str], root: Path, *, with_browser: bool = False) -> list[str]:
    """Test files and folders below `root` that belong to these files, none inside another."""
    found = {path for name in changed for path in _mirror_of(PurePosixPath(name), root, with_browser=with_browser)}
    return sorted(path for path in found if not any(f'{parent}' in found for parent in PurePosixPath(path).parents))


def _mirror_of(path: PurePosixPath, root: Path, *, with_browser: bool) -> Iterator[str]:
    if str(path) in ELSEWHERE:
        yield ELSEWHERE[str(path)]
    elif path.parts[0] == 'tests':
        yield from _of_test(path, root, with_browser=with_browser)
    elif path.parts[0] in FLOORS:
        yield from _of_room(path, root)
        if with_browser:
            yield from _of_browser(path, root)


def _of_test(path: PurePosixPath, root: Path, *, with_browser: bool) -> Iterator[str]:
    if path.suffix != '.py' or (path.parts[1] == 'browser' and not with_browser):
        return
    if path.parts[1] == 'parts':
        yield from _importing(f'tests.parts.{path.stem}', root, with_browser=with_browser)
    elif path.name.startswith('test_') and (root / path).exists():
        yield str(path)
    elif path.name == 'conftest.py' and len(path.parts) > 2:
        yield str(path.parent)


def _of_room(path: PurePosixPath, root: Path) -> Iterator[str]:
    """The folder that mirrors the room, or the nearest one around it; of a module beside the rooms its own tests."""
    for room in path.parents:
        if len(room.parts) > 1 and (root / 'tests' / room).is_dir():
            yield f'tests/{room}'
            return
    if len(path.parts) > 2 and (root / 'tests' / path.parts[1]).is_dir():  # a room whose tests are not below its floor
        yield f'tests/{path.parts[1]}'
        return
    named = [path.stem, *path.parent.parts[1:]]
    mirror = root / 'tests' / path.parts[0]
    yield from (str(test.relative_to(root).as_posix()) for name in named for test in mirror.glob(f'test_{name}.py'))


def _of_browser(path: PurePosixPath, root: Path) -> Iterator[str]:
    """Browser tests that import the module, or have the name of it or of its room in their own."""
    module = '.'.join(path.with_suffix('').parts)
    words = {_singular(word) for part in [*path.parts[1:-1], path.stem] for word in part.split('_')} - _COMMON
    for test in (root / 'tests' / 'browser').glob('test_*.py'):
        named = {_singular(word) for word in test.stem.split('_')[1:]}
        if words & named or module in test.read_text(encoding='utf-8'):
            yield test.relative_to(root).as_posix()


_COMMON = {'page', 'part', 'view', 'form', 'init', 'static', 'browser', 'dialog', ''}
"""Words that many files have in their names."""


def _singular(word: str) -> str:
    return word.removesuffix('s')


def _importing(module: str, root: Path, *, with_browser: bool) -> Iterator[str]:
    parent, _, name = module.rpartition('.')
    for test in (root / 'tests').rglob('test_*.py'):
        place = test.relative_to(root / 'tests').parts[0]
        text = test.read_text(encoding='utf-8')
        if (place not in ('browser', 'fault') or with_browser) and (
            f'{module} import' in text or f'from {parent} import {name}' in text
        ):
            yield test.relative_to(root).as_posix()


if __name__ == '__main__':
    sys.exit(main())
