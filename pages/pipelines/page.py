"""All pipelines: what they do, what they take, and what is wrong with those that have an error."""

import re
from collections.abc import Mapping
from typing import Any

from pages.parts.html import Glyph, button, copy_button, el, icon, opens, prose
from pages.parts.scope import Scope
from pages.parts.words import kinds_of
from pages.runs.run_form import open_run_form
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.control_room import ControlRoom

EXAMPLE = '''from synapse import Pipeline, Run, step


class Hello(Pipeline):
    """Greet someone, slowly."""

    name: str = 'world'

    @step
    def greet(self, run: Run) -> None:
        run.shell(['sleep', '1'])
        run.log.success(f'Hello, {self.name}')
'''
HOW_TO = (
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
        _how_to(room)


def _card(room: ControlRoom, info: PipelineInfo) -> Any:
    with el('section', f'glass-card pipe p{info.color_index % 6 + 1}', aria_label=info.title) as card:
        with el('div', 'sy-x'):
            el('i', 'sy-pdot')
            el('h2', 'sy-ell', info.title)
            el('span', 'sy-cap sy-mono sy-grow sy-ell', info.name if info.title != info.name else '')
            if info.is_runnable:
                run = button('Run', icon_name='play', small=True, aria_label=f'Run {info.title}')
                opens(run, lambda: open_run_form(room, pipeline=info.name))
        if info.error is not None:
            _problem(info, info.error)
        if info.description:
            prose('p', 'sy-2 about', unwrapped(info.description))
        if info.steps:
            with el('ol', 'steps', aria_label='Steps'):
                for step in info.steps:
                    with el('li', 'sy-tag sy-mono', title=_about(step)):
                        el('span', text=str(step['title']))
                        if step.get('retries'):
                            icon('retry', size=11)
        with el('dl', 'facts'):
            for name, value in _facts(info):
                el('dt', text=name)
                title = ', '.join(info.accepts) if name == 'Takes' else None
                el('dd', 'sy-mono' if name == 'File' else '', value, title=title)
    return card


def _problem(info: PipelineInfo, error: Mapping[str, Any]) -> None:
    with el('div', 'run-why st-failed', role='alert'):
        with el('span', 'wi'):
            Glyph('failed', size=16)
        with el('div', 'sy-grow'):
            el('b', text=str(error.get('message') or 'This file cannot be read.'))
            line = f', line {error["line"]}' if error.get('line') else ''
            if error.get('file'):
                el('p', 'sy-mono', f'{error["file"]}{line}')
            el('p', text=way_out(info))
            if error.get('traceback'):
                with el('details'):
                    el('summary', text='Traceback')
                    el('pre', text=str(error['traceback']))


def way_out(info: PipelineInfo) -> str:
    """Return what to do about a file with an error, and what runs until then."""
    if info.is_runnable:
        return 'Its last good version still runs. Fix the file and it takes over at once.'
    return 'Fix the file and the pipeline appears here at once.'


def _about(step: Mapping[str, Any]) -> str:
    parts = [str(step['name'])]
    if step.get('retries'):
        parts.append(f'{step["retries"]} retries')
    if step.get('timeout'):
        parts.append(f'at most {step["timeout"]:g} s')
    return ', '.join(parts)


def _facts(info: PipelineInfo) -> list[tuple[str, str]]:
    required = info.schema.get('required', [])
    names = [f'{name} (required)' if name in required else name for name in info.schema.get('properties', {})]
    facts = [
        ('Takes', kinds_of(info.accepts) if info.accepts else ''),
        ('Asks for', ', '.join(names)),
        ('At once', f'{info.max_parallel} at most' if info.max_parallel else ''),
        ('File', 'built in' if info.is_built_in else info.origin or info.source),
    ]
    return [(name, value) for name, value in facts if value]


def _how_to(room: ControlRoom) -> None:
    folder = room.settings.data / 'pipelines'
    with el('section', 'glass-card pipe-new', aria_label='Create a pipeline'):
        with el('div', 'words'):
            el('h2', text='Create a pipeline')
            el('p', 'sy-2', HOW_TO)
            el('p', 'sy-mono sy-2 where', str(folder / 'hello.py'))
            with el('div', 'sy-x'):
                copy_button('Copy the folder', str(folder))
                copy_button('Copy the example', EXAMPLE)
        el('pre', 'code', EXAMPLE)


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, which a docstring breaks for its editor; lists and indented lines stay."""
    return re.sub(r'(?<=\S)\n(?=[^\s*\-+•])', ' ', text)
