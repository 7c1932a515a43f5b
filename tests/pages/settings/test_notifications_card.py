"""Channels on the Settings page: added, tested with the result beside them, switched, changed and removed."""

from pathlib import Path

from nicegui import ui

from pages.settings.notifications import NotificationsCard
from synapse.notifications.kinds import RUN_SUCCEEDED, default_kinds, kinds
from tests.parts.on_page import OnPage, opened, text_of
from tests.parts.receivers import http_receiver


def says(page: OnPage[NotificationsCard], words: str) -> bool:
    return words in text_of(page.part)


def tick(page: OnPage[NotificationsCard], words: str) -> ui.element:
    label = next(item for item in page.all() if item.tag == 'label' and text_of(item) == words)
    return next(item for item in label.descendants() if item.tag == 'input')


async def add(page: OnPage[NotificationsCard], address: str, *, label: str = 'Phone') -> None:
    page.press('Add a channel')
    await page.until(lambda: page.all(role='dialog'))
    page.emit(page.find(id='channel-url'), 'input', address)
    page.emit(page.find(id='channel-label'), 'input', label)
    page.press('Add')


async def test_a_channel_is_added_tested_and_its_address_stays_hidden(tmp_path: Path) -> None:
    async with opened(tmp_path, NotificationsCard) as page:
        with http_receiver() as server:
            await add(page, f'json://127.0.0.1:{server.port}/hook-of-mine')
            await page.until(lambda: says(page, 'All that needs you'), 20)
            assert says(page, f'json://127.0.0.1:{server.port}/***')
            assert not says(page, 'hook-of-mine')

            page.press(aria_label='Test Phone')
            await page.until(lambda: says(page, 'The test was sent: look whether it has arrived.'), 20)
            assert says(page, 'Last sent Today')
            assert server.bodies[0]['title'] == 'Test from Synapse'

            server.status = 500
            page.press(aria_label='Test Phone')
            await page.until(lambda: says(page, 'The test failed.'), 20)
            assert says(page, 'Failed to send JSON POST notification: Internal server error, error 500')


async def test_a_wrong_address_is_marked_and_nothing_is_saved(tmp_path: Path) -> None:
    async with opened(tmp_path, NotificationsCard) as page:
        await add(page, 'gotify://gotify.example.org')

        await page.until(lambda: says_anywhere(page, 'Write it like gotifys://gotify.example.org/token.'), 20)
        assert page.room.notifications.all() == []


async def test_a_channel_that_is_cancelled_while_its_address_is_checked_is_not_added(tmp_path: Path) -> None:
    async with opened(tmp_path, NotificationsCard) as page:
        await add(page, 'json://127.0.0.1:1/cancelled')
        await page.until(lambda: page.all(aria_busy='true'))
        page.press('Cancel')
        # One at a time is checked: were the first still wanted, it would come before this one.
        await page.room.notifications.save(None, {'url': 'json://127.0.0.1:1/', 'label': 'Second'})

        assert [channel.label for channel in page.room.notifications.all()] == ['Second']


async def test_a_channel_is_changed_switched_off_and_removed(tmp_path: Path) -> None:
    async with opened(tmp_path, NotificationsCard) as page:
        channel = await page.room.notifications.save(None, {'command': ['echo', 'me too'], 'label': 'Bell'})
        await page.until(lambda: says(page, "echo 'me too'"))
        page.press(aria_label='Edit Bell')
        await page.until(lambda: page.all(role='dialog'))
        page.emit(page.find(id='channel-command'), 'input', 'echo "unclosed')
        page.press('Save')
        await page.until(lambda: says_anywhere(page, 'A quote is not closed.'))
        page.emit(page.find(id='channel-command'), 'input', '["echo", "all of us"]')
        page.emit(tick(page, kinds()[RUN_SUCCEEDED]), 'change', args=True)
        page.press('Save')
        await page.until(lambda: page.room.notifications.get(channel.id).command == ('echo', 'all of us'))
        assert page.room.notifications.get(channel.id).kinds == (*default_kinds(), RUN_SUCCEEDED)

        page.emit(page.find(aria_label='Bell is on'), 'change', args=False)
        await page.until(lambda: says(page, 'Switched off.'))
        page.press(aria_label='Remove Bell')
        await page.until(lambda: page.all(role='alertdialog'))
        page.press('Remove')
        await page.until(lambda: not page.room.notifications.all())


def says_anywhere(page: OnPage[NotificationsCard], words: str) -> bool:
    return any(words in text_of(item) for item in page.all(role='alert'))
