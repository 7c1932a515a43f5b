"""The card about a damaged file: on the dashboard, in the bell, and gone in every tab when one has read it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.parts.harness import SynapseUnderTest

expect.set_options(timeout=20_000)


def test_a_damaged_file_has_a_card_until_someone_has_read_it(
    program: SynapseUnderTest, sign_in: Callable[[SynapseUnderTest], Page], problems: list[str]
) -> None:
    program.stop()
    for name in ('token', 'token.copy'):
        (program.data / name).write_bytes(b'')
    program.start()
    page = sign_in(program)
    title = 'Damaged, and part may be missing: the token of programs'
    card = page.get_by_role('region', name=title)

    expect(card).to_contain_text(f'The new one is in {program.data / "token"}')
    expect(card).to_contain_text('Give it to your scripts.')
    with page.context.expect_page() as opened:
        page.evaluate('window.open("/")')
    other = opened.value.get_by_role('region', name=title)
    expect(other).to_be_visible()

    card.get_by_role('button', name='Got it').focus()
    page.keyboard.press('Enter')

    expect(card).to_have_count(0)
    expect(other).to_have_count(0)
    with program.api as api:
        assert api.get('/damage').json() == {'damage': []}
    assert problems == []
