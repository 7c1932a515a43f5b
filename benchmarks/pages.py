"""What a page costs, its HTML alone and all of it in a real Chromium, compared with a NiceGUI hello-world page."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from benchmarks import planned
from benchmarks.builds import Bench, Caller, Program
from benchmarks.chromium import browser
from benchmarks.measuring import OURS, REFERENCE, Figure, Figures, Sides, benchmark, milliseconds, p50
from benchmarks.processes import Tree
from benchmarks.seed import RARE_PROFILE, RARE_RUNS
from benchmarks.start import MANY, RUNS, full, hello, many, served
from synapse.records import now_utc

GETS, LOADS = 20, 5
REST_SECONDS = 1.0
"""After the page is connected: what the server sends then is part of its cost."""
MONTH_SECONDS = 5.0
SOME_RUNS, SOME_LINES, SOME_EVENTS = 200, 5_000, 50

_WATCH_CONNECTION = """
const watch = setInterval(() => {
  if (window.socket?.connected) { window.connectedAt = performance.now(); clearInterval(watch); }
}, 2);
"""
_READY_AT = """() => {
  const loaded = performance.getEntriesByType('navigation')[0]?.loadEventEnd;
  return loaded && window.connectedAt && Math.max(loaded, window.connectedAt);
}"""


def _figures(page: str, *, html: float | None, load: float) -> dict[str, Figure]:
    """The figures of a page, with limits for its HTML alone and for the whole load."""
    return {
        'answer': Figure(what=f'GET {page} to 200, p50', of_reference=html),
        'answer_cpu': Figure(what='processor time of the server', of_reference=html),
        'load': Figure(what=f'{page} in Chromium: loaded and connected, p50', of_reference=load),
        'load_cpu': Figure(what='processor time of the server', of_reference=load),
    }


def _page(name: str, path: str) -> None:
    @benchmark(
        f'page-{name}',
        f'`{path}` with {SOME_RUNS} runs, {SOME_LINES:,} lines and {SOME_EVENTS} events: {GETS} times as HTML alone, '
        f'{LOADS} times in a Chromium with an empty cache, including what the server does until {REST_SECONDS} s '
        'after its socket is connected.',
        reference='a NiceGUI hello-world page',
        figures=_figures(path, html=None, load=1.5),
    )
    def page(bench: Bench) -> Iterator[Sides]:
        with ExitStack() as stack:
            context = stack.enter_context(browser())
            sides: dict[str, Callable[[], Figures]] = {}
            for side in bench.builds:
                program = stack.enter_context(bench.program(side, data=lived(bench, side)))
                sides[side] = partial(of_page, context, program.tree, program.url, path)
            greeting = stack.enter_context(served(*hello(bench)))
            yield sides | {REFERENCE: partial(of_page, context, greeting.tree, greeting.url, '/')}


def lived(bench: Bench, side: str) -> Path:
    """A data folder after some use."""
    return bench.store(side, runs=SOME_RUNS, lines=SOME_LINES, events=planned.recurring(SOME_EVENTS))


for _name, _path in (('dashboard', '/'), ('runs', '/runs'), ('scheduler', '/scheduler'), ('logs', '/logs')):
    _page(_name, _path)


@benchmark(
    'dashboard-full',
    f'The dashboard with {RUNS:,} runs of eight days, measured as the other pages.',
    reference='the dashboard of Synapse without any run, which says how to start one and has a third of the elements',
    figures=_figures(f'/ with {RUNS:,} runs', html=1.2, load=1.2),
)
def dashboard_full(bench: Bench) -> Iterator[Sides]:
    yield from _dashboards(bench, bench.store(OURS))


@benchmark(
    'dashboard-grown',
    f'The dashboard with {RUNS:,} runs of eight days, measured as the other pages.',
    reference=f'the same page of Synapse with {SOME_RUNS} runs',
    figures=_figures(f'/ with {RUNS:,} runs', html=1.2, load=1.2),
)
def dashboard_grown(bench: Bench) -> Iterator[Sides]:
    yield from _dashboards(bench, bench.store(OURS, runs=SOME_RUNS))


def _dashboards(bench: Bench, reference: Path) -> Iterator[Sides]:
    with ExitStack() as stack:
        context = stack.enter_context(browser())
        stores = {side: (side, full(bench, side)) for side in bench.builds} | {REFERENCE: (OURS, reference)}
        programs = {turn: stack.enter_context(bench.program(side, data=data)) for turn, (side, data) in stores.items()}
        yield {side: partial(of_page, context, each.tree, each.url, '/') for side, each in programs.items()}


def of_page(context: BrowserContext, tree: Tree, url: str, path: str) -> Figures:
    tree.calm()
    calls, cpu = Caller(url), tree.cpu
    answer = p50([milliseconds(lambda: calls.get(path)) for _ in range(GETS)])
    answer_cpu = (tree.cpu - cpu) / GETS * 1000
    tree.calm()
    cpu, loads = tree.cpu, []
    for _ in range(LOADS):
        page = opened(context, f'{url.rstrip("/")}{path}')
        loads.append(page.evaluate(_READY_AT))
        time.sleep(REST_SECONDS)
        page.context.close()
    load_cpu = (tree.cpu - cpu) / LOADS * 1000
    return {'answer': answer, 'answer_cpu': answer_cpu, 'load': p50(loads), 'load_cpu': load_cpu}


def opened(context: BrowserContext, url: str) -> Page:
    """Open the page with an empty cache, and return it once it is loaded and connected."""
    assert context.browser is not None
    page = context.browser.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce').new_page()
    page.add_init_script(_WATCH_CONNECTION)
    page.goto(url, wait_until='load')
    page.wait_for_function(_READY_AT, polling=20, timeout=60_000)
    return page


@benchmark(
    'profile',
    f'GET /api/v1/runs?profile= with {RUNS:,} runs, of which the first {RARE_RUNS} have this profile.',
    reference='the same without `profile`, which returns the newest 50',
    figures={'answer': Figure(what='GET /runs?profile=, p50', of_reference=1.0)},
)
def profile(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        programs = {side: stack.enter_context(bench.program(side, data=full(bench, side))) for side in bench.builds}
        sides = {side: partial(of_list, program, f'?profile={RARE_PROFILE}') for side, program in programs.items()}
        yield sides | {REFERENCE: partial(of_list, programs[OURS], '')}


def of_list(program: Program, query: str) -> Figures:
    calls = program.calls()
    return {'answer': p50([milliseconds(lambda: calls.get(f'/api/v1/runs{query}')) for _ in range(GETS)])}


@benchmark(
    'month',
    f'The longest time for which the event loop is held while a Chromium shows this month and the next one with '
    f'{MANY:,} recurring events: by the clock, which includes the other processes of the machine, and in processor '
    'time of its own.',
    reference='none',
    figures={
        'held': Figure(what=f'event loop held, month of {MANY:,} events, longest', limit=50.0),
        'own': Figure(what='in processor time of its own, longest', limit=50.0),
    },
)
def month(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        context = stack.enter_context(browser())
        sides: dict[str, Callable[[], Figures]] = {}
        for side in bench.builds:
            notes = bench.new_folder()
            hook = (str(Path(__file__).with_name('held.py')), str(notes))
            program = stack.enter_context(bench.program(side, data=many(bench, side), hook=hook))
            sides[side] = partial(of_month, context, program, notes)
        yield sides


def of_month(context: BrowserContext, program: Program, notes: Path) -> Figures:
    program.tree.calm()
    read = len(notes.read_text())
    for day in (now_utc(), now_utc() + timedelta(days=31)):
        page = opened(context, f'{program.url}scheduler?day={day:%Y-%m-%d}')
        time.sleep(MONTH_SECONDS)
        page.context.close()
    holds = [[float(word) for word in line.split()] for line in notes.read_text()[read:].splitlines()]
    held, own = (max(column) * 1000 for column in zip(*holds, strict=True))
    return {'held': held, 'own': own}
