"""Profiles and pipelines in a real browser: pushed to every tab; a secret goes in and never comes out."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]


def test_a_profile_made_here_shows_there_and_its_secret_nowhere(
    program: SynapseUnderTest, open_tab: SignIn, context: BrowserContext, problems: list[str]
) -> None:
    page = open_tab(program)
    other = context.new_page()
    other.goto(f'{program.url}profiles')
    page.goto(f'{program.url}profiles')
    page.get_by_role('button', name='New profile').click()
    form = page.get_by_role('dialog', name='New profile')
    form.get_by_label('Name').first.fill('Studio')
    form.get_by_label('Default parameters').fill('height=720')
    form.get_by_role('button', name='Add a secret').click()
    form.get_by_label('Name of the new secret').fill('API_KEY')
    form.get_by_label('Value of the new secret').fill('hunter2hunter2')
    form.get_by_role('button', name='Save profile').click()

    card = other.get_by_role('region', name='Studio')
    expect(card).to_contain_text('height = 720')
    expect(card).to_contain_text('API_KEY = ***')
    assert 'hunter2' not in page.content() + other.content()
    with program.api as api:
        profile = api.get('/profiles/studio').json()
    assert profile['defaults'] == {'height': 720}
    assert profile['secrets'] == {'API_KEY': '***'}
    assert problems == []


def test_the_fields_of_a_login_follow_the_address_and_keep_what_is_typed(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}profiles')
    page.get_by_role('button', name='New profile').click()
    form = page.get_by_role('dialog', name='New profile')
    address, password = form.get_by_label('Destination'), form.get_by_label('Password', exact=True)
    key_file = form.get_by_role('textbox', name='Key file')
    expect(form.get_by_label('User', exact=True)).to_be_hidden()

    address.press_sequentially('sftp://host/films')
    password.fill('hunter2')
    expect(key_file).to_be_visible()
    address.fill('/srv/films')
    expect(password).to_be_hidden()
    address.fill('s3://bucket')
    expect(form.get_by_label('Secret key', exact=True)).to_have_value('hunter2')
    expect(form.get_by_role('textbox', name='S3 endpoint')).to_be_visible()
    expect(key_file).to_be_hidden()
    address.fill('ftp://host')

    expect(password).to_have_value('hunter2')


def test_what_is_typed_into_a_profile_stays_while_another_tab_changes_profiles(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}profiles')
    page.get_by_role('button', name='Edit Default').click()
    form = page.get_by_role('dialog', name='Edit Default')
    form.get_by_label('Default parameters').fill('not a pair')
    form.get_by_role('button', name='Save profile').click()
    expect(form.get_by_label('Default parameters')).to_be_focused()

    with program.api as api:
        api.post('/profiles', json={'label': 'Ação'}).raise_for_status()
    expect(page.get_by_role('region', name='Ação')).to_contain_text('acao')
    expect(form.get_by_label('Default parameters')).to_have_value('not a pair')
    form.get_by_label('Default parameters').fill('height=720')
    form.get_by_role('button', name='Save profile').click()

    expect(page.get_by_text('Saved the profile Default.')).to_be_visible()
    expect(page.get_by_role('region', name='Default')).to_contain_text('height = 720')
    with program.api as api:
        assert api.get('/logs', params={'level': 'error'}).json()['entries'] == []


def test_a_profile_is_mended_and_deleted_after_a_question(program: SynapseUnderTest, open_tab: SignIn) -> None:
    with program.api as api:
        api.post('/profiles', json={'label': 'Studio', 'secrets': {'OLD': 'x1'}}).raise_for_status()
    page = open_tab(program)
    page.goto(f'{program.url}profiles')
    page.get_by_role('button', name='Edit Studio').click()
    form = page.get_by_role('dialog', name='Edit Studio')
    form.get_by_label('Name').first.fill('')
    form.get_by_role('button', name='Save profile').click()
    expect(form.get_by_text('Give a value.')).to_be_visible()
    form.get_by_label('Name').first.fill('Loft')
    form.get_by_role('button', name='Remove OLD').click()
    form.get_by_role('button', name='Save profile').click()
    expect(page.get_by_role('region', name='Loft')).not_to_contain_text('OLD')

    page.get_by_role('button', name='Delete Loft').click()
    page.get_by_role('alertdialog').get_by_role('button', name='Delete profile').click()

    expect(page.get_by_role('region', name='Loft')).to_be_hidden()
    expect(page.get_by_role('button', name='Delete Default')).to_be_disabled()


def test_a_pipeline_file_shows_breaks_and_mends_while_the_page_is_open(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    good = 'from synapse import Pipeline, step\nclass Hello(Pipeline):\n    @step\n    def greet(self, run): pass\n'
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')

    program.write_pipeline('hello.py', good)
    expect(page.get_by_role('button', name='Run Hello')).to_be_visible()
    program.write_pipeline('hello.py', good + 'def broken(:\n')

    card = page.get_by_role('region', name='Hello')
    expect(card).to_contain_text('line 5')
    expect(card).to_contain_text('last good version still runs')
    expect(card.get_by_role('button', name='Run Hello')).to_be_visible()
    program.write_pipeline('hello.py', good)
    expect(card.get_by_role('alert')).to_be_hidden()
