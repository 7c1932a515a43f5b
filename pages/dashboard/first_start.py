"""The first start: three steps to a first run and a preview of it; once that run has ended, the dashboard follows."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.logs.tail import LogTail
from pages.parts.cards import Card, empty, guide_link, set_props
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
from synapse.language import N_, Words, _, translated
from synapse.log.log import Level
from synapse.runs import causes
from synapse.runs.messages import RunChanged

from .current_run import CurrentRun
from .next_up import NextUp

SAMPLE_PIPELINE = 'PublishVideo'
PROMISES = Words(
    {
        'ingest': N_('Checks and copies the file'),
        'caption': N_('Writes subtitles'),
        'render': N_('Builds the final video'),
        'publish': N_('Saves to a local folder'),
    }
)
BECAUSE = causes.SAMPLE


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
        with el('section', 'glass-card hero', aria_label=_('First run')):
            with el('div', 'hl'):
                el('h2', text=_('Your first run takes about a minute'))
                el(
                    'p',
                    'sy-2',
                    _('A sample pipeline is ready. Nothing leaves this machine: the sample publishes to a folder.'),
                )
                with el('ol', 'ol'):
                    with _step('1', _('Pick a pipeline'), 'done') as (about, choice):
                        self._about = about
                        with choice:
                            self._choice = Choice(self._room, self._show_choice)
                            el('a', 'sy-btn is-sm is-ghost', _('See its steps'), href='/pipelines')
                    with _step('2', _('Give it a file'), 'now') as (about, files):
                        self._give = about
                        with files:
                            self._sample = button(_('Run with the sample video'), icon_name='play', kind='primary')
                            self._form = button(_('Fill in and run'), icon_name='play', kind='primary')
                            with el('span', 'sy-cap is-wide-only'):
                                el('span', text=_('or press') + ' ')
                                el('span', 'sy-kbd', 'R')
                            guide_link('first-run')
                    with _step('3', _('Watch it, then plan it'), '') as (about, __):
                        about.set_text(
                            _(
                                'Steps and log lines appear the moment they happen. '
                                'When it works, put it on the calendar.'
                            )
                        )
            self._zone = UploadZone(self._room.settings.max_upload_bytes, self._choice.start, classes='hz')
        self._sample.on('click', self._run_sample)
        opens(self._form, lambda: self._choice.ask())
        self._show_choice()

    def _build_empty_cards(self) -> None:
        NextUp(self._room, 'em', is_large=True)
        with Card(_('Log'), 'em') as self._log:
            self._log_body = el('div', 'em-body')
        self._show_log()
        with (
            Card(_('Your own steps'), 'em'),
            empty(
                _('Bring your script'),
                _('A Python class or a shell command becomes a pipeline. Its inputs become a form.'),
                'terminal',
            ),
        ):
            el('a', 'sy-btn is-sm', _('Create a pipeline'), href='/pipelines')

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
        with el('section', 'glass-card ghost', aria_label=_('What will happen')):
            with el('div', 'sy-x'):
                el('h2', text=_('What will happen'))
                el('span', 'sy-grow')
                el('span', 'sy-cap', _('Each step lights up here while it runs'))
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
                text = _('Every step writes here. The first line shows up as soon as a run starts.')
                with empty(_('No lines yet'), text, 'logs'):
                    test = button(_('Write a test line'), small=True)
                    test.on('click', self._write_line)

    def _write_line(self) -> None:
        entry = self._room.log.append(Level.INFO, _('A test line'), source='test')
        say(_('Written as line {number}. You can see it on the Logs page.', number=entry.seq), kind='success')

    # The sample

    async def _run_sample(self) -> None:
        if self._is_making:
            return
        self._is_making = True
        set_props(self._sample, disabled=True)
        say(_('Making a 12-second video first.'))
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
            SAMPLE_PIPELINE, {'video': str(video)}, profile=self._choice.profile_id, because=BECAUSE
        )


# Translators: so many steps
NUMBERS = {2: N_('two'), 3: N_('three'), 4: N_('four'), 5: N_('five'), 6: N_('six')}


def selected_words(info: PipelineInfo) -> str:
    """Return what the first step says about the selected pipeline."""
    title, count = info.title, len(info.steps)
    if count < 2:
        return _('{pipeline} is selected. You can look at its step or write your own later.', pipeline=title)
    number = translated(NUMBERS.get(count, str(count)))
    return _(
        '{pipeline} is selected. You can look at its {number} steps or write your own later.',
        pipeline=title,
        number=number,
    )


def file_words(info: PipelineInfo) -> str:
    """Return what the second step says: how to give the selected pipeline what it needs."""
    if info.name == SAMPLE_PIPELINE:
        return _('Choose a video of yours, or use the one we make for you (12 s, 3 MB).')
    return _('Choose a file, or fill in its form.') if file_parameter(info) else _('Fill in its form.')


@contextmanager
def _step(number: str, title: str, look: str) -> Iterator[tuple[TextElement, TextElement]]:
    """Draw a numbered step; yields its line of text and the place for its buttons."""
    with el('li', f'os {look}'):
        el('span', 'on', number)
        with el('div', 'sy-grow'):
            el('b', text=title)
            yield el('p', 'sy-cap'), el('div', 'sy-x os-do')
