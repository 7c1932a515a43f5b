"""Real programs, run as `RunCommand` in a real control room: what was published meanwhile, and what is left of it."""

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.log.entry import Entry
from synapse.log.messages import LinesLogged
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord
from tests.parts.api_room import run_in

DEBIAN = {
    'borg': 'borgbackup',
    'curl': 'curl',
    'dd': 'coreutils',
    'exiftool': 'libimage-exiftool-perl',
    'ffmpeg': 'ffmpeg',
    'git': 'git',
    'make': 'make',
    'mawk': 'mawk',
    'perl': 'perl-base',
    'pv': 'pv',
    'restic': 'restic',
    'rsync': 'rsync',
    'wget': 'wget',
}
"""Programs, and the Debian package of each; `.ci/run` installs what is missing."""
PYTHON = {
    'aiohttp': 'aiohttp',
    'httpx': 'httpx',
    'pip': 'pip',
    'requests': 'requests',
    'rich': 'rich',
    'tqdm': 'tqdm',
    'yt_dlp': 'yt-dlp',
}
"""Modules, and the package of each; those that nothing else brings are in the extra `programs`."""


def need(*names: str) -> None:
    """Skip the test if one of these programs or modules is missing, and say how to get it; in CI the test fails."""
    for name in names:
        if name in PYTHON:
            is_there, how = find_spec(name) is not None, f'pip install {PYTHON[name]}'
        else:
            is_there, how = shutil.which(name) is not None, f'apt-get install {DEBIAN[name]}'
        if not is_there:
            (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)(f'{name} is missing: {how}')


def python_program(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the packages of the tests."""
    return [sys.executable, '-m', module, *arguments]


@dataclass
class Ran:
    """A run that has ended: its record, the entries in its log, and what was published while it ran."""

    run: RunRecord
    entries: list[Entry]
    """What is stored, oldest first, with the entries of the control room itself."""
    published: list[tuple[float, Entry]]
    """When each entry was published, in seconds since the run was created."""
    changes: list[tuple[float, RunRecord]]
    """When each change of the run was published, mere progress included."""
    news: list[tuple[float, Any]] = field(default_factory=list)
    """Messages of the kinds that the caller has named."""

    @property
    def state(self) -> str:
        return str(self.run.state)

    @property
    def error(self) -> str:
        """Message and hint of the run's error; empty if it succeeded."""
        return f'{self.run.error.message} {self.run.error.hint}'.strip() if self.run.error else ''

    @property
    def rows(self) -> list[Entry]:
        """The stored entries that the program printed."""
        return [entry for entry in self.entries if entry.source not in ('runs', 'execute')]

    @property
    def lines(self) -> list[str]:
        """The messages of `rows`."""
        return [entry.message for entry in self.rows]

    @property
    def progress(self) -> list[tuple[float, float, str]]:
        """Seconds, percent and note of each progress of its steps that was published."""
        seen: list[tuple[float, float, str]] = []
        for seconds, run in self.changes:
            for step in run.steps:
                if (step.progress or step.note) and (not seen or seen[-1][1:] != (step.progress, step.note)):
                    seen.append((seconds, step.progress, step.note))
        return seen


@dataclass
class Programs:
    """Runs programs in a control room, one after the other."""

    room: ControlRoom

    async def add(self, source: str) -> None:
        """Add a file with pipelines, and wait until they can be run."""
        names = re.findall(r'^class (\w+)\(Pipeline\)', source, flags=re.MULTILINE)
        news = asyncio.ensure_future(
            self.room.bus.next(PipelinesChanged, timeout=20, where=lambda message: names[0] in message.names)
        )
        await asyncio.sleep(0)  # so that it is subscribed before the file is there
        (self.room.settings.data / 'pipelines' / f'{names[0].lower()}.py').write_text(source)
        await news

    async def run(
        self,
        *command: str,
        timeout: float = 60,
        kinds: tuple[type[Any], ...] = (),
        meanwhile: Callable[[str], Coroutine[Any, Any, None]] | None = None,
        profile: str | None = None,
        **parameters: Any,
    ) -> Ran:
        """Run a command to its end.

        :param timeout: seconds in which it must end
        :param kinds: messages of the bus to collect in `news`
        :param meanwhile: called with the id of the run once it is created
        :param parameters: further ones of `RunCommand`, such as `terminal` or `cwd`
        """
        given = ({'command': list(command)} if command else {}) | parameters
        return await self.run_pipeline(
            'RunCommand', timeout=timeout, kinds=kinds, meanwhile=meanwhile, profile=profile, **given
        )

    async def run_pipeline(
        self,
        pipeline: str,
        *,
        timeout: float = 60,
        kinds: tuple[type[Any], ...] = (),
        meanwhile: Callable[[str], Coroutine[Any, Any, None]] | None = None,
        profile: str | None = None,
        **parameters: Any,
    ) -> Ran:
        """Run a pipeline of this control room to its end; the arguments are those of `run`."""
        begun = time.monotonic()
        published: list[tuple[float, Entry]] = []
        changes: list[tuple[float, RunRecord]] = []
        news: list[tuple[float, Any]] = []

        def since() -> float:
            return time.monotonic() - begun

        bus = self.room.bus
        undo = [
            bus.subscribe(LinesLogged, lambda message: published.extend((since(), item) for item in message.entries)),
            bus.subscribe(RunChanged, lambda message: changes.append((since(), message.run))),
            *(bus.subscribe(kind, lambda message: news.append((since(), message))) for kind in kinds),
        ]
        try:
            run = await self.room.runs.create(pipeline, parameters, profile=profile)
            if meanwhile is not None:
                await meanwhile(run.id)
            ended = await run_in(self.room, run.id, timeout=timeout)
        finally:
            for unsubscribe in undo:
                unsubscribe()
        entries = [entry async for page in self.room.log.pages(run=run.id) for entry in page]
        return Ran(
            ended,
            sorted(entries, key=lambda entry: entry.seq),
            [(at, entry) for at, entry in published if entry.run == run.id],
            [(at, change) for at, change in changes if change.id == run.id],
            news,
        )
