"""A newcomer's first minutes in one tab: the sample, a pipeline of their own, its place on the calendar."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]
OWN = '''
from synapse import Pipeline, Run, step


class Postcard(Pipeline):
    """Write a postcard."""

    to: str = 'nobody'

    @step
    def write(self, run: Run) -> None:
        (run.workdir / 'card.txt').write_text(f'Dear {self.to}')
        run.artifact('card.txt')
        run.log.success(f'Written to {self.to}')
'''


def test_from_an_empty_folder_to_a_pipeline_of_ones_own_on_the_calendar(
    program: SynapseUnderTest, sign_in: SignIn, problems: list[str]
) -> None:
    page = sign_in(program)
    loads: list[str] = []
    page.on('request', lambda request: loads.append(request.url) if request.is_navigation_request() else None)

    page.get_by_role('button', name='Run with the sample video').click()
    expect(page.get_by_role('region', name='Current run')).to_be_visible()
    coming = page.get_by_role('region', name='What comes next')
    expect(coming).to_be_visible(timeout=90_000)
    with program.api as api:
        (sample,) = api.get('/runs').json()['runs']
    assert sample['state'] == 'succeeded', sample['error']

    program.write_pipeline('postcard.py', OWN)
    expect(coming).to_contain_text('Postcard is there. Open postcard.py in an editor')
    coming.get_by_role('button', name='Run it').click()
    form = page.get_by_role('dialog', name='New run')
    form.get_by_label('To', exact=True).fill('Ada')
    form.get_by_role('button', name='Run', exact=False).last.click()
    expect(form).to_be_hidden()
    expect(page.get_by_role('row', name='Written to Ada')).to_be_visible()

    page.get_by_role('navigation', name='Main').get_by_role('link', name='Dashboard').click()
    coming.get_by_role('button', name='New event').click()
    event = page.get_by_role('dialog', name='New event')
    expect(event.get_by_label('Pipeline')).to_have_value('Postcard')
    event.get_by_role('button', name='Save event').click()
    expect(event).to_be_hidden()
    expect(coming).to_be_hidden()

    page.get_by_role('navigation', name='Main').get_by_role('link', name='Scheduler').click()
    chip = page.get_by_role('grid').get_by_role('button', name=re.compile('Postcard, planned'))
    expect(chip).to_be_visible()
    assert loads == [], 'a page was loaded again'
    assert problems == []
