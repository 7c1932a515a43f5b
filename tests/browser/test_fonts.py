"""Every machine shows the same letters: the fonts come with the program, before and after sign-in."""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.harness import SynapseUnderTest

LOADED = """(family) =>
    [...document.fonts].some((font) => font.family.includes(family) && font.status === 'loaded')"""
TITLE = '[aria-label="What will happen"] h2'
WIDTHS = """(selector) => {
    const at = document.querySelector(selector), text = document.createRange(), widths = [];
    for (const digit of '0123456789') {
        at.textContent = digit.repeat(20);
        text.selectNodeContents(at);
        widths.push(text.getBoundingClientRect().width);
    }
    return widths;
}"""


def drawn_with(page: Page, selector: str, family: str) -> set[tuple[str, bool]]:
    """The fonts that draw the text of the first such element once one has come, each with whether it was fetched."""
    page.wait_for_function(LOADED, arg=family)
    tools = page.context.new_cdp_session(page)
    tools.send('DOM.enable')
    tools.send('CSS.enable')
    root = tools.send('DOM.getDocument')['root']['nodeId']
    node = tools.send('DOM.querySelector', {'nodeId': root, 'selector': selector})['nodeId']
    fonts = tools.send('CSS.getPlatformFontsForNode', {'nodeId': node})['fonts']
    return {(font['familyName'], font['isCustomFont']) for font in fonts}


def test_the_pages_bring_their_fonts(context: BrowserContext, program: SynapseUnderTest, problems: list[str]) -> None:
    page = context.new_page()
    page.goto(program.url)
    assert drawn_with(page, 'h1', 'Inter') == {('Inter Variable', True)}

    page.goto(program.link)
    expect(page.get_by_role('region', name='What will happen')).to_be_visible()
    # Letters of Portuguese, arrows and what programs draw tables with.
    page.locator('.sy-step .n').first.evaluate("name => { name.textContent = 'PUBLICAÇÃO ┌──┐ █░ → łódź'; }")
    page.locator(TITLE).first.evaluate("title => { title.textContent = 'Execução … ≥ 10 → “ł” €'; }")

    assert drawn_with(page, '.sy-step .n', 'JetBrains Mono') == {('JetBrains Mono', True)}
    assert drawn_with(page, TITLE, 'Inter') == {('Inter Variable', True)}
    assert len({round(width, 2) for width in page.evaluate(WIDTHS, '.sy-num')}) == 1
    assert problems == []


@pytest.mark.parametrize('name', ['inter', 'jetbrains-mono'])
def test_each_font_comes_with_its_license(name: str) -> None:
    folder = Path(__file__).parents[2] / 'synapse/api/gate/static'
    assert len(list(folder.glob(f'{name}-*.woff2'))) == 1
    assert 'SIL OPEN FONT LICENSE Version 1.1' in (folder / f'{name}-license.txt').read_text(encoding='utf-8')
