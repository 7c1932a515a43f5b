"""Why the log has lines of its own: the same rows into them and into AG Grid: `python -m benchmarks.view_choice`.

A page of each keeps 5,000 rows and follows the newest, with one update on its way at a time, which the browser
confirms; AG Grid by `applyTransactionAsync`. What is measured is what the page feels (times between two frames) and
the processor time of the process that sends.
"""

import asyncio
import contextlib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import httpx
from playwright.sync_api import BrowserContext

from benchmarks.chromium import browser, gaps, painted, watch_frames, watch_lines

CAP = 5_000
ROUNDS = 3
STALL_MS = 50.0
SETTLE_SECONDS = 2.0
ANSWER_SECONDS = 60
WORDS = 'frame= 1234 fps=48.2 q=28.0 size=    2048kB time=00:00:51.47 bitrate= 325.9kbits/s speed=2.01x, line'


@dataclass(frozen=True)
class Pace:
    """So many rows in all and in one update, and so many seconds from one update to the next at least."""

    words: str
    rows: int
    at_once: int
    seconds_apart: float


PACES = (
    Pace('2,000 rows/s, the most the page sends', 20_000, 200, 0.1),
    Pace('10,000 rows/s', 30_000, 500, 0.05),
    Pace('100,000 rows as fast as confirmed', 100_000, 500, 0),
)


@dataclass(frozen=True)
class Figures:
    """Of one flood. `stall_ms` is the sum of the times over 50 ms between two frames."""

    stall_ms: float
    longest_ms: float
    last_row_ms: float
    seconds: float
    cpu_us_a_row: float


# The page


Send = Callable[[list[tuple[int, str]]], Awaitable[Any]]
"""Show numbered texts and come back when the browser has confirmed them."""


def serve(port: int) -> None:
    """Serve `/ours` and `/grid`; what the address asks for begins with a press of the button."""
    from nicegui import ui

    from pages.shell import theme

    theme.install('UTC')

    @ui.page('/ours')
    def ours(name: str, rows: int, at_once: int, apart: float) -> None:
        _page(_ours(), name, Pace('', rows, at_once, apart))

    @ui.page('/grid')
    def grid(name: str, rows: int, at_once: int, apart: float) -> None:
        _page(_grid(), name, Pace('', rows, at_once, apart))

    ui.run(
        host='127.0.0.1',
        port=port,
        reload=False,
        show=False,
        show_welcome_message=False,
        tailwind=False,
        binding_refresh_interval=None,
    )


def _page(send: Send, name: str, pace: Pace) -> None:
    from nicegui import ui

    async def flood() -> None:
        since, clock = time.process_time(), asyncio.get_running_loop().time
        begin = clock()
        for first in range(0, pace.rows, pace.at_once):
            end = min(pace.rows, first + pace.at_once)
            rows = [(number, f'{WORDS} {number}') for number in range(first, end)]
            if end == pace.rows:
                rows[-1] = (end - 1, f'sample {name} at {time.time()}')
            await send(rows)
            await asyncio.sleep(max(0, begin + end / pace.at_once * pace.seconds_apart - clock()))
        answer.set_text(f'{time.process_time() - since} {clock() - begin}')

    ui.button('Go', on_click=flood)
    answer = ui.label().props('id=answer')


def _ours() -> Send:
    from nicegui import ui

    from pages.logs.lines import LogLines

    with ui.element('div').style('height: 760px; width: 1360px; display: flex'):
        lines = LogLines('Log', has_run=True, follows=True)

    async def send(rows: list[tuple[int, str]]) -> None:
        now = int(time.time() * 1000)
        fields = [[number, 1, number, now, 1, 'step', '#12', text, '', 0, None, None] for number, text in rows]
        await lines.ask('append', fields, {'isAtEnd': True})

    return send


