"""What open Logs pages cost the control room, and each other, with 0, 1 and 10 of them: `python -m benchmarks.tabs`.

Idle, at 20 lines a second, and while a step prints 100,000 lines as fast as it can; the real program, one real
Chromium. Ten tabs are measured with nine of them behind the tenth, as somebody has them, and all in sight, as on ten
screens, which one browser on one machine has to draw. Frames are watched in one Logs page, and in a second flood in a
bare page beside the others: what the machine alone makes of it.
"""

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from benchmarks import bare_page
from benchmarks.builds import Bench, Program, running
from benchmarks.chromium import browser, gaps, hide, last_row, open_log, painted, watch_frames, watch_lines
from benchmarks.measuring import OURS, REFERENCE, Figure, Sides, benchmark
from tests.parts.harness import ROOT

ROUNDS = 3
LINES, SLOW_LINES = 100_000, 200
IDLE_SECONDS = 10.0
_names = (f'one{number}' for number in itertools.count())

PIPELINE = """
import time

from synapse import Pipeline, Run, step


class Flood(Pipeline):
    name: str
    lines: int
    seconds_apart: float = 0

    @step
    def print_lines(self, run: Run) -> None:
        for number in range(self.lines):
            print(f'line {number:6} of a step that prints as fast as it can, and is as long as those of many programs')
            if self.seconds_apart:
                time.sleep(self.seconds_apart)
        print(f'sample {self.name} at {time.time()}', flush=True)
"""


@dataclass(frozen=True)
class Scene:
    """So many Logs pages, all but one of them behind another or all in sight."""

    words: str
    tabs: int
    has_hidden: bool = False


NOBODY = Scene('no tab', 0)
SCENES = (NOBODY, Scene('1 tab', 1), Scene('10, 9 behind', 10, has_hidden=True), Scene('10 in sight', 10))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one round with so many tabs. Processor time is that of the control room's own process."""

    idle_percent: float
    slow_ms_a_line: float
    flood_us_a_line: float
    flood_seconds: float
    megabytes_opened: float
    megabytes_flood_peak: float
    megabytes_after: float
    longest_gap_ms: float
    bare_longest_gap_ms: float
    last_line_seconds: float
    tabs_that_disagree: float


def measured(context: BrowserContext, bare_url: str, scene: Scene, lines: int) -> Figures:
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'data'
        program = stack.enter_context(running(Program(ROOT, data), {'Flood': PIPELINE}))
        figures = _measured(context, program, bare_url, scene, lines)
        for page in context.pages:
            page.close()
        return figures


def _measured(context: BrowserContext, program: Program, bare_url: str, scene: Scene, lines: int) -> Figures:
    server = program.tree
    server.calm()
    begun = server.own_megabytes
    pages = [open_log(context, program.url) for _ in range(scene.tabs)]
    for page in pages[: -1 if scene.has_hidden else 0]:
        hide(page)
    server.calm()
    opened = server.own_megabytes - begun

    idle_cpu = server.own_cpu
    time.sleep(IDLE_SECONDS)
    idle = server.own_cpu - idle_cpu
    slow_cpu = server.own_cpu
    run = program.create_run('Flood', name='slow', lines=SLOW_LINES, seconds_apart=1 / bare_page.RATE)
    program.wait_for_run(run['id'])
    slow = server.own_cpu - slow_cpu

    bare = context.new_page()
    bare.goto(bare_url)
    front = pages[-1] if pages else bare
    if pages:
        watch_lines(front, '.log-rows')
    server.calm()
    before = server.own_megabytes
    flood_cpu = server.own_cpu
    with server.watched() as memory:
        longest, took, last = flood(program, front, 'first', lines, has_log=bool(pages))
        disagree = disagreeing(program, pages)
        server.calm()
    flooded = server.own_cpu - flood_cpu
    after = server.own_megabytes
    bare_longest, _, _ = flood(program, bare, 'second', lines, has_log=False)
    server.calm()
    return Figures(
        idle_percent=idle / IDLE_SECONDS * 100,
        slow_ms_a_line=slow / SLOW_LINES * 1e3,
        flood_us_a_line=flooded / lines * 1e6,
        flood_seconds=took,
        megabytes_opened=opened,
        megabytes_flood_peak=max(memory) - before,
        megabytes_after=after - before,
        longest_gap_ms=longest,
        bare_longest_gap_ms=bare_longest,
        last_line_seconds=last,
        tabs_that_disagree=disagree,
    )


def flood(program: Program, page: Page, name: str, lines: int, *, has_log: bool) -> tuple[float, float, float]:
    """The longest time between two frames of this page in milliseconds, the seconds the step took, and the seconds
    from its last print to the paint of that line, where the page shows lines."""
    page.bring_to_front()
    watch_frames(page)
    run = program.create_run('Flood', name=name, lines=lines)
    said = seen = 0.0
    if has_log:
        ((said, seen),) = painted(page, name, 1).values()
    ended = program.wait_for_run(run['id'], timeout=300)
    longest = max(gaps(page))
    (step,) = ended['steps']
    assert ended['state'] == 'succeeded', ended['error']
    return longest, _seconds(step), seen - said


