"""The command palette on a real room: what it finds, in which order, and what it does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pages.shell.palette import Command, Palette, found, marked
from synapse.records import now_utc
from tests.parts.on_page import OnPage, on_page, opened, text_of
from tests.parts.retention_lives import add_run


def command(words: str, *, group: str = 'Commands', note: str = '') -> Command:
    return Command(group=group, words=words, note=note, do=lambda: None)


class Opened:
    def __init__(self, it: OnPage[Palette]) -> None:
        self.it, self.room = it, it.room

    @property
    def palette(self) -> Palette:
        return self.it.part

    @property
    def words(self) -> list[str]:
        return [item.words for item in self.palette._found]

    @property
    def selected(self) -> str:
        (row,) = self.it.all(role='option', aria_selected='true')
        return text_of(row)

    def type(self, text: str) -> None:
        self.it.emit(self.palette._entry, 'input', text)

    async def finds(self, *words: str) -> None:
        await self.it.until(lambda: self.words == list(words))

    async def enter(self, text: str) -> None:
        self.it.emit(self.palette._entry, 'keydown.enter.prevent', text)
        await self.it.until(lambda: not self.palette._dialog.value)

    def key(self, name: str) -> None:
        self.it.emit(self.palette._entry, f'keydown.{name}.prevent')


@asynccontextmanager
async def palette(tmp_path: Path, *subjects: str) -> AsyncIterator[Opened]:
    """An open palette; in the past there were runs about these subjects, the last one last."""

    async with on_page(tmp_path, Palette) as it:
        for number, subject in enumerate(subjects):
            ended = now_utc() - timedelta(minutes=10 - number)
            add_run(it.room.history, tmp_path / 'data' / 'runs', f'run{number}', ended, subject=subject)
        await it.user.open('/')
        await it.until(lambda: len(it.part._past_runs) == len(subjects))
        yield Opened(it)


# Finding


def test_every_word_must_be_somewhere_in_the_command() -> None:
    commands = [command('Run Publish video'), command('New run'), command('Plan a run', note='Publish video')]

    assert [item.words for item in found(commands, 'PUB run')] == ['Run Publish video', 'Plan a run']


def test_words_that_start_with_what_was_typed_come_first() -> None:
    commands = [command('Overrun'), command('A run')]

    assert [item.words for item in found(commands, 'run')] == ['A run', 'Overrun']


def test_groups_are_kept_together_where_their_best_result_is() -> None:
    commands = [command('Overrun'), command('Runs', group='Pages'), command('New run')]

    assert [item.words for item in found(commands, 'run')] == ['Runs', 'New run', 'Overrun']


def test_what_is_special_in_a_pattern_is_searched_for_as_it_is() -> None:
    assert [item.words for item in found([command('a.b'), command('axb')], 'a.b')] == ['a.b']


async def test_an_empty_palette_offers_what_was_used_last_then_pages_and_what_has_a_key(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        keyed = it.palette._found
        assert {item.group for item in keyed} == {'Commands', 'Pages'}
        assert all(item.keys for item in keyed)

        used = found(it.palette._commands(''), '', ['Stop everything'])
        assert [(item.group, item.words) for item in used][:1] == [('Last used', 'Stop everything')]
        assert [item.words for item in used[1:]] == [item.words for item in keyed]


async def test_the_phone_is_signed_in_from_the_palette(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        await it.enter('open on the phone')

        await it.it.until(lambda: bool(it.it.all(role='dialog', aria_label='Sign in a phone or tablet')))


async def test_a_pipeline_can_be_run_and_planned(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.type('publish')

        await it.finds('Run Publish video', 'Plan a run of Publish video', 'Publish video')


async def test_a_page_is_found_by_its_name_and_opened(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        await it.enter('profiles')

        assert it.it.gone_to == ['/profiles']


async def test_a_day_comes_before_everything_else(tmp_path: Path) -> None:
    async with palette(tmp_path, '9 oct.mp4') as it:
        it.type('2026-10-09')
        await it.it.until(lambda: it.words[0] == 'Go to Friday 9 October 2026')
        await it.enter('2026-10-09')

        assert it.it.gone_to == ['/scheduler?day=2026-10-09']


async def test_runs_of_the_past_are_found_by_number_and_file(tmp_path: Path) -> None:
    async with palette(tmp_path, 'teaser.mp4', 'trailer.mp4') as it:
        it.type('tra')
        await it.finds('#2 trailer.mp4')
        it.type('#1')
        await it.finds('#1 teaser.mp4')
        await it.enter('#1')

        assert it.it.gone_to == ['/runs/1']


async def test_runs_that_the_palette_has_not_read_are_looked_for(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        for number, subject in enumerate(('launch.mp4', 'trailer.mp4')):
            add_run(it.room.history, tmp_path / 'data' / 'runs', f'run{number}', now_utc(), subject=subject)

        it.type('#2')
        await it.finds('#2 trailer.mp4')
        it.type('launch')
        await it.finds('#1 launch.mp4')


async def test_an_event_is_found_by_its_title_with_its_next_moment(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        await it.room.editor.create(
            {
                'title': 'Nightly copy',
                'pipeline': 'RunCommand',
                'parameters': {'command': ['true']},
                'start': '2100-01-01T16:00:00',
                'timezone': 'Europe/Berlin',
                'enabled': False,
            }
        )
        it.type('nightly')
        await it.finds('Nightly copy')

        assert it.palette._found[0].note == 'Run command, switched off'


async def test_nothing_found_says_what_could_be_tried(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.type('zebra')
        await it.finds()

        assert text_of(it.palette._list).startswith('No results. Try a page,')
        assert text_of(it.palette._count) == '0 results'


async def test_enter_with_nothing_found_keeps_the_palette_open(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.it.emit(it.palette._entry, 'keydown.enter.prevent', 'zebra')
        await it.finds()

        assert it.palette._dialog.value


# Doing


async def test_arrows_select_around_the_ends(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.type('publish')
        await it.finds('Run Publish video', 'Plan a run of Publish video', 'Publish video')
        steps = []
        for key in ('down', 'up', 'up'):
            it.key(key)
            steps.append(it.selected)

        assert steps == ['Plan a run of Publish video', 'Run Publish video', 'Publish video']


async def test_the_field_names_the_selected_row_for_screen_readers(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.key('down')

        assert it.palette._entry.props['aria-activedescendant'] == 'palette-1'


async def test_what_was_done_is_remembered_and_comes_first_next_time(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        await it.enter('settings')
        await it.it.until(lambda: it.room.recent_commands == ('Settings',))

        assert found(it.palette._commands(''), '', it.room.recent_commands)[0].words == 'Settings'


async def test_a_click_does_what_its_row_says(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        it.type('logs')
        await it.it.until(lambda: it.words[:1] == ['Logs'])
        it.it.emit(it.it.all(role='option')[0], 'click')

        await it.it.until(lambda: it.it.gone_to == ['/logs'])


async def test_the_queue_is_paused_and_then_can_be_resumed(tmp_path: Path) -> None:
    async with palette(tmp_path) as it:
        await it.enter('pause queue')
        await it.it.until(lambda: it.room.runs.is_queue_paused)

        assert 'Resume queue' in [item.words for item in it.palette._commands('')]
        assert 'Pause queue' not in [item.words for item in it.palette._commands('')]


@pytest.mark.parametrize(
    ('text', 'parts'),
    [('pub', ['Run ', 'Pub', 'lish']), ('', ['Run Publish']), ('run sh', ['Run', ' Publi', 'sh'])],
)
async def test_what_was_searched_for_is_marked_in_the_words(tmp_path: Path, text: str, parts: list[str]) -> None:
    async with opened(tmp_path, lambda _: marked('Run Publish', text)) as it:
        assert [item.text for item in it.box.default_slot.children] == parts  # type: ignore[attr-defined]
