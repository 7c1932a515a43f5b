"""All pipelines: what they do, what they take, and what is wrong with those that are broken."""

from synapse.bus import PipelinesChanged
from synapse.catalog import PipelineInfo
from synapse.control_room import ControlRoom

from .parts.html import button, el, icon
from .parts.run_form import open_run_form
from .parts.scope import Scope

EXAMPLE = """from synapse import Pipeline, Run, step


class Hello(Pipeline):
    \"\"\"Greet somebody, slowly.\"\"\"

    name: str = 'world'

    @step
    def greet(self, run: Run) -> None:
        run.shell(['sleep', '1'])
        run.log.success(f'Hello, {self.name}')
"""


def pipelines_page(room: ControlRoom) -> None:
    """The page; a file saved in the folder shows here within a second."""
    with Scope().classes('sy-page') as scope:
        cards = el('div', 'cards')

        def draw() -> None:
            cards.clear()
            with cards:
                for info in room.catalog.list():
                    _card(room, info)
                _how_to(room)

        scope.follow(room.bus, PipelinesChanged, lambda _: draw())
        draw()


def _card(room: ControlRoom, info: PipelineInfo) -> None:
    with el('section', f'glass-card p{info.color_index % 6 + 1}', aria_label=info.title):
        with el('div', 'sy-x'):
            el('i', 'sy-pdot')
            el('h2', 'sy-grow', info.title)
            if info.is_runnable:
                run = button('Run', icon_name='play', small=True, aria_label=f'Run {info.title}')
                run.on('click', lambda: open_run_form(room, pipeline=info.name))
        if info.description:
            el('p', 'sy-2', info.description)
        if info.error is not None:
            with el('div', 'problem', role='alert'):
                icon('alert')
                with el('div').style('min-width:0'):
                    el('b', text=str(info.error.get('message', 'This file cannot be read.')))
                    line = info.error.get('line')
                    el('p', 'sy-cap sy-mono', f'{info.error.get("file")}' + (f':{line}' if line else ''))
                    if info.is_runnable:
                        el('p', 'sy-2', 'The last good version stays runnable.')
                    if traceback := info.error.get('traceback'):
                        with el('details'):
                            el('summary', 'sy-cap', 'Traceback')
                            el('pre', text=str(traceback))
        with el('div', 'chips'):
            for step in info.steps:
                el('span', 'sy-tag sy-mono', str(step['title']))
        takes = f'Takes {", ".join(info.accepts)}. ' if info.accepts else ''
        el('p', 'sy-cap', takes + (f'From {info.source}' if info.source != 'built-in' else 'Built in'))


def _how_to(room: ControlRoom) -> None:
    with el('section', 'glass-card', aria_label='Create a pipeline'):
        el('h2', text='Create a pipeline')
        el('p', 'sy-2', 'Save a file like this one; it shows here within a second, with a form made from its fields.')
        el('p', 'sy-cap sy-mono', str(room.settings.data / 'pipelines' / 'hello.py')).style('overflow-wrap:anywhere')
        el('pre', 'code', EXAMPLE)
