"""The guide inside the program, and the examples, in a real browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.forked import forked
from tests.parts.harness import SynapseUnderTest


@pytest.fixture(scope='module')
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SynapseUnderTest]:
    program = forked(tmp_path_factory.mktemp('guide') / 'data', '--no-login').start()
    yield program
    program.stop()


@pytest.fixture(scope='module')
def page(browser: Browser, program: SynapseUnderTest) -> Iterator[Page]:
    context = browser.new_context(locale='pt-BR')
    page = context.new_page()
    yield page
    context.close()


def test_the_guide_is_read_in_ones_language_without_leaving_the_program(page: Page, program: SynapseUnderTest) -> None:
    asked: list[str] = []
    page.on('request', lambda request: asked.append(request.url))
    page.goto(program.url)
    page.locator('.sy-rail a[href="/help"]').click()
    page.locator('.guide-text').get_by_role('link', name='Monitore uma pasta').click()

    expect(page).to_have_url(f'{program.url}help/watch-folder')
    expect(page.locator('.guide-text h2')).to_have_text('Monitore uma pasta')
    expect(page.locator('.guide-list [aria-current=page]')).to_have_text('Monitore uma pasta')
    assert [url for url in asked if not url.startswith(program.url)] == []
    assert sum(url == program.url for url in asked) == 1  # over one connection

    page.goto(f'{program.url}help/write-a-pipeline')
    expect(page.locator('.guide-text pre')).to_contain_text('class CountLines(Pipeline):')


@pytest.mark.parametrize(
    ('place', 'title'),
    [
        ('', 'Guia: a primeira execução'),
        ('', 'Guia: coloque no calendário'),
        ('runs', 'Guia: a primeira execução'),
        ('scheduler', 'Guia: coloque no calendário'),
        ('scheduler?view=agenda', 'Guia: coloque no calendário'),
        ('pipelines', 'Guia: monitore uma pasta'),
        ('pipelines', 'Guia: escreva um pipeline'),
        ('profiles', 'Guia: diga para onde vão os resultados'),
        ('settings', 'Guia: receba avisos'),
    ],
)
def test_where_there_is_nothing_yet_the_guide_is_a_press_away(
    page: Page, program: SynapseUnderTest, place: str, title: str
) -> None:
    wide = page.viewport_size or {'width': 1280, 'height': 720}
    page.goto(f'{program.url}{place}')
    page.set_viewport_size({'width': 375, 'height': 800})
    expect(page.get_by_role('link', name=title, exact=True)).to_be_visible()
    assert page.evaluate('document.documentElement.scrollWidth') <= 375, 'no screen is wider than a phone'
    page.set_viewport_size(wide)
    page.locator('.sy-page').get_by_role('link', name=title, exact=True).click()
    chapter = title.removeprefix('Guia: ')
    expect(page.locator('.guide-text h2')).to_have_text(chapter[0].upper() + chapter[1:])


def test_an_example_becomes_a_pipeline_of_ones_own(page: Page, program: SynapseUnderTest) -> None:
    page.goto(f'{program.url}pipelines')
    page.locator('.examples li').last.get_by_role('button').click()

    expect(page.locator('.examples li.is-done')).to_have_count(1)
    page.locator('.examples li.is-done').get_by_role('button').click()
    expect(page.locator('.form-dialog')).to_contain_text('sites')
    assert (program.data / 'pipelines/websites.py').is_file()


def test_what_is_there_needs_no_way_to_the_guide(page: Page, program: SynapseUnderTest, tmp_path: Path) -> None:
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None).isoformat()
    watch = {'folder': str(tmp_path), 'pipeline': 'PublishVideo', 'parameters': {}}
    event = {'title': 'Soon', 'pipeline': 'RunCommand', 'parameters': {'command': ['true']}, 'start': in_an_hour}
    channel = {'id': 'phone', 'url': 'json://127.0.0.1:9/hook', 'kinds': ['run_failed'], 'enabled': False}
    with program.api as api:
        api.post('/watches', json=watch).raise_for_status()
        api.post('/profiles', json={'label': 'Studio'}).raise_for_status()
        api.post('/scheduler/create', json={**event, 'timezone': 'UTC'}).raise_for_status()
        api.put('/notifications', json={'channels': [channel]}).raise_for_status()

    for place, there in (
        ('scheduler?view=agenda', page.locator('.ag-row')),
        ('scheduler', page.locator('.mo-legend .pipes .sy-pdot')),
        ('profiles', page.get_by_role('region', name='Studio')),
        ('settings', page.get_by_role('list', name='Canais').locator('.set-row')),
    ):
        page.goto(f'{program.url}{place}')
        expect(there.first).to_be_visible()
        expect(page.locator('.sy-page').get_by_role('link', name='Guia:')).to_have_count(0)
