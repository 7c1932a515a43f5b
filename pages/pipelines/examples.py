"""Pipelines to begin with: one press copies the file into the folder, where it is one's own."""

import asyncio

from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, el, opens
from pages.parts.scope import Scope
from pages.runs.run_form import open_run_form
from synapse.catalog.catalog import PipelinesChanged
from synapse.catalog.examples import EXAMPLES, Example, copy_example
from synapse.control_room import ControlRoom
from synapse.language import _, translated


class Examples(Scope):
    """What there is; an example that has been copied offers to run it."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('section')
        self._room = room
        self._shown: dict[str, str] = {}
        self.classes('glass-card examples')
        self.props['aria-label'] = _('Start from an example')
        self.follow(room.bus, PipelinesChanged, lambda message: self._show())
        self._show()

    def _show(self) -> None:
        copied = {
            file: info.name
            for info in self._room.catalog.all()
            for file in [(info.origin or info.source).replace('\\', '/').rpartition('/')[2]]
            if not info.is_built_in and info.is_runnable
        }
        if copied == self._shown and self.default_slot.children:
            return
        self._shown = copied
        self.clear()
        with self:
            el('h2', text=_('Start from an example'))
            el('p', 'sy-2', _('The file is copied into your folder. Run it as it is, or open it in an editor.'))
            with el('ul', 'nx'):
                for example in EXAMPLES:
                    self._draw(example, copied.get(example.file))

    def _draw(self, example: Example, pipeline: str | None) -> None:
        title = translated(example.title)
        with el('li', 'is-done' if pipeline else ''):
            with el('b', 'sy-x'):
                if pipeline:
                    Glyph('succeeded', size=14)
                el('span', text=title)
            el('p', 'sy-cap', translated(example.purpose))
            with el('div', 'sy-x'):
                if pipeline:
                    words = _('Run it')
                    run = button(words, icon_name='play', small=True, aria_label=f'{words}: {title}')
                    opens(run, lambda: open_run_form(self._room, pipeline=pipeline))
                else:
                    copy = button(
                        _('Copy'), icon_name='plus', small=True, aria_label=_('Copy {file}', file=example.file)
                    )
                    copy.on('click', lambda: attempt(self._copy(example)))
                if example.needs:
                    el('span', 'sy-cap', _('needs {program}', program=example.needs))

    async def _copy(self, example: Example) -> None:
        await asyncio.to_thread(copy_example, example, self._room.settings.data / 'pipelines')
