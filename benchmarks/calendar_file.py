"""Importing a calendar file: for how long the event loop is held while a page of the calendar is open, and how long
it takes."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import icalendar
from playwright.sync_api import BrowserContext

from benchmarks import planned
from benchmarks.builds import Bench, Program
from benchmarks.chromium import browser
from benchmarks.measuring import REFERENCE, Figure, Figures, Sides, benchmark, milliseconds
from benchmarks.pages import opened

EVENTS = 3_500
REST_SECONDS = 3.0
"""After the answer: what pages and programs are sent then is part of the import."""


@benchmark(
    'import',
    f'A file of {EVENTS:,} recurring events, of less than a megabyte since the earlier build takes no more, imported '
    'into an empty calendar and then once more, with a Chromium that shows the month: the longest time for which the '
    'event loop is held, by the clock, which includes the other processes of the machine.',
    reference='`icalendar.Calendar.from_ical` of the same file, which keeps nothing',
    rounds=3,
    figures={
        'held': Figure(what=f'event loop held, {EVENTS:,} new events, longest', limit=100.0),
        'again': Figure(what='event loop held, the same file once more, longest', limit=100.0),
        'total': Figure(what='from the request to the answer, new events', of_old=1.0),
    },
)
def calendar_file(bench: Bench) -> Iterator[Sides]:
    text = planned.as_file(planned.recurring(bench.count(EVENTS)))
    with browser() as context:
        sides = {side: partial(of_program, bench, context, side, text) for side in bench.builds}
        yield sides | {REFERENCE: lambda: {'total': milliseconds(lambda: icalendar.Calendar.from_ical(text))}}


def of_program(bench: Bench, context: BrowserContext, side: str, text: bytes) -> Figures:
    notes = bench.new_folder()
    with bench.program(side, hook=(str(Path(__file__).with_name('held.py')), str(notes))) as program:
        program.calls().get('/api/v1/status')  # the first call waits until the API is imported
        page = opened(context, f'{program.url}scheduler')
        program.tree.calm()
        first, total = imported(program, notes, text)
        again, _ = imported(program, notes, text)
        page.context.close()
    return {'held': first, 'again': again, 'total': total}


def imported(program: Program, notes: Path, text: bytes) -> tuple[float, float]:
    """Return for how long the event loop was held at most, and how long the import took, both in milliseconds."""
    headers = {'Content-Type': 'text/calendar', 'Authorization': f'Bearer {program.token}'}
    request = Request(f'{program.url}api/v1/scheduler/import?trust=true', text, headers)  # noqa: S310 - ours
    read = len(notes.read_text())

    def post() -> None:
        with urlopen(request, timeout=300) as answer:  # noqa: S310
            answer.read()

    total = milliseconds(post)
    time.sleep(REST_SECONDS)
    holds = [float(line.split()[0]) for line in notes.read_text()[read:].splitlines()]
    return max(holds) * 1000, total
