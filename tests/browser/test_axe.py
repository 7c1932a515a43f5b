"""Pages, and dialogs and menus over them, under axe-core: both themes, wide, on a phone, at a zoom of 200 %."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, JSHandle, Page

from tests.parts.axe import axe_source
from tests.parts.calendar_server import CalendarServer
from tests.parts.downtime import hourly, was_off
from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

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
PRESSED = {
    '/': (('.bl-button', LAYER),),
    '/runs': (('.runs-one .tick', '.runs-bulk'),),
    '/runs/{Draft}': (('button:has-text("Run all again")', LAYER), ('button:has-text("Retry from")', LAYER)),
    '/logs': (('.log-rows .r:not(.log-rule)', '.log-rows [aria-expanded=true]'),),
    '/scheduler': (('.is-today .mo-number', LAYER), ('.mo-chip.st-scheduled', LAYER)),
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
STARTS = re.compile(r'Run (latest|all|again|once)|Retry from|wk-day|nx-title')
"""Openers that start or change something, or open what others open too."""
SCAN = """async ([kind, layer]) => {
    // Transitions, however short, end with a frame.
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const going = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
    for (const one of going) one.finish();
    await new Promise((done) => setTimeout(done));

    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const colors = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };
    const within = layer ? [...document.querySelectorAll(layer)].at(-1) : document;
    const runOnly = kind === 'colors' ? colors : { type: 'tag', values: tags };
    const fast = { resultTypes: ['violations'], selectors: false, preload: false };
    const { violations } = await axe.run(within || document, { runOnly, ...fast });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 200), [...any, ...all, ...none].map((check) => check.message).join('; ').slice(0, 300)]));
}"""
# A theme changes colours and nothing else, so of each width one theme has all rules, the other those about colours.
LOOKS = ((1440, 'dark', 'all'), (1440, 'light', 'colors'), (375, 'light', 'all'), (375, 'dark', 'colors'))
ZOOMED = 720  # 1440 at a zoom of 200 %
REFLOWS = """() => document.documentElement.scrollWidth > innerWidth"""
SHOWN = """(selector) => [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length)"""
KNOWN = f'(selector) => new Set(({SHOWN})(selector))'
NEW = f'([selector, known]) => ({SHOWN})(selector).some((one) => !known.has(one))'


class Audit:
    """Collects what axe finds, each finding once, with where it was found first."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[tuple[str, str], str] = {}

    def look(self, state: str, layer: str = '') -> None:
        """Look at a page, or at what is over it: with `layer`, the last element that it selects."""
        for width, theme, kind in LOOKS:
            self._show(width, theme)
            self._scan(f'{state} ({theme}, {width})', kind, layer)
            self._measure(state, width)
        if not layer:
            self._show(ZOOMED)
            self._measure(state, ZOOMED)
        self._show(1440)

    def _show(self, width: int, theme: str = 'dark') -> None:
        self.page.emulate_media(color_scheme='dark' if theme == 'dark' else 'light')
        if self.page.viewport_size != {'width': width, 'height': 900}:
            self.page.set_viewport_size({'width': width, 'height': 900})
            self.page.wait_for_function(SETTLED)

    def _scan(self, state: str, kind: str, layer: str) -> None:
        for rule, html, why in self.page.evaluate(SCAN, [kind, layer]):
            kind_of = re.sub(r'[0-9a-f]{8,}|\d+', '0', html)[:80]
            self.found.setdefault((rule, kind_of), f'{rule}: {html}\n    {why}\n    {state}')

    def _measure(self, state: str, width: int) -> None:
        if self.page.evaluate(REFLOWS):
            self.found.setdefault(('scrolls sideways', state), f'{state} scrolls sideways at {width} px')


def visit(page: Page, program: SynapseUnderTest, path: str) -> None:
    """Go there by a link, which loads no page; an address that no page has is loaded anew, as if it was typed."""
    if path == '/nothing-here':
        page.goto(program.url + path[1:])
    else:
        page.evaluate(VISIT, path)
    page.wait_for_function(ARRIVED)
    page.wait_for_function(SETTLED)


