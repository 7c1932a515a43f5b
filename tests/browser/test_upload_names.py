"""A browser names files as they are on disk: it encodes only quotes and line ends."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.parts.harness import SynapseUnderTest

SEND = """
async (names) => {
    const form = new FormData();
    for (const name of names) form.append('file', new File(['x'], name));
    return (await fetch('/api/v1/uploads', {method: 'POST', body: form})).status;
}
"""
NAMES = ['Report%202024.pdf', '12" single.mp3', 'über 50%.txt', '100%25.txt']


def test_a_percent_sign_in_a_name_stays(
    program: SynapseUnderTest, open_tab: Callable[[SynapseUnderTest], Page], problems: list[str]
) -> None:
    page = open_tab(program)
    page.goto(f'{program.url}pipelines')

    assert page.evaluate(SEND, NAMES) == 201

    with program.api as api:
        assert sorted(item['name'] for item in api.get('/inbox').json()) == sorted(NAMES)
