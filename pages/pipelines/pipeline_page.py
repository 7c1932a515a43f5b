"""One pipeline: what it does, the form of its runs, how the last ones went, what comes next, its file and colour."""

import uuid

from nicegui import ui

from pages.parts.cards import Card, card_name, empty, set_props
from pages.parts.controls import Picker
from pages.parts.html import button, copy_button, el
from pages.parts.scope import Scope
from pages.parts.words import color_class
from pages.runs.run_form import RunForm, start_with_form
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.catalog.colors import COLOR_WORDS
from synapse.control_room import ControlRoom
from synapse.language import _

from .page import draw_about, draw_acts, draw_facts
from .record import ComingRuns, PastRuns, RecordFacts


def pipeline_page(room: ControlRoom, name: str) -> None:
    """Draw the page; what changes in its file shows within a second.

    :param name: of the class, or of a file that has none
    """
    with Scope().classes('sy-page') as scope:
        shown: list[PipelineInfo | None] = []

        def draw() -> None:
            info = room.catalog.find(name)
            if shown == [info]:
                return
            shown[:] = [info]
            scope.clear()
            with scope:
                if info is None:
                    _missing(name)
                else:
                    _draw(room, info)

        scope.follow(room.bus, PipelinesChanged, lambda _: draw())
        draw()


def _missing(name: str) -> None:
    title = _('No pipeline is called {name!r}.', name=name)
    text = _('Its file may have been removed or renamed. Runs of it are kept.')
    with el('section', 'glass-card em is-page'), empty(title, text, 'alert'), el('span', 'sy-x'):
        el('a', 'sy-btn is-sm', _('All pipelines'), href='/pipelines')


def _draw(room: ControlRoom, info: PipelineInfo) -> None:
    title = info.title
    ui.page_title(f'{title} · Synapse')
    with el('div', 'pipe-page'):
        with el('section', f'glass-card pipe {color_class(info)}', aria_label=title):
            with el('div', 'sy-x'):
                el('i', 'sy-pdot')
                card_name(title, info.name if info.title != info.name else '')
                draw_acts(room, info)
            draw_about(info)
            draw_facts(info)
            if info.is_runnable:
                RecordFacts(room, info.name)
            with el('div', 'sy-x pipe-own'):
                _draw_color(room, info)
                if info.origin is not None:
                    copy_button(_('Copy the path of the file'), info.origin)
        if info.is_runnable:
            _FormCard(room, info)
            ComingRuns(room, info.name)
        PastRuns(room, info.name)


def _draw_color(room: ControlRoom, info: PipelineInfo) -> None:
    options = {'': _('Automatic')} | dict(COLOR_WORDS.items())
    chosen = room.catalog.colors.chosen.get(info.name, '')
    el('span', 'sy-cap', _('Colour'))
    Picker(options, chosen, label=_('Colour'), changed=lambda color: room.choose_color(info.name, color))


class _FormCard(Card):
    """The form of its runs, filled with the defaults of the profile."""

    def __init__(self, room: ControlRoom, info: PipelineInfo) -> None:
        super().__init__(_('Form'), 'pipe-form')
        self._room, self._key = room, uuid.uuid4().hex
        profiles = {item.id: item.label for item in room.profiles.all()}
        self._profile = room.chosen[1] if room.chosen[1] in profiles else next(iter(profiles), '')
        with self.head:
            el('span', 'sy-grow')
            Picker(profiles, self._profile, label=_('Profile'), changed=self._switch_profile)
        with self, el('div', 'form-scroll'):
            self._form = RunForm(room, info, {}, self._profile or None, folds=True)
            with el('div', 'sy-x'):
                self._problem = el('span', 'sy-error sy-grow', role='alert')
                self._start = button(_('Run with these values'), icon_name='play')
        self._start.on('click', self._pressed)

    def _switch_profile(self, id: str) -> None:
        self._profile = id
        self._form.switch_profile(id or None)

    async def _pressed(self) -> None:
        set_props(self._start, disabled=True)
        self._problem.set_text('')
        run = await start_with_form(self._room, self._form, self._profile, self._key, self._problem)
        if run is not None:
            ui.navigate.to(f'/runs/{run.number}')
        elif not self._start.is_deleted:
            set_props(self._start, disabled=None)
