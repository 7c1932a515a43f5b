"""From the moment a line is said to its paint, beside a bare WebSocket page: `python -m benchmarks.line_to_pixel`.

20 lines a second into the Logs page of the real program in a real Chromium. What is measured ends when the frame with
the row is painted, and begins where the line is said: at `print` or `run.log.info` inside the step's process, and for
`POST /logs` when the control room appends it to its log, or when the caller sends it.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial

from playwright.sync_api import BrowserContext, Page

from benchmarks import bare_page
from benchmarks.bare_page import moments
from benchmarks.builds import Bench, Program
from benchmarks.chromium import browser, open_log, painted, watch_lines
from benchmarks.measuring import REFERENCE, Figure, Figures, Sides, benchmark, p50, p95

SAMPLES, ROUNDS = 200, 3
SETTLE_SECONDS = 2.0

PIPELINE = """
import time

from synapse import Pipeline, Run, step


class Sampler(Pipeline):
    name: str
    moments: list[float]
    way: str

    @step
    def say(self, run: Run) -> None:
        ways = {'print': lambda text: print(text, flush=True), 'log': run.log.info}
        begin = time.monotonic()
        for number, moment in enumerate(self.moments):
            time.sleep(max(0, begin + moment - time.monotonic()))
            ways[self.way](f'sample {self.name}-{number} at {time.time()}')
"""

Latencies = list[float]
"""Milliseconds."""
PARTS = {'p50': p50, 'p95': p95}
_names = (f'sample{number}' for number in itertools.count())


def _figures() -> dict[str, Figure]:
    ways = {
        'print': ('a line that a step prints', 2.0),
        'log': ('`run.log.info` in a step', 2.0),
        'taken': ('`POST /logs`, since the log took it', 2.0),
        'sent': ('`POST /logs`, since the caller sent it', None),
    }
    return {
        f'{way}_{part}': Figure(what=f'{words}, to pixel, {part}', of_reference=limit)
        for way, (words, limit) in ways.items()
        for part in ('p50', 'p95')
    }


@benchmark(
    'line',
    f'{SAMPLES} lines for each way to say one, {bare_page.RATE} a second: from the moment it is said to its paint in '
    'the Logs page.',
    reference='a bare page with one WebSocket and one `textContent`, from the moment it is sent',
    rounds=ROUNDS,
    figures=_figures(),
)
def line(bench: Bench) -> Iterator[Sides]:
    with ExitStack() as stack:
        context, url = stack.enter_context(browser()), stack.enter_context(bare_page.served())
        programs = stack.enter_context(bench.programs(pipelines={'Sampler': PIPELINE}))
        count = bench.count(SAMPLES)
        sides = {side: partial(of_log, context, program, count) for side, program in programs.items()}
        yield sides | {REFERENCE: partial(of_bare, context, url, count)}


def of_log(context: BrowserContext, program: Program, count: int) -> Figures:
    page = open_log(context, program.url)
    watch_lines(page, '.log-rows')
    time.sleep(SETTLE_SECONDS)
    late = {way: of_step(program, page, way, next(_names), count) for way in ('print', 'log')}
    late['taken'], late['sent'] = of_posts(program, page, next(_names), count)
    page.close()
    return {f'{way}_{part}': of(late[way]) for way in late for part, of in PARTS.items()}


def of_bare(context: BrowserContext, url: str, count: int) -> Figures:
    late = bare(context, url, next(_names), count)
    return {name: PARTS[name[-3:]](late) for name in _figures()}


def bare(context: BrowserContext, url: str, name: str, count: int) -> Latencies:
    page = context.new_page()
    page.goto(url)
    watch_lines(page, '#line')
    time.sleep(SETTLE_SECONDS)
    page.evaluate('(what) => bare.send(what)', f'{name} {count}')
    late = taken(page, name, count)
    page.close()
    return late


def of_step(program: Program, page: Page, way: str, name: str, count: int) -> Latencies:
    program.create_run('Sampler', name=name, moments=list(moments(count)), way=way)
    return taken(page, name, count)


def of_posts(program: Program, page: Page, name: str, count: int) -> tuple[Latencies, Latencies]:
    """Since the control room appended it to its log, and since the caller sent it."""
    appended: dict[str, float] = {}
    begin = time.monotonic()

    # The answer comes when the line is on disk: the next ones are not to wait for that.
    with program.api as api, ThreadPoolExecutor(16) as pool:

        def post(number: int) -> None:
            message = f'sample {name}-{number} at {time.time()}'
            answer = api.post('/logs', json={'level': 'info', 'message': message}).raise_for_status().json()
            appended[f'{name}-{number}'] = datetime.fromisoformat(answer['timestamp']).timestamp()

        for number, moment in enumerate(moments(count)):
            time.sleep(max(0, begin + moment - time.monotonic()))
            pool.submit(post, number)
    seen = painted(page, name, count)
    return [(at - appended[key]) * 1000 for key, (_, at) in seen.items()], [
        (at - said) * 1000 for said, at in seen.values()
    ]


def taken(page: Page, name: str, count: int) -> Latencies:
    return [(seen - said) * 1000 for said, seen in painted(page, name, count).values()]


if __name__ == '__main__':
    from benchmarks.__main__ import main

    sys.exit(main(['line']))
