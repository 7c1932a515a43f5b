"""The first start: three steps to a first run and a preview of it; once that run has ended, the dashboard follows."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.logs.tail import LogTail
from pages.parts.cards import Card, empty, set_props
from pages.parts.dialogs import attempt, say
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from pages.parts.upload import UploadZone
from pages.runs.start_run import Choice
from pages.runs.stepper import preview
from pages.runs.takers import file_parameter
from synapse.builtin.sample import make_sample_video
from synapse.catalog.info import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.runs.messages import RunChanged

from .current_run import CurrentRun
from .next_up import NextUp

SAMPLE_PIPELINE = 'PublishVideo'
PROMISES = {
    'ingest': 'Checks and copies the file',
    'caption': 'Writes subtitles',
    'render': 'Builds the final video',
    'publish': 'Saves to a local folder',
}


class FirstStart(Scope):
    """Shown until the first run has ended; while a run is live, it replaces the preview."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self.classes('first')
        self._room = room
        self._is_making = False
        self._place: ui.element | None = None
        self._placed: str | None = None
        self._has_lines: bool | None = None
        with self:
            self._build_hero()
            self._place = el('div', 'first-place')
            self._build_empty_cards()
        self._show_place()
        self.follow(room.bus, RunChanged, self._on_run)

    def _build_hero(self) -> None:
        with el('section', 'glass-card hero', aria_label='First run'):
            with el('div', 'hl'):
                el('h2', text='Your first run takes about a minute')
                el(
                    'p',
                    'sy-2',
                    'A sample pipeline is ready. Nothing leaves this machine: the sample publishes to a folder.',
                )
                with el('ol', 'ol'):
                    with _step('1', 'Pick a pipeline', 'done') as (about, choice):
                        self._about = about
                        with choice:
                            self._choice = Choice(self._room, self._show_choice)
                            el('a', 'sy-btn is-sm is-ghost', 'See its steps', href='/pipelines')
                    with _step('2', 'Give it a file', 'now') as (about, files):
                        self._give = about
                        with files:
                            self._sample = button('Run with the sample video', icon_name='play', kind='primary')
                            self._form = button('Fill in and run', icon_name='play', kind='primary')
                            with el('span', 'sy-cap'):
                                el('span', text='or press ')
                                el('span', 'sy-kbd', 'R')
                    with _step('3', 'Watch it, then plan it', '') as (about, _):
                        about.set_text(
                            'Steps and log lines appear the moment they happen. When it works, put it on the calendar.'
                        )
            self._zone = UploadZone(self._room.settings.max_upload_bytes, self._choice.start, classes='hz')
        self._sample.on('click', self._run_sample)
        opens(self._form, lambda: self._choice.ask())
        self._show_choice()

    def _build_empty_cards(self) -> None:
        NextUp(self._room, 'em', is_large=True)
        with Card('Log', 'em') as self._log:
            self._log_body = el('div', 'em-body')
        self._show_log()
        with (
            Card('Your own steps', 'em'),
            empty(
                'Bring your script',
                'A Python class or a shell command becomes a pipeline. Its inputs become a form.',
                'terminal',
            ),
        ):
            el('a', 'sy-btn is-sm', 'Create a pipeline', href='/pipelines')

    def _show_choice(self) -> None:
        info = self._choice.info
        if info is None:
            return
        is_sample = info.name == SAMPLE_PIPELINE
        self._about.set_text(selected_words(info))
        self._give.set_text(file_words(info))
        self._sample.set_visibility(is_sample)
        self._form.set_visibility(not is_sample)
        self._choice.describe(self._zone)
        self._show_place()

    # The preview, or the run itself

    def _on_run(self, message: RunChanged) -> None:
        if message.moved:
            self._show_place()
            self._show_log()

    def _show_place(self) -> None:
        live = self._room.runs.live()
        what = 'run' if live else self._choice.pipeline
        if self._place is None or self._placed == what:
            return
        self._placed = what
        self._place.clear()
        with self._place:
            CurrentRun(self._room, None) if live else self._preview()

    def _preview(self) -> None:
        info = self._choice.info
        with el('section', 'glass-card ghost', aria_label='What will happen'):
            with el('div', 'sy-x'):
                el('h2', text='What will happen')
                el('span', 'sy-grow')
                el('span', 'sy-cap', 'Each step lights up here while it runs')
            if info is not None:
                texts = PROMISES if info.name == SAMPLE_PIPELINE else {}
                preview(info.steps, texts)

    def _show_log(self) -> None:
        has_lines = bool(self._room.runs.live())
        if self._has_lines is has_lines:
            return
        self._has_lines = has_lines
        self._log_body.clear()
        with self._log_body:
            if has_lines:
                LogTail(self._room, rows=9)
            else:
                text = 'Every step writes here. The first line shows up as soon as a run starts.'
                with empty('No lines yet', text, 'logs'):
                    test = button('Write a test line', small=True)
                    test.on('click', self._write_line)

    def _write_line(self) -> None:
        entry = self._room.log.append(Level.INFO, 'A test line', source='test')
        say(f'Written as line {entry.seq}. You can see it on the Logs page.', kind='success')

    # The sample

    async def _run_sample(self) -> None:
        if self._is_making:
            return
        self._is_making = True
        set_props(self._sample, disabled=True)
        say('Making a 12-second video first.')
        try:
            await attempt(self._sample_run())
        finally:
            self._is_making = False
            if not self.is_deleted:
                set_props(self._sample, disabled=None)

    async def _sample_run(self) -> None:
        folder = self._room.settings.data / 'sample'
        video = folder / 'sample-video.mp4'
        if not await asyncio.to_thread(video.is_file):
            await asyncio.to_thread(make_sample_video, video)
        await self._room.runs.create(
            SAMPLE_PIPELINE, {'video': str(video)}, profile=self._choice.profile_id, because='the sample button'
        )


NUMBERS = {2: 'two', 3: 'three', 4: 'four', 5: 'five', 6: 'six'}


def selected_words(info: PipelineInfo) -> str:
    """Return what the first step says about the selected pipeline."""
    count = len(info.steps)
    steps = f'its {NUMBERS.get(count, count)} steps' if count > 1 else 'its step'
    return f'{info.title} is selected. You can look at {steps} or write your own later.'


def file_words(info: PipelineInfo) -> str:
    """Return what the second step says: how to give the selected pipeline what it needs."""
    if info.name == SAMPLE_PIPELINE:
        return 'Drop a video on the right, or use the one we make for you (12 s, 3 MB).'
    return 'Drop a file on the right, or fill in its form.' if file_parameter(info) else 'Fill in its form.'


@contextmanager
def _step(number: str, title: str, look: str) -> Iterator[tuple[TextElement, TextElement]]:
    """Draw a numbered step; yields its line of text and the place for its buttons."""
    with el('li', f'os {look}'):
        el('span', 'on', number)
        with el('div', 'sy-grow'):
            el('b', text=title)
            yield el('p', 'sy-cap'), el('div', 'sy-x os-do')
