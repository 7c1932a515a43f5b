"""All pipelines: what they do, what they take, what is wrong with those that have an error; and the watch folders."""

import re
from collections.abc import Mapping
from typing import Any

from pages.parts.cards import card_name, guide_link, set_props
from pages.parts.html import Glyph, button, copy_button, el, icon, opens, prose
from pages.parts.scope import Scope
from pages.parts.words import color_class, kinds_of, limits_of, run_words
from pages.runs.run_form import open_run_form
from pages.scheduler.event.dialog import open_event_dialog
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.catalog.first_file import EXAMPLE
from synapse.catalog.info import title_of_field
from synapse.control_room import ControlRoom
from synapse.language import N_, _, _n, _p, spoken, translated
from synapse.language.formats import number

from .examples import Examples
from .record import RecordFacts
from .watch_folders import WatchFolders

HOW_TO = N_(
    'Save a file like this one in the folder below. It appears here within a second, with a form made from its fields. '
    'Its methods marked @step run in order, and a retry can start from any of them.'
)


def pipelines_page(room: ControlRoom) -> None:
    """Draw the page; a file saved in the folder appears within a second."""
    with Scope().classes('sy-page') as scope, el('div', 'pipes-page'):
        cards = el('div', 'pipes')
        shown: dict[str, tuple[PipelineInfo, Any]] = {}

        def draw() -> None:
            # Only cards that changed are redrawn, so that an open traceback in another one stays open.
            infos = room.catalog.all()
            for name in shown.keys() - {info.name for info in infos}:
                shown.pop(name)[1].delete()
            for place, info in enumerate(infos):
                known = shown.get(info.name)
                if known is None or known[0] != info:
                    if known is not None:
                        known[1].delete()
                    with cards:
                        shown[info.name] = (info, _card(room, info))
                shown[info.name][1].move(cards, place)

        scope.follow(room.bus, PipelinesChanged, lambda _: draw())
        draw()
        WatchFolders(room)
        Examples(room)
        _how_to(room)


def _card(room: ControlRoom, info: PipelineInfo) -> Any:
    title = info.title
    with el('section', f'glass-card pipe {color_class(info)}', aria_label=title) as card:
        with el('div', 'sy-x'):
            el('i', 'sy-pdot')
            card_name(title, info.name if info.title != info.name else '', href=f'/pipelines/{info.name}')
            draw_acts(room, info)
        draw_about(info)
        draw_facts(info)
        if info.is_runnable:
            RecordFacts(room, info.name)
    return card


def draw_acts(room: ControlRoom, info: PipelineInfo) -> None:
    """Draw the buttons Plan and Run, if the pipeline can run."""
    if info.is_runnable:
        title = info.title
        plan = button(_p('verb', 'Plan'), icon_name='calendar', kind='ghost', small=True)
        set_props(plan, aria_label=_('Plan a run of {title}', title=title))
        opens(plan, lambda: open_event_dialog(room, pipeline=info.name))
        run = button(_('Run'), icon_name='play', small=True, aria_label=run_words(title))
        opens(run, lambda: open_run_form(room, pipeline=info.name))


def draw_about(info: PipelineInfo) -> None:
    """Draw what is wrong with a pipeline, what it does, and its steps."""
    if info.error is not None:
        _problem(info, info.error)
    if info.description:
        prose('p', 'sy-2 about', unwrapped(info.description))
    if info.steps:
        with el('ol', 'steps', aria_label=_('Steps')):
            for step in info.steps:
                with el('li', 'sy-tag sy-mono', title=_about(step)):
                    el('span', text=str(step['title']))
                    if step.get('retries'):
                        icon('retry', size=11)


def draw_facts(info: PipelineInfo) -> None:
    """Draw what a pipeline takes and asks for, its limits and its file."""
    with el('dl', 'facts'):
        for name, value in _facts(info):
            el('dt', text=name)
            accepted = ', '.join(info.accepts) if name == _('Takes') else None
            el('dd', 'sy-mono' if name == _('File') else '', value, title=accepted)


def _problem(info: PipelineInfo, error: Mapping[str, Any]) -> None:
    with el('div', 'run-why st-failed', role='alert'):
        with el('span', 'wi'):
            Glyph('failed', size=16)
        with el('div', 'sy-grow'):
            el('b', text=spoken(error.get('message') or _('This file cannot be read.')))
            if file := error.get('file'):
                line = error.get('line')
                el('p', 'sy-mono', _('{file}, line {line}', file=file, line=line) if line else str(file))
            el('p', text=way_out(info))
            if error.get('traceback'):
                with el('details'):
                    el('summary', text=_('Traceback'))
                    el('pre', text=str(error['traceback']))


def way_out(info: PipelineInfo) -> str:
    """Return what to do about a file with an error, and what runs until then."""
    if info.is_runnable:
        return _('Its last good version still runs. Fix the file and it takes over at once.')
    return _('Fix the file and the pipeline appears here at once.')


def _about(step: Mapping[str, Any]) -> str:
    parts = [str(step['name'])]
    if step.get('retries'):
        parts.append(_n('{count} retries', '{count} retries', step['retries']))
    if step.get('timeout'):
        parts.append(_('at most {seconds} s', seconds=number(step['timeout'])))
    return ', '.join(parts)


def _facts(info: PipelineInfo) -> list[tuple[str, str]]:
    required = info.schema.get('required', [])
    titles = {name: title_of_field(name, field) for name, field in info.schema.get('properties', {}).items()}
    names = [_('{name} (required)', name=title) if name in required else title for name, title in titles.items()]
    facts = [
        (_('Takes'), kinds_of(info.accepts) if info.accepts else ''),
        (_('Asks for'), ', '.join(names)),
        (_('At once'), _('{count} at most', count=info.max_parallel) if info.max_parallel else ''),
        (_('Limits'), ', '.join(limits_of(info.limits))),
        (_('File'), _('built in') if info.is_built_in else info.origin or info.source),
    ]
    return [(name, value) for name, value in facts if value]


def _how_to(room: ControlRoom) -> None:
    folder = room.settings.data / 'pipelines'
    with el('section', 'glass-card pipe-new', aria_label=_('Create a pipeline')):
        with el('div', 'words'):
            el('h2', text=_('Create a pipeline'))
            el('p', 'sy-2', translated(HOW_TO))
            el('p', 'sy-mono sy-2 where', str(folder / 'hello.py'))
            with el('div', 'sy-x'):
                copy_button(_('Copy the folder'), str(folder))
                copy_button(_('Copy the example'), EXAMPLE)
                guide_link('write-a-pipeline')
        el('pre', 'code', EXAMPLE)


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, which a docstring breaks for its editor; lists and indented lines stay."""
    return re.sub(r'(?<=\S)\n(?=[^\s*\-+•])', ' ', text)
