"""The calendar on the Settings page: its secret address, and the import of calendar files."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pages.settings.calendar import PIECE, FeedAddress, ImportButton
from pages.settings.import_dialog import SHOWN, counts_in_words, result_in_words
from pages.settings.import_rules import RuleList
from synapse.ical.import_result import ImportResult
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


def piece_of(data: bytes, start: int, end: int) -> dict[str, Any]:
    """What the script of the page sends of a file."""
    piece = {'at': start, 'piece': base64.b64encode(data[start:end]).decode(), 'is_last': end >= len(data)}
    return {'name': 'team.ics', 'size': len(data), **piece}


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
        for at in range(0, max(1, len(data)), PIECE):
            self.send(piece_of(data, at, at + PIECE) | {'name': name})

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
        data = a_file('Lunch')
        middle = len(data) // 2
        it.send(piece_of(data, 0, middle))
        await page.until(lambda: page.all(aria_label='Import'))
        assert page.find(aria_label='Import').props['aria-valuetext'].startswith('Sending team.ics: ')
        it.send(piece_of(data, middle, len(data)))

        assert '1 new.' in await it.asked()
        assert page.all(aria_label='Cancel the import') == []


async def test_pieces_of_a_cancelled_file_are_dropped(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        data = a_file('Lunch')
        it.send(piece_of(data, 0, 100))
        await page.until(lambda: page.all(aria_label='Cancel the import'))
        page.press('Cancel the import')
        await page.until(lambda: not page.all(aria_label='Cancel the import'))
        it.send(piece_of(data, 100, len(data)))
        await page.settled()

        assert page.all(aria_label='Cancel the import') == []
        assert it.question == it.problem == ''


@pytest.mark.parametrize(
    ('lines', 'why'),
    [
        ('', 'The file has no events.'),
        (
            'BEGIN:VTODO\nUID:a\nEND:VTODO\nBEGIN:VTODO\nUID:b\nEND:VTODO\n',
            'The file has no events, only 2 to-dos, which are not imported.',
        ),
    ],
)
async def test_a_file_without_events_says_what_to_do(tmp_path: Path, lines: str, why: str) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(f'BEGIN:VCALENDAR\nVERSION:2.0\n{lines}END:VCALENDAR\n'.encode())
        await page.until(lambda: it.problem)

        assert it.problem == f'team.ics: {why} Export a calendar that has some.'


async def test_a_second_file_starts_from_its_beginning(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.send(piece_of(b'x' * 10, 0, 3))
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
        piece = base64.b64encode(bytes(PIECE)).decode()
        for at in range(0, MAX_BYTES + 3 * PIECE, PIECE):
            it.send({'name': 'endless.ics', 'size': 1, 'at': at, 'piece': piece, 'is_last': False})
        await page.settled()

        assert len(page.part._data) <= MAX_BYTES


# Words


def test_counts_are_said_in_words() -> None:
    assert counts_in_words(ImportResult(created=('a', 'b', 'c'), updated=('d',))) == '3 new, 1 changed'
    assert counts_in_words(ImportResult()) == 'Nothing to import'


def test_the_result_says_what_is_off_and_what_was_left_out() -> None:
    result = ImportResult(created=('a',), disabled=('a',), skipped=('One.', 'Two.', 'Three.'))

    assert result_in_words('work.ics', result) == (
        'work.ics: 1 new. 1 switched off until you switch them on. One. Two. 1 more was left out.'
    )


# Rules


def without_work(*titles: str) -> bytes:
    """A calendar of another program, whose events name no pipeline."""
    return re.sub(rb'X-SYNAPSE-[^\r]*\r\n', b'', a_file(*titles))


async def rule_dialog(page: OnPage[Any], **values: str) -> None:
    """Fill in the dialog of a rule and save it."""
    await page.until(lambda: page.all(role='dialog', aria_label='Rule'))
    for name, value in values.items():
        kind = 'input' if name == 'text' else 'change'
        page.emit(page.find(id=f'rule-{name}'), kind, value)
    page.press('Save rule')


async def test_events_without_a_pipeline_are_listed_and_a_rule_gives_them_work(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(without_work('Team lunch', 'Dinner'))
        question = await it.asked()
        assert '2 without a pipeline.' in question
        assert 'Dinner Fits no rule and names no pipeline. Add a rule for it.' in question
        assert question.endswith('Nothing to import yet')

        page.press('Add a rule')
        await rule_dialog(page, when='title', text='lunch', pipeline='RunCommand')
        await page.until(lambda: 'Fix the marked fields.' in text_of(page.all(role='dialog', aria_label='Rule')[-1]))
        page.emit(page.find(id='rule-parameter-command'), 'input', 'true')
        page.press('Save rule')
        await page.until(lambda: '1 new, 1 without a pipeline.' in it.question)
        assert 'Title contains “lunch”.' in it.question
        page.press('Import, switched off')
        await page.until(lambda: it.events())

        assert it.events() == {'Team lunch': False}
        assert [rule.text for rule in it.room.import_rules.rules] == ['lunch']


async def test_more_events_are_shown_on_request_and_found_by_a_search(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file(*(f'Event {number:03}' for number in range(100))))
        await it.asked()
        page.press('Show 50 more')
        assert len(page.all(type='checkbox')) == SHOWN + 50
        it.tick('Event 042')
        page.emit(page.find(type='search'), 'input', 'event 09')
        await page.until(lambda: len(page.all(type='checkbox')) == 10)
        assert '10 of 100' in it.question
        page.press('Import, switch 1 on')
        await page.until(lambda: it.events())

        assert [title for title, is_on in it.events().items() if is_on] == ['Event 042']


async def test_another_rule_takes_back_the_tick_of_an_event_whose_work_it_changes(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch', 'Dinner'))
        await it.asked()
        it.tick('Lunch')
        it.tick('Dinner')
        work = {'pipeline': 'RunCommand', 'parameters': {'command': ['false']}}
        await page.room.import_rules.set([{'when': 'title', 'text': 'lunch', **work}])
        await page.until(lambda: 'Title contains “lunch”. Runs' in it.question)
        page.press('Import, switch 1 on')
        await page.until(lambda: it.events())

        assert it.events() == {'Lunch': False, 'Dinner': True}


async def test_cancelled_events_are_listed_before_they_go(tmp_path: Path) -> None:
    async with opened(tmp_path, ImportButton) as page:
        it = Importing(page)
        it.choose(a_file('Lunch'))
        await it.asked()
        page.press('Import, switched off')
        await page.until(lambda: it.events())
        it.choose(a_file('Lunch').replace(b'SUMMARY', b'STATUS:CANCELLED\r\nSUMMARY'))
        question = await it.asked()
        assert 'Cancelled, will be deleted 1 Lunch' in question
        page.press('Import')
        await page.until(lambda: not it.events())


async def test_the_rule_for_any_other_event_is_shown_last(tmp_path: Path) -> None:
    async with opened(tmp_path, RuleList) as page:
        rules = page.room.import_rules
        work = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
        texts = [('title', 'a'), ('any', ''), ('category', 'b')]
        await rules.set([{'when': when, 'text': text, **work} for when, text in texts])
        await page.until(lambda: 'Category is “b”' in text_of(page.part))

        shown = text_of(page.part)
        assert shown.index('Category is “b”') < shown.index('Any other event')
        assert page.all(aria_label='Move up: Any other event') == []
        page.press('Move up: Category is “b”')
        await page.until(lambda: [rule.text for rule in rules.rules] == ['b', 'a', ''])


async def test_rules_are_ordered_changed_and_removed(tmp_path: Path) -> None:
    async with opened(tmp_path, RuleList) as page:
        rules = page.room.import_rules
        work = {'pipeline': 'RunCommand', 'parameters': {'command': ['true']}}
        await rules.set([{'when': 'title', 'text': 'a', **work}, {'when': 'category', 'text': 'b', **work}])
        await page.until(lambda: 'Category is “b”' in text_of(page.part))
        page.press('Move up: Category is “b”')
        await page.until(lambda: [rule.text for rule in rules.rules] == ['b', 'a'])
        page.press('Edit: Title contains “a”')
        await rule_dialog(page, when='any')
        await page.until(lambda: [rule.when for rule in rules.rules] == ['category', 'any'])
        page.press('Remove: Category is “b”')
        await page.until(lambda: len(rules.rules) == 1)

        assert rules.rules[0].parameters == {'command': ['true']}
