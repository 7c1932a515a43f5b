"""A program with something of everything, and a walk through it that opens whatever can be opened."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urljoin

from playwright.sync_api import BrowserContext, FilePayload, JSHandle, Page

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
DRAFT = '''
from synapse import Pipeline, Run, StepFailed, step

class Draft(Pipeline):
    """Has a step to keep, and one to retry."""

    @step
    def write(self, run: Run):
        (run.workdir / 'draft.txt').write_text('hello')
        run.artifact('draft.txt')

    @step
    def publish(self, run: Run):
        raise StepFailed('nobody answers')
'''
# On the last days of a month its grid may have no room for what is planned.
NEXT_MONTH = f'/scheduler?day={datetime.now(UTC) + timedelta(days=31):%Y-%m-%d}'
PAGES = (
    '/',
    '/runs',
    '/runs/{Hello}',
    '/runs/{Breaks}',
    '/runs/{Draft}',
    '/runs/{Endless}',
    '/runs/{Asks}',
    '/logs',
    '/logs?levels=error,warning&q=break',
    '/scheduler',
    NEXT_MONTH,
    '/scheduler?view=week',
    '/scheduler?view=agenda',
    '/pipelines',
    '/pipelines/Hello',
    '/profiles',
    '/settings',
    '/help',
    '/nothing-here',
)
LAYER = '.q-dialog, .q-menu, .bl-pop, .mo-pop[data-shown]'
AGAIN = '.run-acts button:has([href$=i-retry])'
PRESSED = {
    '/': (('.bl-button', LAYER),),
    '/runs': (('.runs-one .tick', '.runs-bulk'),),
    '/runs/{Draft}': ((AGAIN, LAYER), ('.run-acts button:has([href$=i-play])', LAYER)),
    '/logs': (('.log-rows .r:not(.log-rule)', '.log-rows [aria-expanded=true]'),),
    '/scheduler': (('.is-today .mo-number', LAYER),),
    NEXT_MONTH: (('.mo-chip.st-scheduled', LAYER),),
    '/scheduler?view=week': (('.wk-block.is-more', LAYER),),
    '/scheduler?view=agenda': (('.ag-row.st-scheduled', LAYER), ('.ag-fold', '.ag-about'), ('.ag-about', LAYER)),
}
"""What opens something and does not say so in its attributes, or may start something instead; and what it opens."""
# On a phone the calendar changes its view, unless one was chosen; the server draws it.
SETTLED = """() => {
    const view = document.querySelector('.mo-view')?.dataset.view, isChosen = location.search.includes('view=');
    const busy = document.querySelectorAll(`.is-loading, .is-waiting, .mo-skeleton, .ag-days:empty,
        .wk-col:not([aria-label]), .sy-page [role=radio]:not([aria-checked]),
        [class*="-enter-active"], [class*="-leave-active"]`);
    const isRightView = !view || isChosen || (view === 'month') === innerWidth >= 768;
    return isRightView && ![...busy].some((one) => one.getClientRects().length);
}"""
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
        if (!one.id || one.disabled || one.closest('.sy-vh, [role=option], [role=combobox]') || !isSeen) continue;
        const name = (one.getAttribute('aria-label') || one.textContent).replace(/[0-9]+/g, '').trim();
        const kind = name.replace(/^(Plan a run of|Menu of|Edit|Remove|Run) (?!latest|all|again|once).*/, '$1');
        found[`${[...one.classList].slice(0, 2).join('.')} ${kind.slice(0, 40)}`] ??= one.id;
    }
    return found;
}"""
STARTS = re.compile(
    r'Run (latest|all|again|once)|Retry from|wk-day|nx-title|Executar (só|tod|tudo|de novo|uma)|Tentar de novo'
)
"""Openers that start or change something, or open what others open too."""
SHOWN = """(selector) => [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length)"""
KNOWN = f'(selector) => new Set(({SHOWN})(selector))'
NEW = f'([selector, known]) => ({SHOWN})(selector).some((one) => !known.has(one))'


class Home(NamedTuple):
    """A program that is lived in."""

    program: SynapseUnderTest
    runs: dict[str, int]
    """The number of a run of each kind, by pipeline."""


class Looker(Protocol):
    """Looks at what is shown."""

    page: Page

    def look(self, state: str, layer: str = '') -> None:
        """Look at a page, or at what is over it: with `layer`, the last element that it selects."""


@contextmanager
def furnished(folder: Path) -> Iterator[Home]:
    """A program that has missed something, runs something, and has pipelines of which one is broken."""
    was_off(folder / 'data', timedelta(hours=5), [hourly('late', 4, rrule='FREQ=HOURLY;COUNT=6')])
    # Where it is noon, so that what is due soon or was due a while ago is due today.
    noon = f'Etc/GMT{datetime.now(UTC).hour - 12:+}'
    program = forked(folder / 'data', '--workers', '2', TZ=noon)
    program.write_pipeline('samples.py', PIPELINES)
    program.write_pipeline('draft.py', DRAFT)
    program.write_pipeline('broken.py', 'import nothing_of_this_name\n')
    program.start()
    server = CalendarServer()
    try:
        program.wait_for_pipeline('Hello')
        _fill(program, folder / 'watched', server)
        yield Home(program, _start_runs(program))
    finally:
        with program.api as api:
            api.post('/queue/stop')
        program.stop()
        server.close()


def _fill(program: SynapseUnderTest, watched: Path, server: CalendarServer) -> None:
    watched.mkdir()
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
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
        newest = api.get('/scheduler/missed').json()['occurrences'][0]
        late = {'event_id': newest['event_id'], 'due': newest['due']}
        api.post('/scheduler/missed', json={'occurrences': [late], 'do': 'run'}).raise_for_status()


