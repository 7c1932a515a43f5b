"""From the moment a line is said to its paint, beside a bare WebSocket page: `python -m benchmarks.line_to_pixel`.

20 lines a second into the Logs page of the real program in a real Chromium. What is measured ends when the frame with
the row is painted, and begins where the line is said: at `print` or `run.log.info` inside the step's process, and for
`POST /logs` when the control room appends it to its log, or when the caller sends it.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from benchmarks import bare_page
from benchmarks.bare_page import moments
from benchmarks.chromium import browser, open_log, painted, watch_lines
from tests.parts.harness import SynapseUnderTest

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


def bare(context: BrowserContext, url: str, name: str, count: int) -> Latencies:
    page = context.new_page()
    page.goto(url)
    watch_lines(page, '#line')
    time.sleep(SETTLE_SECONDS)
    page.evaluate('(what) => bare.send(what)', f'{name} {count}')
    return taken(page, name, count)


def of_step(program: SynapseUnderTest, page: Page, way: str, name: str, count: int) -> Latencies:
    program.create_run('Sampler', name=name, moments=list(moments(count)), way=way)
    return taken(page, name, count)


def of_posts(program: SynapseUnderTest, page: Page, name: str, count: int) -> tuple[Latencies, Latencies]:
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


def shown(found: dict[str, list[Latencies]]) -> None:
    """Print the median over the rounds of p50 and p95, and the worst of all; and how often the bare page's that is."""
    print(f'  {"milliseconds":<44}{"p50":>8}{"p95":>8}{"max":>8}   ratio of p50, p95')
    reference = (0.0, 0.0)
    for name, rounds in found.items():
        p50 = statistics.median(statistics.median(one) for one in rounds)
        p95 = statistics.median(statistics.quantiles(one, n=20)[18] for one in rounds)
        reference = (p50, p95) if reference == (0.0, 0.0) else reference
        ratios = f'{p50 / reference[0]:6.2f} {p95 / reference[1]:6.2f}'
        print(f'  {name:<44}{p50:8.1f}{p95:8.1f}{max(map(max, rounds)):8.1f}   {ratios}')


def main(arguments: Sequence[str]) -> None:
    samples, rounds = (int(argument) for argument in arguments) if arguments else (SAMPLES, ROUNDS)
    found: dict[str, list[Latencies]] = {
        'bare WebSocket page, since it was sent': [],
        'POST /logs, since the log took it': [],
        'POST /logs, since the caller sent it': [],
        'a line a step prints, since it printed it': [],
        'run.log.info in a step, since it was called': [],
    }
    bares, logged, posted, printed, said = found.values()
    with tempfile.TemporaryDirectory() as folder, bare_page.served() as url, browser() as context:
        program = SynapseUnderTest(Path(folder) / 'data', '--no-login')
        program.write_pipeline('sampler.py', PIPELINE)
        program.start()
        try:
            program.wait_for_pipeline('Sampler')
            for number in range(rounds):
                bares.append(bare(context, url, f'bare{number}', samples))
                page = open_log(context, program.url)
                watch_lines(page, '.log-rows')
                time.sleep(SETTLE_SECONDS)
                for results, one in zip(
                    (logged, posted), of_posts(program, page, f'post{number}', samples), strict=True
                ):
                    results.append(one)
                printed.append(of_step(program, page, 'print', f'print{number}', samples))
                said.append(of_step(program, page, 'log', f'log{number}', samples))
                page.close()
        finally:
            program.stop()
    print(f'{samples} lines at {bare_page.RATE} a second, {rounds} rounds')
    shown(found)


if __name__ == '__main__':
    main(sys.argv[1:])
