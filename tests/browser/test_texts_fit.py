"""Every text of a page and of what opens over it has its place, in each language and at each width."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.parts.fit import MISFITS
from tests.parts.forked import forked
from tests.parts.furnished import PAGES, SETTLED, Home, dashboard, furnished, visited

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDTHS = (1440, 1280, 900, 375)
DRAWN = '() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))'
LANGUAGES = ('en', 'pt-BR')


class Measure:
    """Collects the texts that do not fit, each once, with where it was found first."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.found: dict[tuple[str, str], str] = {}

    def look(self, state: str, layer: str = '') -> None:
        for width in WIDTHS:
            self._show(width)
            for how, text in self.page.evaluate(MISFITS):
                self.found.setdefault((how, text), f'{text!r} is {how}, {state}, {width} px')
        self._show(WIDTHS[0])

    def _show(self, width: int) -> None:
        self.page.set_viewport_size({'width': width, 'height': 900})
        self.page.evaluate(DRAWN)
        self.page.wait_for_function(SETTLED)


@pytest.fixture(scope='module')
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with furnished(tmp_path_factory.mktemp('fit')) as home:
        yield home


@pytest.mark.parametrize('language', LANGUAGES)
def test_texts_fit(home: Home, browser: Browser, language: str) -> None:
    context = browser.new_context(locale=language, reduced_motion='reduce')
    context.set_default_timeout(20_000)
    measure = Measure(dashboard(context, home.program))
    seen = None if language == 'en' else set[str]()  # the shorter words fit where the longer ones do

    for place in PAGES:
        visited(measure, place, home.runs, seen)
    context.close()

    assert not measure.found, '\n'.join(measure.found.values())


@pytest.mark.parametrize('language', LANGUAGES)
def test_texts_fit_before_anything_is_there(tmp_path: Path, browser: Browser, language: str) -> None:
    program = forked(tmp_path / 'data').start()
    context = browser.new_context(locale=language, reduced_motion='reduce')
    measure = Measure(dashboard(context, program))
    measure.page.locator('.hero').wait_for()
    measure.look('first start')
    for path in ('login', 'runs', 'scheduler', 'nothing-here'):
        measure.page.goto(f'{program.url}{path}')
        measure.look(path)
    context.close()
    program.stop()

    assert not measure.found, '\n'.join(measure.found.values())