def _seconds(step: dict[str, str]) -> float:
    begun, ended = (datetime.fromisoformat(step[name]) for name in ('started_at', 'finished_at'))
    return (ended - begun).total_seconds()


@benchmark(
    'flood',
    f'A step prints {LINES:,} lines as fast as it can, while one Logs page is open: from its last print to the paint '
    'of that line, and the longest time between two frames of the page. Up to 1.1 is not worse.',
    reference='a bare page while the same happens',
    rounds=ROUNDS,
    figures={
        'last': Figure(what=f'flood of {LINES:,} lines: last line painted', of_old=1.1),
        'gap': Figure(what='longest time between two frames', of_old=1.1),
    },
)
def one_tab(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        context, url = stack.enter_context(browser()), stack.enter_context(bare_page.served())
        programs = stack.enter_context(bench.programs(pipelines={'Flood': PIPELINE}))
        lines = bench.count(LINES)
        sides = {side: partial(of_log, context, program, lines) for side, program in programs.items()}
        yield sides | {REFERENCE: partial(of_bare, context, programs[OURS], url, lines)}


def of_log(context: BrowserContext, program: Program, lines: int) -> Mapping[str, float]:
    page = open_log(context, program.url)
    watch_lines(page, '.log-rows')
    program.tree.calm()
    gap, _, last = flood(program, page, next(_names), lines, has_log=True)
    page.close()
    return {'last': last * 1000, 'gap': gap}


def of_bare(context: BrowserContext, program: Program, url: str, lines: int) -> Mapping[str, float]:
    page = context.new_page()
    page.goto(url)
    program.tree.calm()
    gap, _, _ = flood(program, page, next(_names), lines, has_log=False)
    page.close()
    return {'gap': gap}


def disagreeing(program: Program, pages: Sequence[Page]) -> int:
    """How many tabs do not end with the newest line of the log, ten seconds later at most."""
    deadline = time.monotonic() + 10
    while True:
        with program.api as api:
            newest = api.get('/logs', params={'limit': 1}).json()['entries'][0]['seq']
        wrong = sum(bool(last_row(page)['last'] != newest) for page in pages)
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.2)


WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    'idle_percent': ('idle, % of a core', '{:.1f}'.format),
    'slow_ms_a_line': ('20 lines/s: ms of processor time a line', '{:.2f}'.format),
    'flood_us_a_line': ('flood: us of processor time a line', '{:.0f}'.format),
    'flood_seconds': ('flood: seconds the step took', '{:.2f}'.format),
    'megabytes_opened': ('memory for the tabs, MB', '{:.1f}'.format),
    'megabytes_flood_peak': ('memory in the flood, MB more at most', '{:.1f}'.format),
    'megabytes_after': ('memory after it, MB more', '{:.1f}'.format),
    'longest_gap_ms': ('longest time between frames, ms', '{:.0f}'.format),
    'bare_longest_gap_ms': ('the same in a bare page in front, ms', '{:.0f}'.format),
    'last_line_seconds': ('last print to its paint, s', '{:.2f}'.format),
    'tabs_that_disagree': ('tabs that end with another line', '{:.0f}'.format),
}
RATIOS = ('idle_percent', 'slow_ms_a_line', 'flood_us_a_line', 'flood_seconds')
"""Shown also as a multiple of what it is without a tab."""


def shown(found: dict[Scene, list[Figures]]) -> None:
    """Print the medians over the rounds."""
    print(f'  {"":<42}' + ''.join(f'{scene.words:>20}' for scene in found))
    medians = {scene: _medians(rounds) for scene, rounds in found.items()}
    for name, (words, form) in WORDS.items():
        alone = medians[NOBODY][name] if name in RATIOS else 0
        cells = [form(row[name]) + (f' (x{row[name] / alone:.2f})' if alone else '') for row in medians.values()]
        print(f'  {words:<42}' + ''.join(f'{cell:>20}' for cell in cells))


def _medians(rounds: Sequence[Figures]) -> dict[str, float]:
    rows = [asdict(one) for one in rounds]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main(arguments: Sequence[str]) -> None:
    lines, rounds = (int(argument) for argument in arguments) if arguments else (LINES, ROUNDS)
    found: dict[Scene, list[Figures]] = {scene: [] for scene in SCENES}
    with bare_page.served() as bare_url:
        for _ in range(rounds):
            for scene, figures in found.items():
                with browser() as context:
                    figures.append(measured(context, bare_url, scene, lines))
                print(scene.words, figures[-1], file=sys.stderr)
    print(f'{lines:,} lines of one step, median of {rounds} rounds')
    shown(found)


if __name__ == '__main__':
    main(sys.argv[1:])
