"""A folder is watched from the Pipelines page: a file grows, is taken, and leads to its run."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]
READS = """
from pathlib import Path
from synapse import Pipeline, Run, step

class Reads(Pipeline):
    file: Path
    times: int = 1

    @step
    def read(self, run: Run):
        for _ in range(self.times):
            print(self.file.read_text())
"""


def test_a_folder_is_watched_and_its_files_are_seen_to_arrive(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str], user_folder: Path
) -> None:
    program.write_pipeline('reads.py', READS)
    program.wait_for_pipeline('Reads')
    (user_folder / 'old.txt').write_text('was there before')
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')
    card = page.get_by_role('region', name='Watch folders')

    card.get_by_role('button', name='Watch a folder').click()
    dialog = page.get_by_role('dialog', name='Watch a folder')
    dialog.get_by_label('Pipeline').select_option('Reads')
    dialog.get_by_label('Folder').fill('/no/such/folder')
    dialog.get_by_label('Unchanged for').fill('3')
    dialog.get_by_role('button', name='Watch it').click()
    expect(dialog.get_by_text('There is no folder at /no/such/folder.')).to_be_visible()
    dialog.get_by_label('Folder').fill(str(user_folder))
    expect(dialog.get_by_text('1 file is there already: take it too')).to_be_visible()
    dialog.get_by_label('Times').fill('2')
    dialog.get_by_role('button', name='Watch it').click()

    expect(card.get_by_text('All files to Reads, Default')).to_be_visible()
    with (user_folder / 'slow.txt').open('w') as slow:
        slow.write('a' * 1000)
        slow.flush()
        expect(card.get_by_text('slow.txt is open in another program, 1.0 kB')).to_be_visible()
        slow.write('b' * 1000)
        slow.flush()
        expect(card.get_by_text('slow.txt is still growing, 2.0 kB')).to_be_visible()
    expect(card.get_by_role('link', name='#1')).to_be_visible()
    expect(card.get_by_role('list')).to_contain_text('slow.txt, 2.0 kB')
    expect(card.get_by_role('list')).not_to_contain_text('old.txt')

    with program.api as api:
        (watch,) = api.get('/watches').json()
    assert (watch['parameters'], watch['error'], watch['settle_seconds']) == ({'times': 2}, None, 3)

    user_folder.rename(user_folder.with_name('moved'))
    expect(card.get_by_text(f'There is no folder {user_folder}.')).to_be_visible()
    user_folder.with_name('moved').rename(user_folder)
    expect(card.get_by_text('There is no folder')).to_have_count(0)

    switch = card.get_by_role('switch', name=f'Watch {user_folder}')
    for is_on in (False, True, False):
        switch.press(' ')
        expect(switch).to_be_checked(checked=is_on)
        expect(switch).to_be_focused()
        expect(card.get_by_text('Switched off.')).to_have_count(0 if is_on else 1)
    card.get_by_role('button', name=f'Stop watching {user_folder}').click()
    page.get_by_role('button', name='Stop watching', exact=True).click()
    expect(card.get_by_text('Each new file in such a folder becomes a run')).to_be_visible()
    with program.api as api:
        assert api.get('/watches').json() == []
    assert problems == []
