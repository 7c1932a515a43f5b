"""The calendar on the Settings page: its secret address, and the import of calendar files."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pages.settings.calendar import PIECE, FeedAddress, ImportButton
from pages.settings.import_dialog import SHOWN, counts_in_words, result_in_words
from synapse.ical.importing import ImportResult
from synapse.ical.reading import MAX_BYTES
from tests.parts.on_page import OnPage, opened, text_of


def a_file(*titles: str) -> bytes:
    """A calendar of another program with an event for each title, whose work is ours."""
    at = datetime.now(UTC) + timedelta(hours=1)
    command = json.dumps({'command': ['true']}).replace(',', r'\,')
    lines = ['BEGIN:VCALENDAR', 'VERSION:2.0']
    for number, title in enumerate(titles):
        lines += ['BEGIN:VEVENT', f'UID:{number}@stranger', f'SUMMARY:{title}', f'DTSTART:{at:%Y%m%dT%H%M%SZ}']
        lines += ['X-SYNAPSE-PIPELINE:RunCommand', f'X-SYNAPSE-PARAMETERS:{command}', 'END:VEVENT']
    return '\r\n'.join([*lines, 'END:VCALENDAR', '']).encode()


class Importing:
    def __init__(self, it: OnPage[ImportButton]) -> None:
        self.it, self.room = it, it.room

    @property
    def problem(self) -> str:
        return self.it.part._problem.text

    @property
    def question(self) -> str:
        found = self.it.all(role='dialog', aria_label='Import')
        return text_of(found[-1]) if found else ''

    def choose(self, data: bytes, name: str = 'team.ics') -> None:
        """As the script of the page sends it, in pieces."""
        text = base64.b64encode(data).decode()
        for at in range(0, max(1, len(text)), PIECE):
            piece = {'at': at, 'piece': text[at : at + PIECE], 'is_last': at + PIECE >= len(text)}
            self.send({'name': name, 'size': len(data), **piece})

    def send(self, news: dict[str, Any]) -> None:
        (field,) = self.it.all(type='file')
        self.it.emit(field, 'change', news)

    async def asked(self) -> str:
        await self.it.until(lambda: self.question)
        return self.question

    def tick(self, title: str, *, is_on: bool = True) -> None:
        self.it.emit(self.it.find(aria_label=f'Switch on {title}'), 'change', is_on)

    def events(self) -> dict[str, bool]:
        return {event.title: event.enabled for event in self.room.calendar.events()}


# Address


async def test_an_address_is_created_hidden_and_shown_on_request(tmp_path: Path) -> None:
    async with opened(tmp_path, FeedAddress) as it:
        it.press('Create an address')
        await it.until(lambda: it.all(aria_label='Show the address'))
        hidden = text_of(it.part)
        it.press('Show the address')
        await it.until(lambda: it.all(aria_label='Hide the address'))

        assert '/api/v1/scheduler/feed/…' in hidden
        assert f'{it.room.auth.feed}.ics' in text_of(it.part)
        assert str(it.room.auth.feed) not in hidden


async def test_a_new_address_replaces_the_old_one_after_a_question(tmp_path: Path) -> None:
    async with opened(tmp_path, FeedAddress) as it:
        it.press('Create an address')
        await it.until(lambda: it.all(aria_label='Show the address'))
        first = it.room.auth.feed
        it.press('New address')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Create a new one')
        await it.until(lambda: it.room.auth.feed != first)

        assert it.room.auth.feed is not None


async def test_a_question_that_is_declined_keeps_the_address(tmp_path: Path) -> None:
    async with opened(tmp_path, FeedAddress) as it:
        it.press('Create an address')
        await it.until(lambda: it.all(aria_label='Show the address'))
        first = it.room.auth.feed
        it.press('Revoke')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Keep it')
        await it.until(lambda: not it.all(role='alertdialog'))

        assert it.room.auth.feed == first


# Import


async def test_a_file_is_asked_about_before_anything_of_it_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch', 'Dinner'))
        question = await it.asked()

        assert 'Import team.ics? 2 new.' in question
        assert 'command: ["true"]' in question
        assert it.events() == {}


async def test_foreign_events_stay_switched_off_unless_they_are_ticked(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch', 'Dinner'))
        await it.asked()
        it.tick('Dinner')
        page.press('Import, switch 1 on')
        await page.until(lambda: it.events())

        assert it.events() == {'Lunch': False, 'Dinner': True}


async def test_the_button_counts_what_will_be_switched_on(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch', 'Dinner'))
        await it.asked()
        words = []
        for title, is_on in (('Lunch', True), ('Dinner', True), ('Lunch', False), ('Dinner', False)):
            it.tick(title, is_on=is_on)
            words.append(it.question.rpartition('Import, ')[2])

        assert words == ['switch 1 on', 'switch 2 on', 'switch 1 on', 'switched off']


async def test_a_cancelled_import_keeps_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch'))
        await it.asked()
        page.press('Cancel')
        await page.until(lambda: it.question == '')

        assert it.events() == {}


async def test_only_so_many_events_are_shown_and_can_be_switched_on(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file(*(f'Event {number}' for number in range(SHOWN + 3))))
        question = await it.asked()

        assert len(page.all(type='checkbox')) == SHOWN
        assert 'and 3 more, 3 of them stay switched off.' in question


async def test_a_file_in_several_pieces_is_put_together(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        text = base64.b64encode(a_file('Lunch')).decode()
        middle = len(text) // 2
        it.send({'name': 'a.ics', 'size': 1, 'at': 0, 'piece': text[:middle], 'is_last': False})
        it.send({'name': 'a.ics', 'size': 1, 'at': middle, 'piece': text[middle:], 'is_last': True})

        assert '1 new.' in await it.asked()


async def test_a_second_file_starts_from_its_beginning(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.send({'name': 'broken.ics', 'size': 1, 'at': 0, 'piece': 'AAAA', 'is_last': False})
        it.choose(a_file('Lunch'))

        assert '1 new.' in await it.asked()


@pytest.mark.parametrize(
    ('news', 'problem'),
    [
        ({'size': MAX_BYTES + 1}, 'big.ics is larger than 10 MB. Export fewer events.'),
        ({'size': 5, 'is_broken': True}, 'big.ics could not be read. Try again.'),
    ],
)
async def test_a_file_that_the_browser_cannot_send_says_why(tmp_path: Path, news: dict[str, Any], problem: str) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.send({'name': 'big.ics', **news})
        await page.until(lambda: it.problem == problem)


async def test_a_file_that_is_no_calendar_says_so_and_the_next_one_forgets_it(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(b'hello')
        await page.until(lambda: it.problem)
        it.choose(a_file('Lunch'))
        await it.asked()

        assert it.problem == ''


async def test_pieces_of_more_than_a_file_may_have_are_dropped(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        for number in range(2 * MAX_BYTES // PIECE + 1):
            it.send({'name': 'endless.ics', 'size': 1, 'at': number * PIECE, 'piece': 'A' * PIECE, 'is_last': False})
        await page.settled()

        assert len(page.part._pieces) <= 1


# Words


def test_counts_are_said_in_words() -> None:
    assert counts_in_words(ImportResult(created=('a', 'b', 'c'), updated=('d',))) == '3 new, 1 changed'
    assert counts_in_words(ImportResult()) == 'Nothing to import'


def test_the_result_says_what_is_off_and_what_was_left_out() -> None:
    result = ImportResult(created=('a',), disabled=('a',), skipped=('One.', 'Two.', 'Three.'))

    assert result_in_words('work.ics', result) == (
        'work.ics: 1 new. 1 switched off until you switch them on. One. Two. 1 more was left out.'
    )
