"""The form that says what is kept: what it shows, what it asks before something is removed, and what it saves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from nicegui import ui

from pages.settings import retention as form_module
from pages.settings.retention import WhatIsKept
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.records import now_utc
from synapse.retention import RetentionReport
from tests.parts.on_page import OnPage, is_shown, on_page, text_of
from tests.parts.retention_lives import add_run


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('FIGURES_SECONDS', 'FOLDERS_SECONDS', 'PREVIEW_SECONDS'):
        monkeypatch.setattr(form_module, name, 0.01)


class Form:
    def __init__(self, it: OnPage[WhatIsKept]) -> None:
        self.it, self.room = it, it.room

    @property
    def card(self) -> WhatIsKept:
        return self.it.part

    def help_of(self, name: str) -> str:
        return self.card._helps[name].text

    @property
    def preview(self) -> str:
        return text_of(self.card._preview)

    @property
    def can_save(self) -> bool:
        return is_shown(self.card._footer)

    def error_at(self, name: str) -> str:
        return self.card._fields[name]._error.text

    def limit(self, name: str, number: object) -> None:
        """Choose "At most", and type a number."""
        field = self.card._fields[name]
        if field._limit.without:
            self.it.emit(field._choice, 'change', 'most')
        assert field._number is not None
        self.it.emit(field._number, 'input', str(number))

    def unlimit(self, name: str) -> None:
        self.it.emit(self.card._fields[name]._choice, 'change', 'ever')

    def press(self, words: str) -> None:
        self.it.press(words, within=self.card)

    @property
    def question(self) -> str:
        found = self.it.all(role='alertdialog')
        return text_of(found[-1]) if found else ''

    async def answer(self, words: str) -> None:
        await self.it.until(lambda: self.question)
        dialog: ui.element = self.it.all(role='alertdialog')[-1]
        buttons = [item for item in dialog.descendants() if item.tag == 'button' and text_of(item) == words]
        self.it.emit(buttons[0], 'click', False)


@asynccontextmanager
async def form(tmp_path: Path, *, old_lines: int = 0, runs: int = 0) -> AsyncIterator[Form]:
    """The form over lines of ten days ago, and runs that ended a day apart."""
    async with on_page(tmp_path, WhatIsKept) as it:
        for number in range(old_lines):
            it.say(f'line {number}', timestamp=now_utc() - timedelta(days=10))
        for number in range(runs):
            add_run(it.room.history, tmp_path / 'data' / 'runs', f'r{number}', now_utc() - timedelta(days=number + 1))
        await it.room.retention.start()
        try:
            await it.user.open('/')
            yield Form(it)
        finally:
            await it.room.retention.stop()


# What is there


async def test_the_form_says_how_much_there_is(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3, runs=2) as it:
        await it.it.until(lambda: 'in their folders' in it.help_of('run_days'))

        assert it.help_of('log_days').startswith('3 lines since ')
        assert it.help_of('run_days').startswith('2 ended runs since ')
        assert it.help_of('run_days').endswith('6.0 kB in their folders. The last one is always kept.')


async def test_an_empty_log_says_so(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        await it.it.until(lambda: it.help_of('log_days') == 'No lines yet.')


async def test_the_figures_follow_the_log(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        await it.it.until(lambda: it.help_of('log_days') == 'No lines yet.')
        it.it.say('first')

        await it.it.until(lambda: it.help_of('log_days').startswith('1 line since today, '))


# Limits


async def test_the_form_starts_with_what_is_saved(tmp_path: Path) -> None:
    async with on_page(tmp_path, WhatIsKept) as it:
        await it.room.retention.set({'log_days': 7, 'run_count': None})
        await it.user.open('/')

        assert it.part._values() == {'log_days': 7, 'log_megabytes': 1_000, 'run_days': None, 'run_count': None}


async def test_saving_is_offered_only_while_something_differs(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        before = it.can_save
        it.limit('run_days', 30)
        changed = it.can_save
        it.unlimit('run_days')

        assert (before, changed, it.can_save) == (False, True, False)


async def test_a_limit_that_is_switched_on_starts_with_a_usual_number(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.it.emit(it.card._fields['run_count']._choice, 'change', 'most')

        assert it.card._values()['run_count'] == 1_000


@pytest.mark.parametrize(
    ('typed', 'value'), [('7', 7), ('1,000', 1_000), ('1 000', 1_000), ('', ''), ('-3', '-3'), ('x', 'x')]
)
async def test_numbers_are_read_as_people_write_them(tmp_path: Path, typed: str, value: object) -> None:
    async with form(tmp_path) as it:
        it.limit('log_days', typed)

        assert it.card._values()['log_days'] == value


async def test_what_would_be_removed_is_said_while_typing(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=30, runs=3) as it:
        it.limit('log_days', 7)
        it.limit('run_count', 1)

        await it.it.until(
            lambda: it.preview == '30 log lines older than 7 days and 2 runs beyond the newest 1 would be removed.'
        )


async def test_a_limit_that_removes_nothing_says_so(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3) as it:
        it.limit('log_days', 30)

        await it.it.until(lambda: it.preview == 'Nothing would be removed now.')


async def test_a_wrong_number_is_marked_at_its_field_until_it_is_right(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.limit('log_days', 0)
        await it.it.until(lambda: it.error_at('log_days').startswith('Between 1 and 3,650 days'))
        said = it.preview
        it.limit('log_days', 5)
        await it.it.until(lambda: it.error_at('log_days') == '')

        assert said == 'Fix the marked fields first.'
        assert it.error_at('run_days') == ''


async def test_cancelling_shows_what_is_saved_again(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.limit('log_megabytes', 50)
        it.press('Cancel')

        assert it.card._values() == it.room.retention.policy.as_json()
        assert not it.can_save


# Saving


async def test_a_limit_that_removes_nothing_is_saved_without_a_question(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3) as it:
        it.limit('log_days', 30)
        it.press('Save')
        await it.it.until(lambda: it.room.retention.policy.log_days == 30)
        await it.it.until(lambda: not it.can_save)

        assert it.question == ''


async def test_before_something_is_removed_the_person_is_asked(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3, runs=3) as it:
        it.limit('log_days', 7)
        it.limit('run_count', 1)
        it.press('Save')
        await it.it.until(lambda: it.question)

        assert '3 log lines older than 7 days and 2 runs beyond the newest 1 will be removed' in it.question
        assert 'the runs with all their files' in it.question
        assert it.room.retention.policy.log_days is None


async def test_a_question_that_is_declined_saves_nothing_and_keeps_what_was_typed(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3) as it:
        it.limit('log_days', 7)
        it.press('Save')
        await it.answer('Keep them')
        await it.it.until(lambda: it.question == '')

        assert it.room.retention.policy.log_days is None
        assert it.can_save


async def test_a_question_that_is_confirmed_saves_and_removes(tmp_path: Path) -> None:
    async with form(tmp_path, old_lines=3) as it:
        it.limit('log_days', 7)
        it.press('Save')
        await it.answer('Remove them')
        await it.it.until(lambda: it.room.retention.last_cleaning is not None)
        await it.it.until(lambda: '3 lines removed' in it.card._cleaned.text)

        assert it.room.retention.policy.log_days == 7
        assert not it.can_save


async def test_a_wrong_number_is_not_saved(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.limit('log_megabytes', 1)
        it.press('Save')
        await it.it.until(lambda: it.error_at('log_megabytes') == 'Between 10 and 1,000,000 MB.')

        assert it.room.retention.policy.log_megabytes == 1_000


async def test_limits_saved_elsewhere_are_shown_unless_something_was_typed_here(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        await it.room.retention.set({'run_days': 9})
        await it.it.until(lambda: it.card._values()['run_days'] == 9)
        it.limit('run_days', 12)
        await it.room.retention.set({'run_days': 15})
        await it.it.settled()

        assert it.card._values()['run_days'] == 12
        assert it.can_save


# Cleaning up


async def test_cleaning_up_with_nothing_to_remove_says_so(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.press('Clean up now')
        await it.it.until(lambda: it.it.told)

        assert it.it.told == ['Nothing had to be removed.']
        assert it.card._cleaned.text.startswith('Runs automatically every hour. Last at ')


async def test_what_a_cleaning_removed_is_said(tmp_path: Path) -> None:
    def with_limits(room: ControlRoom) -> WhatIsKept:
        room.retention.policy = room.retention.policy.model_copy(update={'run_count': 1})
        return WhatIsKept(room)

    async with on_page(tmp_path, with_limits) as it:
        for number in range(3):
            add_run(it.room.history, tmp_path / 'data' / 'runs', f'r{number}', now_utc() - timedelta(days=number + 1))
        await it.user.open('/')
        it.press('Clean up now')
        await it.until(lambda: it.told)

        assert it.told[0].startswith('Removed 2 runs beyond the newest 1')


async def test_a_cleaning_under_way_disables_the_button_and_counts(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.room.retention.progress = RetentionReport(old_lines=30, old_runs=1)
        it.card._changed()
        during = (it.card._clean_up.props.get('disabled'), it.card._progress.text)
        it.room.retention.progress = None
        it.card._changed()

        assert during == (True, '30 lines and 1 run removed so far')
        assert (it.card._clean_up.props.get('disabled'), it.card._progress.text) == (None, '')


async def test_lines_are_counted_with_commas(tmp_path: Path) -> None:
    async with form(tmp_path) as it:
        it.room.log.extend([{'level': Level.INFO, 'message': 'x', 'source': 'test'}] * 1_200)

        await it.it.until(lambda: it.help_of('log_days').startswith('1,200 lines'))


@pytest.mark.parametrize('turns', range(5))
async def test_stopping_right_after_a_limit_was_saved_does_not_hang(tmp_path: Path, turns: int) -> None:
    async with on_page(tmp_path, lambda _: None) as it:
        await it.room.retention.start()
        await asyncio.sleep(0)
        await it.room.retention.set({'log_days': 30})
        for _ in range(turns):
            await asyncio.sleep(0)

        async with asyncio.timeout(20):
            await it.room.retention.stop()