def walk(audit: Audit, place: str, seen: set[str], opener: str = '') -> None:
    """Open everything that can be opened from here, look at it, and close it again.

    :param opener: what has opened the layer to walk through; a menu is gone once a line of it is pressed
    """
    page, layer = audit.page, LAYER if opener else ''
    for name in page.evaluate(OPENERS, layer):
        if name in seen or STARTS.search(name):
            continue
        seen.add(name)
        if name not in page.evaluate(OPENERS, layer):
            press(page, opener)
        id = page.evaluate(OPENERS, layer)[name]
        opened(audit, f'{place} > {name}', f'[id="{id}"]', seen, has_more=not opener)


def opened(audit: Audit, state: str, opener: str, seen: set[str], *, opens: str = LAYER, has_more: bool = True) -> None:
    """Press an opener, look at what it opens, and close that again."""
    page, known = audit.page, press(audit.page, opener, opens)
    audit.look(state, LAYER if opens == LAYER else '')
    if opens == LAYER and has_more:
        walk(audit, state, seen, opener)
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


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    data = tmp_path_factory.mktemp('axe') / 'data'
    was_off(data, timedelta(hours=5), [hourly('late', 4, rrule='FREQ=HOURLY;COUNT=6')])
    # Where it is noon, so that what is due soon or was due a while ago is due today.
    noon = f'Etc/GMT{datetime.now(UTC).hour - 12:+}'
    program = forked(data, '--workers', '2', TZ=noon)
    program.write_pipeline('samples.py', PIPELINES)
    program.write_pipeline('draft.py', DRAFT)
    program.write_pipeline('broken.py', 'import nothing_of_this_name\n')
    yield program.start()
    with program.api as api:
        api.post('/queue/stop')
    program.stop()


