"""The command palette: pages, runs, pipelines and commands behind one box."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from synapse.control_room import ControlRoom

from .dialogs import attempt
from .html import el, icon
from .run_form import open_run_form
from .words import title_of

MOST = 8
PAGES = (
    ('Dashboard', '/', 'G 1'),
    ('Runs', '/runs', 'G 2'),
    ('Logs', '/logs', 'G 3'),
    ('Scheduler', '/scheduler', 'G 4'),
    ('Pipelines', '/pipelines', 'G 5'),
    ('Profiles', '/profiles', 'G 6'),
    ('Settings', '/settings', 'G 7'),
)


@dataclass(frozen=True)
class Command:
    """One row: its words, its icon, its shortcut, and what it does."""

    words: str
    icon: str
    keys: str
    do: Callable[[], Any]


def open_palette(room: ControlRoom) -> None:
    """Ask what to do; Enter does the first, arrows choose another."""
    Palette(room)


class Palette:
    def __init__(self, room: ControlRoom) -> None:
        self.room = room
        self.found: list[Command] = []
        self.chosen = 0
        with (
            ui.dialog().props('position=top') as self.dialog,
            el('section', 'sy-dialog is-wide', aria_label='Commands').style('margin-top:12vh'),
        ):
            self.box = ui.input(placeholder='Search or run a command').props('autofocus dense borderless')
            self.box.classes('sy-control').props('aria-label="Search or run a command"')
            self.list = el('div', 'sy-menu', role='listbox', aria_label='Results')
        self.box.on_value_change(lambda event: self._search(event.value or ''))
        self.box.on('keydown.enter', lambda: self._do(self.chosen))
        self.box.on('keydown.down', lambda: self._choose(self.chosen + 1))
        self.box.on('keydown.up', lambda: self._choose(self.chosen - 1))
        self.dialog.on('hide', self.dialog.delete)
        self._search('')
        self.dialog.open()

    def _search(self, text: str) -> None:
        words = text.lower().split()
        self.found = [c for c in self._commands() if all(word in c.words.lower() for word in words)][:MOST]
        self._choose(0)

    def _choose(self, index: int) -> None:
        self.chosen = max(0, min(index, len(self.found) - 1))
        self.list.clear()
        with self.list:
            for number, command in enumerate(self.found):
                row = el('div', 'sy-x', role='option', tabindex='-1').style('cursor:pointer')
                row.props['aria-selected'] = str(number == self.chosen).lower()
                if number == self.chosen:
                    row.style('background:var(--cmd-active)')
                with row:
                    icon(command.icon, size=15)
                    el('span', 'sy-grow sy-ell', command.words)
                    if command.keys:
                        el('span', 'sy-kbd', command.keys)
                row.on('click', lambda number=number: self._do(number))
            if not self.found:
                el('span', 'cap', 'Nothing matches. Try a page, a pipeline or a run number.')

    async def _do(self, index: int) -> None:
        if not self.found:
            return
        command = self.found[index]
        self.dialog.close()
        result = command.do()
        if isinstance(result, Awaitable):
            await attempt(result)

    def _commands(self) -> Iterator[Command]:
        runs, status = self.room.runs, self.room.status
        for words, target, keys in PAGES:
            yield Command(words, 'arrright', keys, lambda target=target: ui.navigate.to(target))
        for info in self.room.catalog.list():
            if info.is_runnable:
                yield Command(
                    f'Run {info.title}', 'play', '', lambda name=info.name: open_run_form(self.room, pipeline=name)
                )
        for run in [*runs.live(), *runs.waiting()]:
            target = f'/runs/{run.number}'
            yield Command(f'#{run.number} {title_of(self.room, run)}', 'runs', '', lambda t=target: ui.navigate.to(t))
        if status.queue_paused:
            yield Command('Resume queue', 'play', '', runs.resume_queue)
        else:
            yield Command('Pause queue', 'pause', '', lambda: runs.pause_queue('the palette'))
        yield Command('Light or dark', 'sun', '', lambda: ui.run_javascript('window.synapse.toggleTheme()') and None)
