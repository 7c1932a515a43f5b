"""What people set up to see, hear or stand a page: what is read aloud, less motion, own colours, larger text."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest

pytestmark = pytest.mark.browser

PIPELINES = """
import time
from pathlib import Path
from synapse import Pipeline, Run, step

class Hundred(Pipeline):
    gate: str

    @step
    def count(self, run: Run):
        while not Path(self.gate).exists():
            time.sleep(0.05)
        for number in range(100):
            run.progress(number + 1, f'{number + 1} of 100')
            run.log.info(f'{number + 1} of 100')
            time.sleep(0.01)
"""
LISTEN = """() => {
    const heard = window.heard = [];
    const live = ':is([role=status], [role=alert], [aria-live]):not([aria-live=off])';
    const regionOf = ({ target }) => (target.closest ? target : target.parentElement)?.closest(live);
    new MutationObserver((changes) => {
        for (const region of new Set(changes.map(regionOf))) {
            const text = region?.checkVisibility() && region.textContent.trim();
            if (text) heard.push(text);
        }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
MOVING = """() => {
    const isLong = (times) => Math.max(...times.split(',').map(parseFloat)) > 0.01;
    const moves = (element, part) => {
        const { animationName, animationDuration, transitionDuration } = getComputedStyle(element, part);
        return (animationName !== 'none' && isLong(animationDuration)) || isLong(transitionDuration);
    };
    const parts = [...document.querySelectorAll('body *')].flatMap((element) => [
        [element, ''], [element, '::before'], [element, '::after'],
    ]);
    return parts.filter((one) => moves(...one)).map(([element, part]) => `${element.className}${part}`);
}"""
SPACED = """
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }
"""
"""The text spacing of WCAG 1.4.12."""
CUT = """() => {
    const cut = [...document.querySelectorAll('.sy-main :is(.sy-btn, h1, h2, label, .sy-tag)')].filter((element) =>
        element.checkVisibility() && element.clientWidth > 1 && !element.querySelector('.sy-ell')
        && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1));
    const isWide = document.documentElement.scrollWidth > innerWidth;
    return [...cut.map((element) => element.textContent.trim()), ...(isWide ? ['the page'] : [])];
}"""
PLACES = ('', 'runs', 'logs', 'scheduler', 'pipelines', 'settings')


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('aids') / 'data')
    program.write_pipeline('hundred.py', PIPELINES)
    yield program.start()
    program.stop()


@pytest.fixture
def go(open_tab: Callable[[SynapseUnderTest], Page], program: SynapseUnderTest) -> Callable[[str], Page]:
    """Open a tab at this place."""

    def go(place: str) -> Page:
        page = open_tab(program)
        page.goto(f'{program.url}{place}')
        page.locator('.sy-main .sy-page').wait_for()
        return page

    return go


def test_a_run_that_reports_a_hundred_times_is_read_aloud_when_it_starts_and_ends(
    go: Callable[[str], Page], program: SynapseUnderTest, tmp_path: Path
) -> None:
    program.wait_for_pipeline('Hundred')
    tabs = [go(place) for place in ('', 'runs', 'logs')]
    for tab in tabs:
        tab.evaluate(LISTEN)
    run = program.create_run('Hundred', gate=str(tmp_path / 'gate'))
    program.wait_for_run(run['id'], 'running')
    for tab in tabs:
        tab.wait_for_function('heard.length')
    tabs.append(go(f'runs/{run["number"]}'))
    tabs[-1].evaluate(LISTEN)
    (tmp_path / 'gate').touch()
    program.wait_for_run(run['id'])

    start, end = (f'#{run["number"]} Hundred: {state}' for state in ('Running', 'Succeeded'))
    for tab in tabs:
        tab.wait_for_function('(end) => heard.includes(end)', arg=end)
    assert [tab.evaluate('heard') for tab in tabs] == [[start, end]] * 3 + [[end]]


def test_who_wants_less_motion_sees_none(go: Callable[[str], Page]) -> None:
    page = go('')
    assert page.evaluate(MOVING) == []

    page.emulate_media(reduced_motion='no-preference')
    assert page.evaluate(MOVING) != []


def test_in_colours_of_the_system_states_and_focus_stay_visible(go: Callable[[str], Page]) -> None:
    page = go('settings')
    page.emulate_media(forced_colors='active')

    look = """(selector) => {
        const { outlineStyle, borderTopStyle } = getComputedStyle(document.querySelector(selector));
        return { outlineStyle, borderTopStyle };
    }"""
    assert page.evaluate(look, '.sy-rail [aria-current]')['outlineStyle'] == 'solid'
    assert page.evaluate(look, '.sy-main .sy-btn')['borderTopStyle'] == 'solid'
    assert page.evaluate(look, '.sy-seg [aria-checked=true]')['outlineStyle'] == 'solid'
    page.locator('.sy-main .sy-btn').first.focus()
    assert page.evaluate(look, '.sy-main .sy-btn:focus')['outlineStyle'] == 'solid'


@pytest.mark.parametrize('width', [1440, 375])
def test_wider_spacing_of_text_cuts_nothing_off(
    go: Callable[[str], Page], program: SynapseUnderTest, width: int
) -> None:
    page = go('')
    page.set_viewport_size({'width': width, 'height': 900})
    cut = {}
    for place in PLACES:
        page.goto(f'{program.url}{place}')
        page.locator('.sy-main .sy-page').wait_for()
        page.add_style_tag(content=SPACED)
        cut[place] = page.evaluate(CUT)

    assert cut == {place: [] for place in PLACES}
