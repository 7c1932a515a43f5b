"""Synapse on a phone: what is pressed is large enough for a thumb, nothing scrolls sideways or hides."""

import contextlib
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parts.harness import SynapseUnderTest

FROZEN = """
import time

from synapse import Pipeline, Run, step


class Slow(Pipeline):
    @step
    def work(self, run: Run):
        while True:
            run.checkpoint()
            time.sleep(0.05)
"""
SMALL = """() => {
    const targets = 'a[href], button, input, select, textarea, summary, [role=menuitem], [role=option]';
    const shown = { opacityProperty: true, visibilityProperty: true };
    const boxOf = (element) => {
        const { left, top, width, height } = (element.closest('label, .tick') ?? element).getBoundingClientRect();
        const box = { width, height };
        const more = getComputedStyle(element, '::before');  // what makes a small shape easier to press
        if (more.content !== 'none' && more.position === 'absolute') {
            box.width = Math.max(width, parseFloat(more.width) || 0);
            box.height = Math.max(height, parseFloat(more.height) || 0);
        }
        return box;
    };
    return [...document.querySelectorAll(targets)]
        .filter((element) => element.checkVisibility(shown) && !element.disabled)
        .filter((element) => !element.closest('.sy-vh, .sy-skip, [aria-hidden=true]'))
        .map((element) => ({ element, box: boxOf(element) }))
        .filter(({ box }) => box.width > 1 && box.height > 1 && Math.min(box.width, box.height) < 43.5)
        .map(({ element, box }) => `${element.ariaLabel ?? element.textContent.trim()} ${box.width} x ${box.height}`);
}"""
SIDEWAYS = """() => [document.documentElement, document.querySelector('#content')]
    .some((element) => element.scrollWidth > element.clientWidth)"""


STICKS_OUT = """(root) => [...document.querySelectorAll(`${root}, ${root} *`)]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('.sy-vh'))
    .map((element) => ({ element, right: element.getBoundingClientRect().right }))
    .filter(({ right }) => right > document.querySelector(root).getBoundingClientRect().right + 0.5)
    .map(({ element, right }) => `${element.tagName} ${element.textContent.slice(0, 40)} ends at ${right}`)"""
"""What is wider than the box it is in, which cuts it off: nothing can be scrolled to see it."""
OVERLAPS = (
    """(choices) => choices.filter((choice) => choice.scrollWidth > choice.clientWidth).map((one) => one.textContent)"""
)


CROWDED = """() => [...document.querySelectorAll('.ct-moment')]
    .filter((box) => box.checkVisibility())
    .map((box) => ({ words: box.querySelector('.words'), icon: box.querySelector('.sy-ico') }))
    .filter(({ words, icon }) => words.scrollWidth > words.clientWidth
        || words.getBoundingClientRect().left + words.scrollWidth > icon.getBoundingClientRect().left)
    .map(({ words }) => words.textContent)"""
"""The dates and times that are cut off, or lie over the picture beside them."""


@pytest.fixture
def phone(browser: Browser, program: SynapseUnderTest) -> Iterator[Page]:
    with _phone(browser, program) as page:
        yield page


@pytest.fixture
def celular(browser: Browser, program: SynapseUnderTest) -> Iterator[Page]:
    """A phone whose words are longer."""
    with _phone(browser, program, locale='pt-BR') as page:
        yield page


