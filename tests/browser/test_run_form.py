"""The form of a run in a real browser: typed text stays, errors lie under their fields, one press is one run."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]

PIPELINE = '''
from pathlib import Path
from typing import Literal
from pydantic import Field
from synapse import Pipeline, Run, step


class Greeting(Pipeline):
    """Greet somebody."""

    who: str = Field(description='Whose day it makes.')
    times: int = Field(2, ge=1, le=5)
    tone: Literal['warm', 'cool'] = 'warm'
    is_loud: bool = False
    words: list[str] = ['hello']
    paper: Path | None = None

    @step
    def greet(self, run: Run) -> None:
        size = self.paper.stat().st_size if self.paper else 0
        run.log.success(f'{self.who} {self.times} {self.tone} {self.is_loud} {self.words} {size}')
'''


def open_form(program: SynapseUnderTest, open_tab: SignIn, *, unfolds: bool = True) -> tuple[Page, Locator]:
    program.write_pipeline('greeting.py', PIPELINE)
    program.wait_for_pipeline('Greeting')
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')
    page.get_by_role('button', name='Run Greeting').click()
    form = page.get_by_role('dialog', name='New run')
    expect(form.get_by_label('Who')).to_be_visible()
    expect(form.get_by_label('Times')).to_be_hidden()
    if unfolds:
        form.get_by_text('More options').click()
    return page, form


def runs_of(program: SynapseUnderTest) -> list[dict[str, object]]:
    with program.api as api:
        return list(api.get('/runs').json()['runs'])


def test_a_filled_form_starts_one_run_and_shows_it(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str], user_folder: Path
) -> None:
    paper = user_folder / 'paper.txt'
    paper.write_text('12345')
    page, form = open_form(program, open_tab)

    form.get_by_label('Who').fill('Ada')
    form.get_by_label('Times').fill('3')
    form.get_by_role('radio', name='cool').check()
    form.get_by_role('switch', name='Is loud').check()
    form.get_by_label('Words').fill('good\nmorning')
    form.locator('input[type=file]').set_input_files(paper)
    expect(form.get_by_text('5 B, from the inbox')).to_be_visible()
    form.get_by_label('Who').press('Control+Enter')

    expect(page.get_by_text("Ada 3 cool True ['good', 'morning'] 5")).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape('/runs/1') + '$'))
    assert len(runs_of(program)) == 1
    assert problems == []


NOTE_WRITES = """
    window.writes = [];
    for (const name of ['value', 'selectedIndex']) {
        const { get, set } = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, name);
        Object.defineProperty(HTMLSelectElement.prototype, name, { get, set(news) {
            if (this.ariaLabel === 'Pipeline') window.writes.push(news);
            set.call(this, news);
        } });
    }
