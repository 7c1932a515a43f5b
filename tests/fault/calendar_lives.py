"""Lives of a calendar that end by kill -9: `python -m tests.fault.calendar_lives FOLDER LIVES SEED`.

Each life is a process of its own that plans, changes and deletes events which fall due every second, while what is
due is accounted for. It notes what was acknowledged, line by line, in FOLDER/acknowledged.jsonl. The queue is paused,
so that what is tried is the calendar and not the pipelines.
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage import documents
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.settings import Settings

POLICIES: tuple[Mapping[str, Any], ...] = (
    {'policy': 'latest'},
    {'policy': 'skip'},
    {'policy': 'all', 'limit': 5},
)


async def opened(folder: Path, **values: Any) -> ControlRoom:
    """The room with everything that a calendar needs, and no worker.

    :param values: of `ControlRoom.build`, such as a clock
    """
    room = ControlRoom.build(Settings(data=folder, workers=1, min_free_bytes=0), **values)
    await room.log.start()
    await room.profiles.start()
    await room.catalog.start()
    await room.runs.start()
    await room.runs.pause_queue()
    await room.calendar.start()
    return room


async def closed(room: ControlRoom) -> None:
    """Stop such a room properly."""
    await room.calendar.stop()
    await room.runs.stop(grace=0)
    await room.catalog.stop()
    await room.engine.close()
    await room.log.stop()
    room.calendar.close()
    room.history.close()
    room.preferences.close()


class Life:
    """Edits the calendar until it is killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._chance = random.Random(seed)  # noqa: S311 - a test, not a secret
        self._acknowledged = os.open(folder / 'acknowledged.jsonl', os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def live(self, ready: int) -> None:
        self._room = await opened(self._folder)
        os.write(ready, b'1')
        while True:
            doings = (self._plan, self._plan, self._plan_series, self._change, self._delete_one, self._move)
            try:
                await self._chance.choice(doings)()
            except SynapseError as error:
                self._say('refused', code=error.code)

    async def _plan(self) -> None:
        start = datetime.now(UTC) + timedelta(seconds=self._chance.uniform(0.7, 2.5))
        await self._create(start, None)

    async def _plan_series(self) -> None:
        start = datetime.now(UTC) + timedelta(seconds=self._chance.uniform(0.7, 2.5))
        await self._create(start, self._chance.choice(['FREQ=DAILY', 'FREQ=MINUTELY', 'FREQ=MINUTELY;COUNT=3']))

    async def _create(self, start: datetime, rule: str | None) -> None:
        event = await self._room.editor.create(
            {
                'pipeline': 'RunCommand',
                'parameters': {'command': ['true']},
                'start': start.replace(tzinfo=None, microsecond=0).isoformat(),
                'timezone': 'UTC',
                'rrule': rule,
                'misfire': self._chance.choice(POLICIES),
                'overlap': self._chance.choice(['skip', 'queue', 'allow']),
            }
        )
        self._say('created', event.id, title=event.title, start=event.start.isoformat(), rule=rule)

    async def _change(self) -> None:
        for event in self._some():
            title = f'title {self._chance.random()}'
            self._say('changing', event.id, title=title)
            await self._room.editor.update(event.id, {'title': title})
            self._say('changed', event.id, title=title)

    async def _delete_one(self) -> None:
        for event in self._some()[:1]:
            self._say('deleting', event.id)
            await self._room.editor.delete(event.id)
            self._say('deleted', event.id)

    async def _move(self) -> None:
        for event in self._some()[:1]:
            due = next(iter(self._room.calendar.next_due(event.id, 1)), None)
            if due is not None:
                to = datetime.now(UTC).astimezone(_zone(self._room)) + timedelta(seconds=2)
                scope = self._chance.choice(['one', 'following', 'all'])
                self._say('moving', event.id)
                await self._room.editor.move(event.id, due, to.replace(tzinfo=None), scope=scope)  # type: ignore[arg-type]
                self._say('moved', event.id)

    def _some(self) -> Any:
        events = self._room.calendar.events()
        return self._chance.sample(list(events), min(3, len(events)))

    def _say(self, what: str, event: str = '', **more: Any) -> None:
        line = json.dumps({'what': what, 'event': event, 'at': datetime.now(UTC).isoformat(), **more})
        os.write(self._acknowledged, line.encode() + b'\n')


def _zone(room: ControlRoom) -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo(room.calendar.zone)


def main(folder: Path, lives: int, seed: int) -> None:
    """Start this many lives, one after another, and end each at a random moment."""
    chance = random.Random(seed)  # noqa: S311
    documents.SETTLE_SECONDS = 0.05  # a life is too short for more
    folder.mkdir(parents=True, exist_ok=True)
    for life in range(lives):
        reading, ready = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(Life(folder, seed * 1000 + life).live(ready))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.close(ready)
        # One life in four is killed during startup, while it accounts for what it missed.
        if chance.random() < 0.75:
            os.read(reading, 1)
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reading)
        if not os.WIFSIGNALED(status):
            sys.exit(f'life {life} ended by itself')


if __name__ == '__main__':
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
