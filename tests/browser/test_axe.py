"""Pages, and dialogs and menus over them, under axe-core: both themes, wide, on a phone, at a zoom of 200 %."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.parts.axe import axe_source
from tests.parts.forked import forked
from tests.parts.furnished import PAGES, SETTLED, Home, dashboard, furnished, visited

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

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


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with furnished(tmp_path_factory.mktemp('axe')) as home:
        yield home


@pytest.fixture(scope='module')
def page(browser: Browser, home: Home) -> Iterator[Page]:
    """A tab at the dashboard; other pages are reached from there without loading it again."""
    with checking(browser) as context:
        yield dashboard(context, home.program)


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
def seen() -> set[str]:
    """What has been opened on pages before."""
    return set()


@pytest.mark.parametrize('place', PAGES)
def test_axe_finds_nothing(page: Page, home: Home, place: str, seen: set[str]) -> None:
    audit = Audit(page)
    visited(audit, place, home.runs, seen)

    assert not audit.found, '\n'.join(audit.found.values())


def test_axe_finds_nothing_before_one_is_signed_in(tab: BrowserContext, home: Home) -> None:
    refused = httpx.get(home.program.url, headers={'host': 'elsewhere.example', 'accept': 'text/html'})
    page = tab.new_page()
    audit = Audit(page)
    for path in ('login', 'auth'):
        page.goto(f'{home.program.url}{path}')
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