def _grid() -> Send:
    from nicegui import ui

    columns = {'time': 100, 'level': 76, 'source': 92, 'run': 60, 'message': 1000}
    options = {
        'columnDefs': [
            {'field': name, 'headerName': name.title(), 'width': width, 'cellDataType': False}
            for name, width in columns.items()
        ],
        'rowData': [],
        ':getRowId': 'p => String(p.data.id)',
        ':onAsyncTransactionsFlushed': 'e => e.api.ensureIndexVisible(e.api.getDisplayedRowCount() - 1, "bottom")',
        'rowHeight': 22,
        'animateRows': False,
        'enableCellTextSelection': True,
        'asyncTransactionWaitMillis': 10,
    }
    grid = ui.aggrid(options, theme='balham', auto_size_columns=False).style('height: 760px; width: 1360px')

    async def send(rows: list[tuple[int, str]]) -> None:
        clock = time.strftime('%H:%M:%S')
        added = [
            {'id': number, 'time': clock, 'level': 'INFO', 'source': 'step', 'run': '#12', 'message': text}
            for number, text in rows
        ]
        removed = [{'id': number - CAP} for number, _ in rows if number >= CAP]
        change = {'add': added, 'remove': removed}
        await grid.run_grid_method('applyTransactionAsync', change, timeout=ANSWER_SECONDS)

    return send


# The measuring


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Address of the two pages while they are served."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    url = f'http://127.0.0.1:{port}'
    with subprocess.Popen([sys.executable, '-m', 'benchmarks.view_choice', 'serve', str(port)]) as process:
        try:
            while not _answers(url):
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f'{url}/static/synapse/log_lines.js').is_success
    except httpx.TransportError:
        return False


def measured(context: BrowserContext, url: str, view: str, pace: Pace) -> Figures:
    page = context.new_page()
    query = f'name=end&rows={pace.rows}&at_once={pace.at_once}&apart={pace.seconds_apart}'
    page.goto(f'{url}/{view}?{query}')
    page.locator('.log-port, .ag-body-viewport').first.wait_for()
    watch_lines(page, '#app')
    time.sleep(SETTLE_SECONDS)
    watch_frames(page)
    page.get_by_role('button', name='Go').click()
    ((said, seen),) = painted(page, 'end', 1, timeout=300).values()
    found = gaps(page)
    page.wait_for_function('document.getElementById("answer").textContent')
    cpu, seconds = (float(word) for word in page.locator('#answer').inner_text().split())
    page.close()
    return Figures(
        stall_ms=sum(gap for gap in found if gap > STALL_MS),
        longest_ms=max(found),
        last_row_ms=(seen - said) * 1000,
        seconds=seconds,
        cpu_us_a_row=cpu / pace.rows * 1e6,
    )


def main(arguments: Sequence[str]) -> None:
    rounds = int(arguments[0]) if arguments else ROUNDS
    print(f'medians of {rounds} rounds')
    with served() as url, browser() as context:
        for pace in PACES:
            found: dict[str, list[Figures]] = {'ours': [], 'grid': []}
            for _ in range(rounds):
                for view, figures in found.items():
                    figures.append(measured(context, url, view, pace))
            print(pace.words)
            print(f'  {"":<8}{"stall ms":>10}{"longest ms":>12}{"last row ms":>13}{"seconds":>9}{"us a row":>10}')
            medians = {view: _medians(figures) for view, figures in found.items()}
            for view, row in medians.items():
                print(f'  {view:<8}{row[0]:10.0f}{row[1]:12.0f}{row[2]:13.1f}{row[3]:9.2f}{row[4]:10.1f}')
            ratios = [mine / theirs if theirs else float('nan') for mine, theirs in zip(*medians.values(), strict=True)]
            print(f'  {"ratio":<8}{ratios[0]:10.2f}{ratios[1]:12.2f}{ratios[2]:13.2f}{ratios[3]:9.2f}{ratios[4]:10.2f}')


def _medians(rounds: Sequence[Figures]) -> list[float]:
    return [statistics.median(column) for column in zip(*map(astuple, rounds), strict=True)]


if __name__ == '__main__':
    if sys.argv[1:2] == ['serve']:
        serve(int(sys.argv[2]))
    else:
        main(sys.argv[1:])