"""


def test_a_redraw_of_the_page_leaves_the_pipeline_chosen_that_the_server_does_not_know_yet(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    page, form = open_form(program, open_tab, unfolds=False)
    pipeline = form.get_by_label('Pipeline', exact=True)
    pipeline.focus()
    page.evaluate(NOTE_WRITES)

    for key in ('Home', 'ArrowDown', 'End'):  # each chooses another pipeline, and the form is drawn anew
        page.keyboard.press(key)

    expect(form.get_by_label('Who')).to_be_visible()
    expect(pipeline).to_have_value('Greeting')
    assert page.evaluate('writes') == []


def test_the_keyboard_begins_in_the_form(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page, form = open_form(program, open_tab, unfolds=False)

    expect(form.locator('select').first).to_be_focused()
    page.keyboard.press('Control+Enter')

    expect(form.get_by_role('alert').filter(has_text=re.compile('.')).first).to_be_visible()


def test_what_is_being_typed_stays_while_the_server_pushes(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page, form = open_form(program, open_tab)
    form.get_by_label('Who').press_sequentially('Ad')

    with program.api as api:
        for number in range(5):
            api.post('/logs', json={'level': 'error', 'message': f'noise {number}', 'source': 'test'})
    expect(page.get_by_text('5 errors')).to_be_attached()
    form.get_by_label('Who').press_sequentially('a')

    expect(form.get_by_label('Who')).to_have_value('Ada')
    expect(form.get_by_label('Times')).to_have_value('2')


def test_a_switch_begins_in_line_with_the_label_next_to_it(program: SynapseUnderTest, open_tab: SignIn) -> None:
    _, form = open_form(program, open_tab, unfolds=False)
    form.get_by_label('Pipeline').select_option('PublishVideo')
    expect(form.locator('#parameter-enlarge')).to_be_attached()
    form.get_by_text('More options').click()
    expect(form.locator('.form-sw:has(#parameter-enlarge)')).to_be_visible()

    # In one look, since the dialog may still be growing.
    tops = form.evaluate("""form => ['.form-sw:has(#parameter-enlarge)', '.sy-field:has(#parameter-height)'].map(
        (selector) => form.querySelector(selector).getBoundingClientRect().top)""")

    assert tops[0] == tops[1]


def test_a_fold_that_was_closed_opens_again_for_what_is_wrong_in_it(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    _, form = open_form(program, open_tab)
    form.get_by_label('Who').fill('Ada')
    form.get_by_label('Times').fill('many')
    for _ in range(2):
        form.get_by_text('More options').click()
        expect(form.get_by_label('Times')).to_be_hidden()

        form.get_by_role('button', name='Run').click()

        expect(form.get_by_text('Enter a whole number.')).to_be_visible()
        expect(form.get_by_label('Times')).to_be_focused()


def test_each_wrong_value_is_named_under_its_field(program: SynapseUnderTest, open_tab: SignIn) -> None:
    _, form = open_form(program, open_tab)
    form.get_by_label('Times').fill('many')
    form.get_by_role('button', name='Run').click()
    expect(form.get_by_text('Enter a whole number.')).to_be_visible()
    expect(form.get_by_label('Times')).to_be_focused()

    form.get_by_label('Times').fill('99')
    form.get_by_role('textbox', name='Paper').fill('/no/such/file')
    form.get_by_role('button', name='Run').click()

    expect(form.locator('#parameter-who-error')).not_to_be_empty()
    expect(form.locator('#parameter-times-error')).not_to_be_empty()
    expect(form.get_by_label('Who')).to_be_focused()  # the first of them
    assert runs_of(program) == []


def test_many_presses_are_one_run(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page, form = open_form(program, open_tab)
    form.get_by_label('Who').fill('Ada')

    form.get_by_role('button', name='Run').evaluate('button => { for (let i = 0; i < 5; i++) button.click() }')

    page.wait_for_url('**/runs/1')
    assert len(runs_of(program)) == 1


def test_defaults_of_a_profile_fill_in_what_was_not_touched(program: SynapseUnderTest, open_tab: SignIn) -> None:
    with program.api as api:
        api.post('/profiles', json={'label': 'Studio', 'defaults': {'who': 'Grace', 'times': 4}}).raise_for_status()
    _, form = open_form(program, open_tab)
    form.get_by_label('Times').fill('1')

    form.get_by_label('Profile').select_option('studio')

    expect(form.get_by_label('Who')).to_have_value('Grace')
    expect(form.get_by_label('Times')).to_have_value('1')


SORTS = '''
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal
from pydantic import SecretStr
from synapse import Pipeline, Run, step


class Tone(Enum):
    WARM = 'warm'
    COOL = 'cool'


class Sorts(Pipeline):
    """One parameter of each sort."""

    front: Tone = Tone.WARM
    back: Tone = Tone.COOL
    days: set[Literal['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']] = {'Mon'}
    day: date
    at: time = time(9)
    moment: datetime
    length: timedelta = timedelta(minutes=90)
    price: Decimal = Decimal('0.10')
    key: SecretStr

    @step
    def tell(self, run: Run) -> None:
        run.log.success(f'{self.front.value} {self.back.value} {sorted(self.days)} {self.day} {self.at} {self.moment}')
        run.log.success(f'{self.length} {self.price} {len(self.key.get_secret_value())}')
        print(self.key.get_secret_value())
'''


def test_each_sort_of_value_has_its_field_with_a_label_and_works_by_keyboard(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    program.write_pipeline('sorts.py', SORTS)
    program.wait_for_pipeline('Sorts')
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')
    page.get_by_role('button', name='Run Sorts').click()
    form = page.get_by_role('dialog', name='New run')
    form.get_by_text('More options').click()

    expect(form.get_by_role('group', name='Front')).to_be_visible()
    expect(form.get_by_role('group', name='Back')).to_be_visible()
    days = form.get_by_role('group', name='Days')
    expect(days.get_by_role('checkbox', name='Mon')).to_be_checked()
    days.get_by_role('checkbox', name='Tue').focus()
    page.keyboard.press('Space')
    expect(form.get_by_label('Length')).to_have_value('1h 30m')
    expect(form.get_by_label('Key')).to_have_attribute('type', 'password')
    form.get_by_role('textbox', name='Day required').fill('2026-10-14')
    form.get_by_label('Moment').fill('2026-10-14T14:30')
    form.get_by_label('Length').fill('00:05')
    form.get_by_label('Price').fill('1,50')
    form.get_by_label('Key').fill('correct horse')
    page.keyboard.press('Control+Enter')

    expect(page.get_by_text("warm cool ['Mon', 'Tue'] 2026-10-14 09:00:00 2026-10-14 14:30:00")).to_be_visible()
    expect(page.get_by_text('0:05:00 1.50 13')).to_be_visible()
    expect(page.get_by_text('\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022').first).to_be_visible()
    expect(page.get_by_text('correct horse')).to_have_count(0)
