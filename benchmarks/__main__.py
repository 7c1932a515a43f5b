"""`python -m benchmarks`: compares Synapse with references and with an earlier build, and prints one table.

Without names it runs all benchmarks, which takes an hour or more, and writes the table to benchmarks/RESULTS.md.
"""

import argparse
import contextlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.builds import OLD_COMMIT, Bench, NoHistory, checked_out
from benchmarks.measuring import BENCHMARKS, OLD, OURS, Benchmark, measure, tell
from benchmarks.report import page, table
from tests.parts.chromium import find_chromium
from tests.parts.harness import ROOT

RESULTS = Path(__file__).with_name('RESULTS.md')
for _name in (
    'runs',
    'due',
    'lateness',
    'line_to_pixel',
    'tabs',
    'program_flood',
    'start',
    'first_run',
    'pages',
    'calendar_file',
    'saves',
    'suite',
):  # in the order of the table
    importlib.import_module(f'benchmarks.{_name}')


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('Stopped.'))  # so that programs are stopped and folders removed
    if given.list:
        for known in BENCHMARKS.values():
            print(f'{known.name:<16}{known.what}\n{"":<16}Reference: {known.reference}.')
        return 0
    chosen = [BENCHMARKS[name] for name in given.names] or [one for one in BENCHMARKS.values() if not one.is_optional]
    # As in normal use: without compiled files each start would compile Synapse first.
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
    with temporary_folder() as folder, builds(folder) as roots:
        bench = Bench(folder, roots, is_quick=given.quick)
        results = [measure(one, bench, _rounds(one, given)) for one in chosen]
    print(table(results))
    if not given.names and not given.quick:
        RESULTS.write_text(page(results, _chromium_version()), encoding='utf-8')
    failed = [f'{result.benchmark.name} ({", ".join(result.failed)})' for result in results if result.failed]
    if failed:
        tell(f'Failed: {", ".join(failed)}')
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'names', nargs='*', metavar='NAME', choices=[*BENCHMARKS, []], help='run only these; see --list'
    )
    parser.add_argument('--list', action='store_true', help='list the benchmarks and exit')
    parser.add_argument('--rounds', type=int, metavar='N', help='rounds of each benchmark, instead of its own number')
    parser.add_argument(
        '--quick', action='store_true', help='one round with a tenth of the work, to check that they run'
    )
    return parser


def _rounds(chosen: Benchmark, given: argparse.Namespace) -> int:
    return given.rounds or (1 if given.quick else chosen.rounds)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix='synapse-bench-', ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextlib.contextmanager
def builds(folder: Path) -> Iterator[dict[str, Path]]:
    """The present build and the earlier one, unless this copy lacks its history."""
    with contextlib.ExitStack() as stack:
        roots = {OURS: ROOT}
        try:
            roots[OLD] = stack.enter_context(checked_out(OLD_COMMIT, folder / 'old'))
        except NoHistory as error:
            tell(f'Without the build of {OLD_COMMIT}: {error}')
        yield roots


def _chromium_version() -> str:
    path = find_chromium()
    if path is None:
        return ''
    said = subprocess.run([path, '--version'], capture_output=True, text=True, check=False).stdout
    return next((word for word in said.split() if word[0].isdigit()), '')


if __name__ == '__main__':
    sys.exit(main())
