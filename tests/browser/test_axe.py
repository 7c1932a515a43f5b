"""Pages, and dialogs and menus over them, under axe-core: both themes, wide, on a phone, at a zoom of 200 %."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page
from playwright.sync_api import TimeoutError as NothingOpened

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
STARTS = re.compile(r'Run (latest|all|again|once)|Retry from|Clean up|wk-day|nx-title')
"""Openers that start or change something, or open what others open too."""
# Transitions, however short, end with a frame.
THEME = """(theme) => {
    window.synapse?.setTheme?.(theme);
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const going = document.getAnimations().filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
        for (const one of going) one.finish();
        setTimeout(() => done(!!window.synapse));
    })));
}"""
RUN = """async ([kind, layer]) => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const within = layer ? [...document.querySelectorAll(layer)].at(-1) : document;
    const only = kind === 'contrast' ? { type: 'rule', values: ['color-contrast'] } : { type: 'tag', values: tags };
    const rules = kind === 'structure' ? { 'color-contrast': { enabled: false } } : {};
    const fast = { resultTypes: ['violations'], selectors: false, preload: false };
    const { violations } = await axe.run(within || document, { runOnly: only, rules, ...fast });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, any, all, none }) =>
        [id, html.slice(0, 200), [...any, ...all, ...none].map((check) => check.message).join('; ').slice(0, 300)]));
}"""
# Colours depend on the theme, sizes and what is shown on the width.
LOOKS = (('dark', 1440, 'all'), ('light', 1440, 'contrast'), ('light', 375, 'structure'))
OVER = (('dark', 1440, 'all'), ('light', 375, 'all'))
ZOOMED = 720  # 1440 at a zoom of 200 %
REFLOWS = """() => document.documentElement.scrollWidth > innerWidth"""


class Audit:
    """Collects what axe finds, each finding once, with where it was found first."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[tuple[str, str], str] = {}

    def look(self, state: str, layer: str = '') -> None:
        """Look at a page, or at what is over it: with `layer`, the last element that it selects."""
        for theme, width, kind in OVER if layer else LOOKS:
            self._show(theme, width)
            self._scan(f'{state} ({theme}, {width})', kind, layer)
            self._measure(state, width)
        if not layer:
            self._show('light', ZOOMED)
            self._measure(state, ZOOMED)
        self._show('dark', 1440)

    def _show(self, theme: str, width: int) -> None:
        if self.page.viewport_size != {'width': width, 'height': 900}:
            self.page.set_viewport_size({'width': width, 'height': 900})
        if not self.page.evaluate(THEME, theme):
            self.page.emulate_media(color_scheme='dark' if theme == 'dark' else 'light')

    def _scan(self, state: str, kind: str, layer: str) -> None:
        for rule, html, why in self.page.evaluate(RUN, [kind, layer]):
            kind_of = re.sub(r'[0-9a-f]{8,}|\d+', '0', html)[:80]
            self.found.setdefault((rule, kind_of), f'{rule}: {html}\n    {why}\n    {state}')

    def _measure(self, state: str, width: int) -> None:
        if self.page.evaluate(REFLOWS):
            self.found.setdefault(('scrolls sideways', state), f'{state} scrolls sideways at {width} px')


def walk(audit: Audit, place: str, seen: set[str], layer: str = '') -> None:
    """Open everything that can be opened from here, look at it, and close it again."""
    page = audit.page
    for name, id in page.evaluate(OPENERS, layer):
        if name not in seen and not STARTS.search(name):
            seen.add(name)
            opened(audit, f'{place} > {name}', f'[id="{id}"]', seen, has_more=not layer)


def opened(audit: Audit, state: str, opener: str, seen: set[str], *, has_more: bool = True) -> None:
    page, before = audit.page, audit.page.locator(LAYER).count()
    page.evaluate('(opener) => document.querySelector(opener)?.click()', opener)
    with suppress(NothingOpened):
        more = '([layer, count]) => document.querySelectorAll(layer).length > count'
        page.wait_for_function(more, arg=[LAYER, before], timeout=1500)
    is_over = page.locator(LAYER).count() > before
    page.wait_for_function(SETTLED)
    audit.look(state, LAYER if is_over else '')
    if is_over and has_more:
        walk(audit, state, seen, LAYER)
    while page.locator(LAYER).count() > before:
        page.keyboard.press('Escape')
        page.wait_for_function(SETTLED)


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    data = tmp_path_factory.mktemp('axe') / 'data'
    was_off(data, timedelta(hours=5), [hourly('late', 4, rrule='FREQ=HOURLY;COUNT=6')])
    program = forked(data, '--workers', '2')
    program.write_pipeline('samples.py', PIPELINES)
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


@pytest.mark.parametrize('place', PAGES)
def test_axe_finds_nothing(page: Page, runs: dict[str, int], place: str, seen: set[str]) -> None:
    audit = Audit(page)
    path = place.format_map(runs)
    page.evaluate(VISIT, path)
    page.wait_for_function(ARRIVED)
    page.wait_for_function(SETTLED)
    page.evaluate("document.querySelectorAll('.sy-main details').forEach((fold) => { fold.open = true; })")
    audit.look(place)
    walk(audit, place, seen)
    for opener in PRESSED.get(place, ()):
        opened(audit, f'{place} > {opener}', opener, seen)
    if place == '/settings':
        event = 'BEGIN:VEVENT\nUID:1\nSUMMARY:Lunch\nDTSTART:20300101T120000Z\nEND:VEVENT'
        text = f'BEGIN:VCALENDAR\nVERSION:2.0\n{event}\nEND:VCALENDAR\n'.replace('\n', '\r\n').encode()
        file: FilePayload = {'name': 'lunch.ics', 'mimeType': 'text/calendar', 'buffer': text}
        page.locator('.feed-import input').set_input_files(file)
        page.locator('.im-list').wait_for()
        page.wait_for_function(SETTLED)
        audit.look('import', LAYER)

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