@pytest.fixture(scope='module')
def runs(program: SynapseUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The numbers of runs of each kind, by pipeline, in a room with something of everything."""
    program.wait_for_pipeline('Hello')
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    server = CalendarServer()
    with program.api as api:
        for path, values in (
            ('/watches', {'folder': str(tmp_path_factory.mktemp('watched')), 'pipeline': 'Reads'}),
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
    made = {name: program.create_run(name) for name in ('Hello', 'Breaks', 'Draft')}
    for run in made.values():
        program.wait_for_run(run['id'])
    program.write_pipeline('draft.py', f'{DRAFT}\n# changed since its run, so that a retry asks first\n')
    made |= {name: program.create_run(name) for name in ('Endless', 'Asks')}
    program.wait_for_run(made['Endless']['id'], 'running')
    wait_until(lambda: bool(program.run(made['Asks']['id']).get('question')), timeout=30)
    program.create_run('Endless')
    program.create_run('Hello')
    yield {name: run['number'] for name, run in made.items()}
    server.close()


@pytest.fixture(scope='module')
def context(browser: Browser) -> Iterator[BrowserContext]:
    with checking(browser) as context:
        yield context


@pytest.fixture
def tab(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that is not signed in anywhere."""
    with checking(browser) as context:
        yield context


def checking(browser: Browser) -> BrowserContext:
    """A browser whose pages have axe."""
    context = browser.new_context(viewport={'width': 1440, 'height': 900}, reduced_motion='reduce', bypass_csp=True)
    context.add_init_script("localStorage.setItem('synapse-theme', 'system')")
    context.set_default_timeout(20_000)
    context.add_init_script(axe_source())
    return context


@pytest.fixture(scope='module')
def page(context: BrowserContext, program: SynapseUnderTest) -> Page:
    """A tab at the dashboard; other pages are reached from there without loading it again."""
    return dashboard(context, program)


def dashboard(context: BrowserContext, program: SynapseUnderTest) -> Page:
    """Open a tab that is signed in."""
    code = program.link.partition('#')[2]
    context.request.post(f'{program.url}auth', data={'code': code}, max_redirects=0)
    page = context.new_page()
    page.goto(program.url)
    page.locator('#content').wait_for()
    return page


@pytest.fixture(scope='module')
def seen() -> set[str]:
    """What has been opened on pages before."""
    return set()


def run_again(audit: Audit, seen: set[str]) -> None:
    """Go to the new run, which waits for a worker."""
    audit.page.get_by_role('button', name='Run again').click()
    audit.page.locator('.sy-pill.st-queued').wait_for()
    audit.page.wait_for_function(SETTLED)
    audit.look('run again')


def import_a_file(audit: Audit, seen: set[str]) -> None:
    event = 'BEGIN:VEVENT\nUID:1\nSUMMARY:Lunch\nDTSTART:20300101T120000Z\nEND:VEVENT'
    text = f'BEGIN:VCALENDAR\nVERSION:2.0\n{event}\nEND:VCALENDAR\n'.replace('\n', '\r\n').encode()
    file: FilePayload = {'name': 'lunch.ics', 'mimeType': 'text/calendar', 'buffer': text}
    audit.page.locator('.feed-import input').set_input_files(file)
    audit.page.locator('.im-list').wait_for()
    audit.page.wait_for_function(SETTLED)
    audit.look('import', LAYER)
    audit.page.keyboard.press('Escape')
    audit.page.wait_for_function(SETTLED)


def keep_less(audit: Audit, seen: set[str]) -> None:
    """Ask for limits that would remove runs, and for what exceeds those of now."""
    page = audit.page
    kept = page.get_by_role('region', name='What is kept')
    kept.get_by_label('Number of runs').select_option('most')
    kept.get_by_label('Runs that are kept').fill('1')
    kept.get_by_text('would be removed').wait_for()
    audit.look('limits')
    opened(audit, 'limits > Save', '.keep-save button:has-text("Save")', seen)
    kept.get_by_role('button', name='Cancel').click()
    kept.get_by_role('button', name='Clean up now').click()
    page.locator('.sy-notice').wait_for()
    audit.look('cleaned up', '.sy-notice')


MORE = {'/runs/{Hello}': (run_again,), '/settings': (keep_less, import_a_file)}
"""What takes more than a press."""


@pytest.mark.parametrize('place', PAGES)
def test_axe_finds_nothing(
    page: Page, program: SynapseUnderTest, runs: dict[str, int], place: str, seen: set[str]
) -> None:
    audit = Audit(page)
    visit(page, program, place.format_map(runs))
    page.evaluate("document.querySelectorAll('.sy-main details').forEach((fold) => { fold.open = true; })")
    audit.look(place)
    walk(audit, place, seen)
    for opener, opens in PRESSED.get(place, ()):
        opened(audit, f'{place} > {opener}', opener, seen, opens=opens)
    for work in MORE.get(place, ()):
        work(audit, seen)

    assert not audit.found, '\n'.join(audit.found.values())


def test_axe_finds_nothing_before_one_is_signed_in(tab: BrowserContext, program: SynapseUnderTest) -> None:
    refused = httpx.get(program.url, headers={'host': 'elsewhere.example', 'accept': 'text/html'})
    page = tab.new_page()
    audit = Audit(page)
    for path in ('login', 'auth'):
        page.goto(f'{program.url}{path}')
        audit.look(path)
    page.set_content(refused.text)
    page.evaluate(axe_source())
    audit.look('refused')

    assert not audit.found, '\n'.join(audit.found.values())


def test_axe_finds_nothing_on_the_first_start(tab: BrowserContext, tmp_path: Path) -> None:
    program = forked(tmp_path / 'data').start()
    page = dashboard(tab, program)
    page.locator('.hero').wait_for()
    audit = Audit(page)
    audit.look('first start')
    page.close()
    program.stop()

    assert not audit.found, '\n'.join(audit.found.values())
