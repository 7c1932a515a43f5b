"""A page that nobody opens goes soon, and what goes is free without the garbage collector."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable

import pytest
from nicegui import Client, ui
from nicegui.testing import User, user_simulation

from pages.shell import dead_pages
from pages.shell.dead_pages import MOST_OF_BROWSERS, MOST_OF_SCRIPTS, MOST_OF_UNKNOWN, UnopenedPages

BROWSER = {'accept': 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate'}
UNKNOWN = {'accept': 'text/html'}
SCRIPT = {'accept': '*/*'}


@pytest.fixture(autouse=True)
def put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is changed in NiceGUI here stays here."""
    monkeypatch.setattr(Client, 'remove_elements', Client.remove_elements)


async def test_what_is_removed_is_free_at_once() -> None:
    def root() -> None:
        dead_pages.free_removed_elements()
        with ui.element() as container:
            found.append(container)
            for _ in range(20):
                add_field()

    def add_field() -> None:
        field = ui.input(on_change=lambda: field.value)
        field.on('click', lambda: field.value)

    found: list[ui.element] = []
    async with user_simulation(root=root) as user:
        await user.open('/')
        inside = [weakref.ref(element) for element in found[0].descendants()]
        inside += [weakref.ref(element.props) for element in found[0].descendants()]
        gc.collect()
        gc.disable()
        try:
            found[0].clear()
            left = [ref() for ref in inside if ref() is not None]
        finally:
            gc.enable()

    assert len(inside) == 40
    assert left == []


@pytest.mark.parametrize(
    ('headers', 'most'), [(BROWSER, MOST_OF_BROWSERS), (UNKNOWN, MOST_OF_UNKNOWN), (SCRIPT, MOST_OF_SCRIPTS)]
)
async def test_only_so_many_wait_for_their_socket(headers: dict[str, str], most: int) -> None:
    async with user_simulation(root=page(UnopenedPages())) as user:
        for _ in range(most + 3):
            await ask(user, headers)
        left = len(Client.instances)

    assert left == most


async def test_a_script_takes_no_page_from_a_browser() -> None:
    async with user_simulation(root=page(UnopenedPages())) as user:
        await ask(user, BROWSER)
        (browsers,) = Client.instances
        for _ in range(5):
            await ask(user, SCRIPT)
        left = [*Client.instances]

    assert len(left) == 2
    assert browsers in left


async def test_pages_asked_for_at_once_are_all_answered_whole() -> None:
    async with user_simulation(root=page(UnopenedPages())) as user:
        texts = await asyncio.gather(*(ask(user, SCRIPT) for _ in range(8)))

    assert all('somebody asked' in text for text in texts)


async def test_one_that_never_opens_its_socket_goes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_pages, 'SECONDS', 0.05)
    async with user_simulation(root=page(UnopenedPages())) as user:
        await ask(user, BROWSER)
        (client,) = Client.instances.values()
        await asyncio.wait_for(client._deleted_event.wait(), 10)
        left = len(Client.instances)

    assert left == 0


async def test_one_that_opened_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_pages, 'SECONDS', 0.05)
    unopened = UnopenedPages()
    async with user_simulation(root=page(unopened)) as user:
        await user.open('/')  # the simulation opens the socket as well
        (client,) = Client.instances.values()
        deadlines = len(unopened._deadlines)
        for _ in range(MOST_OF_SCRIPTS + 2):
            await ask(user, SCRIPT)
        is_here = not client.is_deleted

    assert deadlines == 0
    assert is_here


def page(unopened: UnopenedPages) -> Callable[[], Awaitable[None]]:
    async def root() -> None:
        ui.label('somebody asked')
        unopened.add(ui.context.client)
        await asyncio.sleep(0)

    return root


async def ask(user: User, headers: dict[str, str]) -> str:
    response = await user.http_client.get('/', headers=headers)
    assert response.status_code == 200
    return response.text
