"""What a dialog in a real browser keeps, says and leaves free while the server is away, restarts or has news."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.parts.harness import SynapseUnderTest

SignIn = Callable[[SynapseUnderTest], Page]


def half_written(page: Page, program: SynapseUnderTest) -> Locator:
    """A new event with a command and a rule of its own, not saved yet."""
    page.goto(f'{program.url}scheduler')
    page.get_by_role('button', name='New event').click()
    dialog = page.get_by_role('dialog', name='New event')
    dialog.get_by_label('Pipeline', exact=True).select_option('RunCommand')
    dialog.get_by_label('Command').first.fill('echo hello')
    dialog.get_by_role('radio', name='Custom').check()
    dialog.get_by_label('Unit').select_option('rule')
    dialog.get_by_label('Rule').fill('FREQ=DAILY;BYHOUR=4,5')
    expect(dialog.get_by_text('every day at 04:00 and 05:00')).to_be_visible()
    return dialog


def test_what_was_typed_outlives_a_restart_and_nothing_is_sent_while_the_server_is_away(
    program: SynapseUnderTest, open_tab: SignIn
) -> None:
    page = open_tab(program)
    dialog = half_written(page, program)
    save = dialog.get_by_role('button', name='Save event')
    port = program.port

    program.kill9()
    expect(dialog.get_by_text('Synapse cannot be reached. What you typed is kept')).to_be_visible()
    expect(save).to_be_disabled()
    dialog.get_by_label('Name', exact=True).fill('typed while it was away')
    program.start(port=port)

    notice = page.locator('.sy-notice', has_text='What you typed in “New event” is kept')
    notice.get_by_role('button', name='Restore').click()
    expect(dialog.get_by_label('Rule')).to_have_value('FREQ=DAILY;BYHOUR=4,5')
    expect(dialog.get_by_label('Name', exact=True)).to_have_value('typed while it was away')
    expect(dialog.get_by_text('every day at 04:00 and 05:00')).to_be_visible()
    expect(save).to_be_enabled()
    save.click()
    expect(dialog).to_be_hidden()

    page.get_by_role('button', name='New event').click()
    expect(dialog.get_by_label('Name', exact=True)).to_have_value('')
    expect(dialog.get_by_role('button', name='Restore what you typed')).to_be_hidden()


def test_news_never_covers_the_buttons_of_a_dialog_and_is_shown_once_it_is_closed(
    program: SynapseUnderTest, open_tab: SignIn, problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}scheduler')
    page.get_by_role('button', name='New event').click()
    dialog = page.get_by_role('dialog', name='New event')
    dialog.get_by_label('Pipeline', exact=True).select_option('RunCommand')
    dialog.get_by_label('Command').first.fill('echo hello')
    run = program.create_run('RunCommand', command=['false'])
    program.wait_for_run(run['id'], 'failed')

    toast = page.locator('.sy-toast')
    expect(toast).to_have_count(1)
    expect(toast).to_be_hidden()
    dialog.get_by_role('button', name='Save event').click()
    expect(dialog).to_be_hidden()
    expect(toast).to_be_visible()

    notice = page.locator('.sy-notice', has_text='Planned')
    page.get_by_role('button', name='New event').click()
    dialog.get_by_role('button', name='Close', exact=True).click()
    expect(dialog).to_be_hidden()
    expect(notice).to_be_visible()
    assert problems == []


def test_a_notice_can_be_read_in_the_light_theme(program: SynapseUnderTest, open_tab: SignIn) -> None:
    page = open_tab(program)
    dialog = half_written(page, program)
    page.evaluate("synapse.setTheme('light')")
    dialog.get_by_role('button', name='Save event').click()

    words = page.locator('.sy-notice').get_by_text('Planned')
    assert words.evaluate('(e) => getComputedStyle(e).color') == page.evaluate('getComputedStyle(document.body).color')
