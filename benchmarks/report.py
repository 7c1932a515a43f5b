"""The results as a table, and as a page that also says what each figure is and where it was measured."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.builds import OLD_COMMIT, NoHistory, git
from benchmarks.measuring import OLD, OURS, REFERENCE, Figure, Result, Spread

HEAD = (
    f'| | figure | Synapse | reference | ratio | {OLD_COMMIT} | ratio | to reach |\n|---|---|---|---|---|---|---|---|'
)
PACKAGES = ('nicegui', 'uvicorn', 'pydantic', 'APScheduler', 'playwright')


def table(results: Sequence[Result]) -> str:
    """All figures in Markdown: medians over the rounds, with minimum and maximum."""
    return '\n'.join([HEAD, *(line for result in results for line in _lines(result))])


def page(results: Sequence[Result], chromium: str) -> str:
    """The content of `RESULTS.md`."""
    now = datetime.now(UTC)
    return '\n'.join(
        [
            '# Results of the benchmarks',
            '',
            f'Made by `python -m benchmarks`, {now:%Y-%m-%d %H:%M} UTC.',
            '',
            *(f'- {line}' for line in _circumstances(chromium)),
            '',
            'Each cell is the median over the rounds, with minimum and maximum. In each round Synapse, the '
            f'reference and the build of `{OLD_COMMIT}` take turns. Ratios are taken within a round, so that changes '
            'of the pace of the machine affect both alike.',
            '',
            table(results),
            '',
            '## What the figures are',
            '',
            *(_explained(result) for result in results),
            '',
        ]
    )


def _lines(result: Result) -> Iterator[str]:
    for number, (name, figure) in enumerate(result.benchmark.figures.items()):
        own = result.spread(name, OURS)
        ratios = {side: result.ratio(name, side) for side in (REFERENCE, OLD)}
        cells = [
            f'`{result.benchmark.name}`' if number == 0 else '',
            f'{figure.what}, {figure.unit}',
            _cell(result, name, OURS),
            _cell(result, name, REFERENCE),
            _shown(ratios[REFERENCE]),
            _cell(result, name, OLD),
            _shown(ratios[OLD]),
            '; '.join(_aims(figure, own, ratios)),
        ]
        yield f'| {" | ".join(cells)} |'


def _cell(result: Result, figure: str, side: str) -> str:
    return 'failed' if side in result.failed else _shown(result.spread(figure, side))


def _shown(spread: Spread | None) -> str:
    if spread is None:
        return ''
    return f'{_number(spread.median)} ({_number(spread.least)} to {_number(spread.greatest)})'


def _number(value: float) -> str:
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def _aims(figure: Figure, own: Spread | None, ratios: Mapping[str, Spread | None]) -> Iterator[str]:
    """Each target, and whether the median reaches it."""
    aims = (
        ('', figure.limit, own),
        (' of the reference', figure.of_reference, ratios[REFERENCE]),
        (f' of {OLD_COMMIT}', figure.of_old, ratios[OLD]),
    )
    for words, limit, found in aims:
        if limit is not None:
            sign = '≥' if figure.is_more_better else '≤'
            yield f'{sign} {limit:g}{words}: {_verdict(limit, found, is_more_better=figure.is_more_better)}'


def _verdict(limit: float, found: Spread | None, *, is_more_better: bool) -> str:
    if found is None:
        return 'not measured'
    is_reached = found.median >= limit if is_more_better else found.median <= limit
    return 'yes' if is_reached else '**no**'


def _explained(result: Result) -> str:
    known = result.benchmark
    return f'- `{known.name}`: {known.what} Reference: {known.reference}. Rounds: {len(result.rounds[OURS])}.'


def _circumstances(chromium: str) -> Iterator[str]:
    memory, cores = psutil.virtual_memory().total / 2**30, psutil.cpu_count()
    kernel = re.match(r'[\d.]*\d', platform.release())
    system = f'{platform.system()} {kernel[0] if kernel else ""}'.strip()
    yield f'{system} on {platform.machine()}, {_processor()}, {cores} cores, {memory:.0f} GiB of memory'
    yield f'load average at the end: {os.getloadavg()[0]:.1f}'
    versions = ', '.join(f'{name} {importlib.metadata.version(name)}' for name in PACKAGES)
    yield f'Python {platform.python_version()}, {versions}, Chromium {chromium or "none"}'
    yield f'Synapse {_present_build()}, compared with {OLD_COMMIT}'


def _present_build() -> str:
    try:
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', '--short', 'HEAD') + (' with uncommitted changes' if changed else '')
    except NoHistory:
        return 'of an unknown commit'


def _processor() -> str:
    try:
        found = re.search(r'model name\s*:\s*(.+)', Path('/proc/cpuinfo').read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or 'unknown processor'