def _start_runs(program: SynapseUnderTest) -> dict[str, int]:
    made = {name: program.create_run(name) for name in ('Hello', 'Breaks', 'Draft')}
    for run in made.values():
        program.wait_for_run(run['id'])
    program.write_pipeline('draft.py', f'{DRAFT}\n# changed since its run, so that a retry asks first\n')
    made |= {name: program.create_run(name) for name in ('Endless', 'Asks')}
    program.wait_for_run(made['Endless']['id'], 'running')
    wait_until(lambda: bool(program.run(made['Asks']['id']).get('question')), timeout=30)
    program.create_run('Endless')
    program.create_run('Hello')
    return {name: run['number'] for name, run in made.items()}


def dashboard(context: BrowserContext, program: SynapseUnderTest) -> Page:
    """Open a tab that is signed in."""
    code = program.link.partition('#')[2]
    context.request.post(f'{program.url}auth', data={'code': code}, max_redirects=0)
    page = context.new_page()
    page.goto(program.url)
    page.locator('#content').wait_for()
    return page


def visited(looker: Looker, place: str, runs: dict[str, int], seen: set[str] | None) -> None:
    """Go to a page, and look at it and at all that opens from it.

    :param seen: what has been opened on pages before; None to open nothing
    """
    page, path = looker.page, place.format_map(runs)
    if path == '/nothing-here':  # that no page has: loaded anew, as if it was typed
        page.goto(urljoin(page.url, path))
    else:
        page.evaluate(VISIT, path)
    page.wait_for_function(ARRIVED)
    page.wait_for_function(SETTLED)
    page.evaluate("document.querySelectorAll('.sy-main details').forEach((fold) => { fold.open = true; })")
    looker.look(place)
    if seen is None:
        return
    walk(looker, place, seen)
    for opener, opens in PRESSED.get(place, ()):
        opened(looker, f'{place} > {opener}', opener, seen, opens=opens)
    for work in MORE.get(place, ()):
        work(looker, seen)


def walk(looker: Looker, place: str, seen: set[str], opener: str = '') -> None:
    """Open everything that can be opened from here, look at it, and close it again.

    :param opener: what has opened the layer to walk through; a menu is gone once a line of it is pressed
    """
    page, layer = looker.page, LAYER if opener else ''
    for name in page.evaluate(OPENERS, layer):
        if name in seen or STARTS.search(name):
            continue
        seen.add(name)
        if name not in page.evaluate(OPENERS, layer):
            press(page, opener)
        id = page.evaluate(OPENERS, layer)[name]
        opened(looker, f'{place} > {name}', f'[id="{id}"]', seen, has_more=not opener)


def opened(
    looker: Looker, state: str, opener: str, seen: set[str], *, opens: str = LAYER, has_more: bool = True
) -> None:
    """Press an opener, look at what it opens, and close that again."""
    page, known = looker.page, press(looker.page, opener, opens)
    looker.look(state, LAYER if opens == LAYER else '')
    if opens == LAYER and has_more:
        walk(looker, state, seen, opener)
    while opens == LAYER and page.evaluate(NEW, [LAYER, known]):
        page.keyboard.press('Escape')
        page.wait_for_function(SETTLED)


def press(page: Page, opener: str, opens: str = LAYER) -> JSHandle:
    """Press an opener, wait for what it opens, and return what was open before."""
    known = page.evaluate_handle(KNOWN, opens)
    page.locator(opener).first.evaluate('(opener) => opener.click()')
    page.wait_for_function(NEW, arg=[opens, known])
    page.wait_for_function(SETTLED)
    return known


def run_again(looker: Looker, seen: set[str]) -> None:
    """Go to the new run, which waits for a worker."""
    looker.page.locator(AGAIN).click()
    looker.page.locator('.sy-pill.st-queued').wait_for()
    looker.page.wait_for_function(SETTLED)
    looker.look('run again')


def import_a_file(looker: Looker, seen: set[str]) -> None:
    event = 'BEGIN:VEVENT\nUID:1\nSUMMARY:Lunch\nDTSTART:20300101T120000Z\nEND:VEVENT'
    text = f'BEGIN:VCALENDAR\nVERSION:2.0\n{event}\nEND:VCALENDAR\n'.replace('\n', '\r\n').encode()
    file: FilePayload = {'name': 'lunch.ics', 'mimeType': 'text/calendar', 'buffer': text}
    looker.page.locator('.feed-import input').set_input_files(file)
    looker.page.locator('.im-list').wait_for()
    looker.page.wait_for_function(SETTLED)
    looker.look('import', LAYER)
    looker.page.keyboard.press('Escape')
    looker.page.wait_for_function(SETTLED)


def keep_less(looker: Looker, seen: set[str]) -> None:
    """Ask for limits that would remove runs, and for what exceeds those of now."""
    page = looker.page
    save = page.locator('.keep-save')
    page.locator('#keep-run-count-mode').select_option('most')
    page.locator('#keep-run-count').fill('1')
    save.filter(has_text=re.compile(r'\d')).wait_for()
    looker.look('limits')
    opened(looker, 'limits > Save', '.keep-save button:last-child', seen)
    save.get_by_role('button').first.click()
    page.locator('.set-card:has(.keep-save) button:has([href$=i-trash])').click()
    page.locator('.sy-notice').wait_for()
    looker.look('cleaned up', '.sy-notice')


MORE = {'/runs/{Hello}': (run_again,), '/settings': (keep_less, import_a_file)}
"""What takes more than a press."""
