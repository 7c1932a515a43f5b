"""A room with something of everything, and a walk through it that opens whatever can be opened."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from playwright.sync_api import BrowserContext, FilePayload, Page
from playwright.sync_api import TimeoutError as NothingOpened

from tests.parts.calendar_server import CalendarServer
from tests.parts.downtime import hourly, was_off
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

PIPELINES = '''
import time
from pathlib import Path
from typing import Literal
from synapse import Pipeline, Run, StepFailed, step

class Hello(Pipeline):
    """Says hello and leaves it in a file."""
    name: str = 'you'
    tone: Literal['warm', 'cool'] = 'warm'
    loud: bool = False

    @step
    def greet(self, run: Run):
        run.log.success(f'hello {self.name}')
        run.log.warning('it is late')
        (run.workdir / 'hello.txt').write_text('hello')
        run.artifact('hello.txt')

class Endless(Pipeline):
    @step
    def first(self, run: Run):
        pass

    @step
    def turn(self, run: Run):
        run.progress(40, 'turning')
        while not run.cancelled:
            time.sleep(0.1)

class Asks(Pipeline):
    @step
    def publish(self, run: Run):
        run.ask('Publish the draft?', ['Publish', 'Not now'], timeout='2h', default='Not now')

class Reads(Pipeline):
    file: Path

    @step
    def read(self, run: Run):
        run.log.info(self.file.read_text())

class Breaks(Pipeline):
    @step
    def second(self, run: Run):
        run.log.error('about to break')
        raise StepFailed('it broke', hint='mend it')
'''
PAGES = (
    '/',
    '/runs',
    '/runs/{Hello}',
    '/runs/{Breaks}',
    '/runs/{Endless}',
    '/runs/{Asks}',
    '/logs',
    '/logs?levels=error,warning&q=break',
    '/scheduler',
    '/scheduler?view=agenda',
    '/pipelines',
    '/pipelines/Hello',
    '/profiles',
    '/settings',
    '/help',
)
PRESSED = {
    '/': ('.bl-button',),
    '/runs': ('.runs-one .tick',),
    '/logs': ('.log-rows .r:not(.log-rule)',),
    '/scheduler': ('.is-today .mo-number', '.mo-chip.st-scheduled'),
    '/scheduler?view=agenda': ('.ag-row.st-scheduled', '.ag-about'),
}
"""What opens something and does not say so in its attributes."""
LAYER = '.q-dialog, .q-menu, .bl-pop, .mo-pop[data-shown]'
SETTLED = """() => ![...document.querySelectorAll(
    '.is-loading, .is-waiting, .mo-skeleton, [class*="-enter-active"], [class*="-leave-active"]'
)].some((busy) => busy.getClientRects().length)"""
VISIT = """(path) => {
    if (location.pathname + location.search === path) return;
    document.querySelector('.sy-page').setAttribute('data-left', '');
    const link = document.createElement('a');
    link.href = path;
    document.querySelector('.sy-app').append(link);
    link.click();
    link.remove();
}"""
ARRIVED = "() => document.querySelector('.sy-page') && !document.querySelector('[data-left]')"
# One of each kind: those that differ only in numbers, or in what they are for, open the same.
OPENERS = """(layer) => {
    const found = {}, within = layer ? [...document.querySelectorAll(layer)].at(-1) : document;
    for (const one of within?.querySelectorAll('[aria-haspopup], [data-opens=told]') ?? []) {
        const isSeen = one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
        if (!one.id || one.disabled || one.closest('.sy-vh, [role=option]') || !isSeen) continue;
        const name = (one.getAttribute('aria-label') || one.textContent).replace(/[0-9]+/g, '').trim();
        const kind = name.replace(/^(Plan a run of|Menu of|Edit|Remove|Run) (?!latest|all|again|once).*/, '$1');
        found[`${[...one.classList].slice(0, 2).join('.')} ${kind.slice(0, 40)}`] ??= one.id;
    }
    return Object.entries(found);
}"""
STARTS = re.compile(
    r'Run (latest|all|again|once)|Retry from|Clean up|wk-day|nx-title'
    r'|Executar (só|tod|de novo|uma)|Tentar de novo|Limpar agora'
)
"""Openers that start or change something, or open what others open too."""


class Looker(Protocol):
    """Looks at what is shown."""

    page: Page

    def look(self, state: str, layer: str = '') -> None:
        """Look at a page, or at what is over it: with `layer`, the last element that it selects."""


def visited(looker: Looker, place: str, path: str, seen: set[str] | None) -> None:
    """Go to a page without loading it again, and look at it and at all that opens from it.

    :param path: the place with the numbers of its runs
    :param seen: what has been opened on pages before; None to open nothing
    """
    page = looker.page
    page.evaluate(VISIT, path)
    page.wait_for_function(ARRIVED)
    page.wait_for_function(SETTLED)
    page.evaluate("document.querySelectorAll('.sy-main details').forEach((fold) => { fold.open = true; })")
    looker.look(place)
    if seen is None:
        return
    walk(looker, place, seen)
    for opener in PRESSED.get(place, ()):
        opened(looker, f'{place} > {opener}', opener, seen)
    if place == '/settings':
        event = 'BEGIN:VEVENT\nUID:1\nSUMMARY:Lunch\nDTSTART:20300101T120000Z\nEND:VEVENT'
        text = f'BEGIN:VCALENDAR\nVERSION:2.0\n{event}\nEND:VCALENDAR\n'.replace('\n', '\r\n').encode()
        file: FilePayload = {'name': 'lunch.ics', 'mimeType': 'text/calendar', 'buffer': text}
        page.locator('.feed-import input').set_input_files(file)
        page.locator('.im-list').wait_for()
        page.wait_for_function(SETTLED)
        looker.look('import', LAYER)
        page.keyboard.press('Escape')


def dashboard(context: BrowserContext, program: SynapseUnderTest) -> Page:
    """Open a tab that is signed in."""
    code = program.link.partition('#')[2]
    context.request.post(f'{program.url}auth', data={'code': code}, max_redirects=0)
    page = context.new_page()
    page.goto(program.url)
    page.locator('#content').wait_for()
    return page


def walk(looker: Looker, place: str, seen: set[str], layer: str = '') -> None:
    """Open everything that can be opened from here, look at it, and close it again."""
    page = looker.page
    for name, id in page.evaluate(OPENERS, layer):
        if name not in seen and not STARTS.search(name):
            seen.add(name)
            opened(looker, f'{place} > {name}', f'[id="{id}"]', seen, has_more=not layer)


def opened(looker: Looker, state: str, opener: str, seen: set[str], *, has_more: bool = True) -> None:
    page, before = looker.page, looker.page.locator(LAYER).count()
    page.evaluate('(opener) => document.querySelector(opener)?.click()', opener)
    with suppress(NothingOpened):
        more = '([layer, count]) => document.querySelectorAll(layer).length > count'
        page.wait_for_function(more, arg=[LAYER, before], timeout=1500)
    is_over = page.locator(LAYER).count() > before
    page.wait_for_function(SETTLED)
    looker.look(state, LAYER if is_over else '')
    if is_over and has_more:
        walk(looker, state, seen, LAYER)
    while page.locator(LAYER).count() > before:
        page.keyboard.press('Escape')
        page.wait_for_function(SETTLED)


@contextmanager
def furnished(data: Path) -> Iterator[SynapseUnderTest]:
    """A program that has missed something, and has pipelines of which one is broken."""
    was_off(data, timedelta(hours=5), [hourly('late', 4, rrule='FREQ=HOURLY;COUNT=6')])
    program = forked(data, '--workers', '2')
    program.write_pipeline('samples.py', PIPELINES)
    program.write_pipeline('broken.py', 'import nothing_of_this_name\n')
    program.start()
    try:
        yield program
    finally:
        with program.api as api:
            api.post('/queue/stop')
        program.stop()


@contextmanager
def lived_in(program: SynapseUnderTest, watched: Path) -> Iterator[dict[str, int]]:
    """The numbers of runs of each kind, by pipeline, in a room with something of everything."""
    program.wait_for_pipeline('Hello')
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    server = CalendarServer()
    with program.api as api:
        for path, values in (
            ('/watches', {'folder': str(watched), 'pipeline': 'Reads'}),
            ('/profiles', {'label': 'Studio'}),
            ('/scheduler/subscriptions', {'url': server.address()}),
        ):
            api.post(path, json=values).raise_for_status()
        channel = {'id': 'phone', 'url': 'json://me:x@127.0.0.1:9/hook', 'kinds': ['run_failed'], 'enabled': False}
        api.put('/notifications', json={'channels': [channel]}).raise_for_status()
        for title, hours, more in (
            ('Daily', 1, {'rrule': 'FREQ=DAILY'}),
            ('Once', 2, {}),
            ('Off', 30, {'enabled': False}),
        ):
            start = (now + timedelta(hours=hours)).isoformat()
            event = {'title': title, 'pipeline': 'Hello', 'start': start, 'timezone': 'UTC', **more}
            api.post('/scheduler/create', json=event).raise_for_status()
    made = {name: program.create_run(name) for name in ('Hello', 'Breaks')}
    for run in made.values():
        program.wait_for_run(run['id'])
    made |= {name: program.create_run(name) for name in ('Endless', 'Asks')}
    program.wait_for_run(made['Endless']['id'], 'running')
    wait_until(lambda: bool(program.run(made['Asks']['id']).get('question')), timeout=30)
    program.create_run('Endless')
    program.create_run('Hello')
    yield {name: run['number'] for name, run in made.items()}
    server.close()