@contextlib.contextmanager
def _phone(browser: Browser, program: SynapseUnderTest, *, locale: str = 'en-GB') -> Iterator[Page]:
    context = browser.new_context(
        viewport={'width': 375, 'height': 812}, has_touch=True, is_mobile=True, reduced_motion='reduce', locale=locale
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto(program.link)
    page.wait_for_url(program.url)
    yield page
    context.close()


def test_everything_is_large_enough_for_a_thumb_and_nothing_scrolls_sideways(
    program: SynapseUnderTest, phone: Page
) -> None:
    failed = program.create_run('RunCommand', command=['false'])
    program.wait_for_run(failed['id'], 'failed')
    live = program.create_run('RunCommand', command=['sleep', '600'])
    program.wait_for_run(live['id'], 'running')
    routes = {
        '': 'Start a run',
        'runs': 'Runs',
        f'runs/{failed["number"]}': 'Steps',
        f'runs/{live["number"]}': 'Steps',
        'logs': 'Log',
        'scheduler': '',
        'pipelines': 'Run command',
        'profiles': 'Default',
        'settings': 'Access',
    }

    found = {}
    for route, region in routes.items():
        phone.goto(program.url + route)
        if region:
            expect(phone.get_by_role('region', name=region).first).to_be_attached()
        else:
            expect(phone.locator('.ag-day').first).to_be_visible()  # the agenda, without asking for it
        found[route] = (phone.evaluate(SMALL), phone.evaluate(SIDEWAYS))

    assert found == {route: ([], False) for route in routes}


@pytest.mark.parametrize('place', ['the event dialog', 'the log', 'the runs'])
def test_a_date_and_a_time_are_beside_their_icons_and_inside_of_their_box(
    program: SynapseUnderTest, celular: Page, place: str
) -> None:
    if place == 'the event dialog':
        celular.goto(f'{program.url}pipelines')
        celular.get_by_role('button', name='Planejar uma execução de Executar comando').click()
        root = '.ev-row.is-start'
    else:
        celular.goto(f'{program.url}{"logs" if place == "the log" else "runs"}')
        celular.locator('.log-range > button').click()
        celular.locator('.lr-preset').nth(1).click()
        expect(celular.locator('.lr-menu')).to_have_count(0)
        celular.locator('.log-range > button').click()
        root = '.lr-menu'
    words = celular.locator(f'{root} .ct-moment .words').first
    expect(words).to_contain_text(' de ')

    assert celular.evaluate(CROWDED) == []
    assert celular.evaluate(STICKS_OUT, root) == []


def test_the_first_start_fits_into_its_card_in_longer_words(celular: Page) -> None:
    expect(celular.get_by_role('button', name='Executar com o vídeo de exemplo')).to_be_visible()

    assert celular.evaluate(STICKS_OUT, '.hero') == []


def test_the_steps_of_a_log_stand_side_by_side_however_long_their_names(
    program: SynapseUnderTest, celular: Page
) -> None:
    run = program.create_run('PublishVideo', video='/dev/null')
    program.wait_for_run(run['id'], 'failed')
    celular.goto(f'{program.url}runs/{run["number"]}')
    choices = celular.get_by_role('radiogroup', name='Etapa').get_by_role('radio')
    expect(choices).to_have_text(['Todas', 'IMPORTAR', 'LEGENDAR', 'RENDERIZAR', 'PUBLICAR'])

    assert choices.evaluate_all(OVERLAPS) == []


def test_what_cron_and_synapse_compute_is_seen_side_by_side(program: SynapseUnderTest, celular: Page) -> None:
    celular.goto(f'{program.url}settings')
    celular.get_by_role('button', name='Traga seu crontab').tap()
    dialog = celular.get_by_role('dialog')
    dialog.get_by_role('textbox').fill('0 3 * * * backup')
    dialog.get_by_role('button', name='Mostrar os eventos').tap()
    table = dialog.get_by_role('table')
    expect(table.get_by_role('cell')).to_have_count(10)

    expect(dialog.get_by_text('Executa todos os dias às 03:00')).to_be_visible()  # not in the language of the machine
    fits = '(table) => table.getBoundingClientRect().right <= table.parentElement.getBoundingClientRect().right'
    assert table.evaluate(fits)


def test_a_run_is_paused_and_stopped_with_a_thumb(program: SynapseUnderTest, phone: Page) -> None:
    program.write_pipeline('slow.py', FROZEN)
    program.wait_for_pipeline('Slow')
    run = program.create_run('Slow')
    program.wait_for_run(run['id'], 'running')
    phone.goto(f'{program.url}runs/{run["number"]}')

    phone.get_by_role('button', name='Pause', exact=True).tap()
    expect(phone.get_by_role('button', name='Resume')).to_be_visible()
    phone.get_by_role('button', name='Stop now').tap()
    phone.get_by_role('alertdialog').get_by_role('button', name='Stop now').tap()

    assert program.wait_for_run(run['id'], 'cancelled')['state'] == 'cancelled'


def test_a_dialog_fits_above_the_keyboard_of_the_phone(program: SynapseUnderTest, phone: Page) -> None:
    phone.set_viewport_size({'width': 375, 'height': 667})
    phone.locator('[data-key=new-run]').dispatch_event('click')
    dialog = phone.get_by_role('dialog', name='New run')
    dialog.get_by_role('textbox').first.tap()

    phone.set_viewport_size({'width': 375, 'height': 400})  # what a keyboard of the screen leaves

    expect(phone.locator('html')).to_have_attribute('data-typing', '')
    start = dialog.get_by_role('button', name='Run', exact=False).last.bounding_box()
    assert start is not None
    assert start['y'] + start['height'] <= 400
    expect(phone.locator('.sy-tabs')).to_be_hidden()
