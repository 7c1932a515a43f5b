"""Order and numbers of the log, whoever talks, however batches fall, and however often it is stopped or killed.

A script of hypothesis is one folder with several lives. In each, producers of every kind talk at once, the disk
refuses or dawdles for a while, old entries are forgotten, and people open views; then it is stopped, or it is killed
and loses what was not saved yet.
"""

import asyncio
import contextlib
import logging
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.files import DiskFull
from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.log import writer as log_writer
from synapse.log.handler import LogHandler
from synapse.log.log import Entry, Level, Log
from synapse.log.messages import LinesLogged, LogCleared

PAGE = 7
MOST_CLEARED = 70
"""Percentage of the numbers so far; above 100 means everything."""
RINGS = (50, 5_000)
MOMENT = timedelta(seconds=1)

Step = tuple[str, int]
SPEAKING = ('append', 'extend', 'append_lines', 'record', 'post')
STEPS = st.one_of(
    st.tuples(st.sampled_from(SPEAKING), st.integers(1, 40)),
    st.tuples(st.sampled_from(SPEAKING), st.integers(1, 3)),
    st.tuples(st.just('rest'), st.integers(1, 5)),
    st.tuples(st.just('wait until saved'), st.just(0)),
    st.tuples(st.sampled_from(('refuse', 'dawdle')), st.integers(1, 4)),
    st.tuples(st.sampled_from(('look back', 'read on')), st.integers(0, 100)),
    st.tuples(st.just('clear'), st.integers(0, 100)),
    st.tuples(st.just('retain'), st.just(0)),
)


@dataclass(frozen=True)
class Life:
    """What each producer does concurrently, and how it all ends."""

    producers: list[list[Step]]
    is_killed: bool


LIVES = st.lists(
    st.builds(Life, st.lists(st.lists(STEPS, min_size=1, max_size=6), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=4,
)


class FallibleStore(LogStore):
    """A real store that can fail, be slow, and die at any moment."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refusals = 0
        self.pause = 0.0
        self._is_dead = False
        self._turn = threading.Lock()

    def append(self, rows: Sequence[Any]) -> None:
        with self._turn:
            time.sleep(self.pause)
            self.pause = 0.0
            if self._is_dead or self.refusals > 0:
                self.refusals -= 1
                raise DiskFull('No room is left on the disk.')
            super().append(rows)

    def die(self) -> None:
        """From now on nothing reaches the disk, as after kill -9."""
        with self._turn:
            self._is_dead = True
        self.close()


@dataclass
class Kept:
    """What the folder must hold after each life."""

    rows: list[Entry] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    last_saved: int = 0


class Listener:
    """Receives everything the log publishes."""

    def __init__(self, bus: Bus) -> None:
        self.heard: list[Entry] = []
        self.cleared_to = 0
        bus.subscribe(LinesLogged, lambda news: self.heard.extend(news.entries))
        bus.subscribe(LogCleared, self._cleared)

    def _cleared(self, news: LogCleared) -> None:
        self.cleared_to = max(self.cleared_to, news.seq)


class View:
    """Shows the log like a page: history from the store and from memory, then every new entry as it is published."""

    def __init__(self, log: Log, bus: Bus) -> None:
        self.shown: list[Entry] = []
        self._log = log
        self._cursor: int | None = None
        bus.subscribe(LinesLogged, self._add)

    def _add(self, news: LinesLogged) -> None:
        if self._cursor is not None:
            self.shown += [entry for entry in news.entries if entry.seq > self._cursor]

    async def look_back(self) -> None:
        """What is in memory and new, then older entries page by page."""
        self.shown = list(self._log.ring)
        self._cursor = self._log.last_seq
        before = self.shown[0].seq if self.shown else self._cursor + 1
        while older := await self._log.query(before=before, limit=PAGE):
            self.shown[:0] = reversed(older)
            before = older[-1].seq

    async def read_on(self, after: int) -> None:
        """Page by page from some entry to the newest, then new ones."""
        while True:
            page = await self._log.query(after=after, limit=PAGE, oldest_first=True)
            self.shown += page
            after = page[-1].seq if page else after
            ring = self._log.ring
            if len(page) < PAGE and (not ring or ring[0].seq <= after + 1):
                self.shown += [entry for entry in ring if entry.seq > after]
                self._cursor = self._log.last_seq
                return


class Scene:
    """One life of the log, until it is stopped or killed."""

    def __init__(self, store: FallibleStore, kept: Kept) -> None:
        self.store, self.kept, self.bus = store, kept, Bus()
        self.listener = Listener(self.bus)
        self.log = Log(store, self.bus)
        self.said: dict[int, list[str]] = {}
        self.views: list[tuple[int, View]] = []
        self.acknowledged = 0
        self._logger = logging.Logger('tests.of.numbers', logging.DEBUG)
        self._viewing: list[asyncio.Task[None]] = []

    async def live(self, life: Life) -> None:
        try:
            await self._live(life)
        finally:
            await _end_all_tasks()

    async def _live(self, life: Life) -> None:
        await self.log.start()
        self._logger.addHandler(LogHandler(self.log))
        recalled = self.kept.rows[-(self.log.ring.maxlen or 0) :]
        assert list(self.log.ring)[: len(recalled)] == recalled
        await asyncio.gather(*(self._produce(number, steps) for number, steps in enumerate(life.producers)))
        await asyncio.gather(*self._viewing)
        async with asyncio.timeout(10):
            while not self._has_heard_all:  # noqa: ASYNC110 - published in parts, the last one some ms later
                await asyncio.sleep(0.001)
        self._check_what_was_heard()
        self._check_views()
        if life.is_killed:
            self.store.die()
        else:
            self.store.refusals = 0
            async with asyncio.timeout(10):
                while not await self.log.saved(self.log.last_seq):  # noqa: ASYNC110 - no message announces that a disk works again
                    await asyncio.sleep(0.002)
            await self._check_figures()
            await self.log.stop()

    async def _produce(self, producer: int, steps: list[Step]) -> None:
        said = self.said[producer] = []
        for kind, count in steps:
            if kind in SPEAKING:
                texts = [f'{producer}: {len(said) + index}' for index in range(count)]
                said += texts
                await self._speak(kind, texts)
            else:
                await self._do(kind, count)

    async def _speak(self, kind: str, texts: list[str]) -> None:
        level = list(Level)[len(texts) % len(Level)]
        if kind == 'append':
            for text in texts:
                self.log.append(level, text, source='append', fields={'text': text})
                await asyncio.sleep(0)
        elif kind == 'extend':
            self.log.extend({'level': level, 'message': text, 'source': 'extend', 'run': 'r'} for text in texts)
        elif kind == 'append_lines':
            now = datetime.now(UTC).isoformat()
            self.log.append_lines([(now, text) for text in texts], level=level, source='stdout', run='r', step='s')
        elif kind == 'record':
            await asyncio.to_thread(lambda: [self._logger.warning(text) for text in texts])
        else:
            for text in texts:
                await self.log.room_to_write()
                self.log.append(level, text, source='api')

    async def _do(self, kind: str, value: int) -> None:
        if kind == 'rest':
            await asyncio.sleep(value / 1000)
        elif kind == 'wait until saved':
            seq = self.log.last_seq
            if await self.log.saved(seq):
                self.acknowledged = max(self.acknowledged, seq)
        elif kind == 'refuse':
            # Unsaved entries can be read from memory only, so views need all of them there.
            self.store.refusals = value if self.log.ring.maxlen == max(RINGS) else 0
        elif kind == 'dawdle':
            self.store.pause = value / 1000
        elif kind == 'look back':
            self._watch(0, View.look_back)
        elif kind == 'read on':
            after = self.log.last_seq * value // 100
            self._watch(after, lambda view: view.read_on(after))
        elif kind == 'clear':
            before = self.log.last_seq + 1 if value > MOST_CLEARED else max(1, self.log.last_seq * value // 100)
            await self.log.clear(None if value > MOST_CLEARED else before, who='A test')
            assert self.listener.cleared_to >= before - 1
        elif kind == 'retain':
            await self.log.retain(max_age=timedelta(days=1), max_bytes=None)

    def _watch(self, after: int, how: Any) -> None:
        view = View(self.log, self.bus)
        self.views.append((after, view))
        self._viewing.append(asyncio.create_task(how(view)))

    # -- invariants

    @property
    def _has_heard_all(self) -> bool:
        heard = self.listener.heard
        return self.log.last_seq == (heard[-1].seq if heard else self.kept.last_saved)

    def all_entries(self) -> list[Entry]:
        """Entries saved by earlier lives and logged in this one, without deleted ones."""
        entries = [*self.kept.rows, *self.listener.heard]
        return [entry for entry in entries if entry.seq > self.listener.cleared_to]

    def _check_what_was_heard(self) -> None:
        heard = self.listener.heard
        seqs = [entry.seq for entry in heard]
        assert seqs == list(range(self.kept.last_saved + 1, self.log.last_seq + 1)), 'a gap, a double or a wrong start'
        ids = {entry.id for entry in heard}
        assert len(ids) == len(heard)
        assert not ids & self.kept.ids, 'an id was given again'
        for producer, texts in self.said.items():
            mine = [entry.message for entry in heard if entry.message.startswith(f'{producer}: ')]
            assert mine == texts

    def _check_views(self) -> None:
        entries = self.all_entries()
        for after, view in self.views:
            assert all(one.seq < other.seq for one, other in pairwise(view.shown)), 'a view has a double'
            shown = [entry for entry in view.shown if entry.seq > self.listener.cleared_to]
            assert shown == [entry for entry in entries if entry.seq > after]

    async def _check_figures(self) -> None:
        entries = self.all_entries()
        plain = Counter(entry.level.value for entry in entries)
        counted = {level.value: plain[level.value] for level in Level} | {'total': len(entries)}
        assert await self.log.query(limit=10_000, oldest_first=True) == entries
        assert self.log.counters.as_stats() == counted
        ago, soon = datetime.now(UTC) - timedelta(days=30), datetime.now(UTC) + MOMENT
        assert await self.log.stats(start=ago, end=soon) == counted
        assert dict(await self.log.sources()) == Counter(entry.source for entry in entries)
        histogram = await self.log.histogram(ago, soon)
        assert [sum(column) for column in zip(*histogram.counts, strict=True)] == [counted[level] for level in Level]


@contextlib.contextmanager
def _hurried(ring: int) -> Iterator[None]:
    """Keep this many entries in memory, and retry a failed batch at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('synapse.log.log.RING', ring)
        patch.setattr(log_writer, 'RETRY_SECONDS', 0.002)
        yield


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lives=LIVES, old=st.integers(0, 20), ring=st.sampled_from(RINGS))
def test_numbers_order_views_and_figures_hold_through_all_lives_of_a_log(
    lives: list[Life], old: int, ring: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, _hurried(ring):
        path, kept = Path(folder) / 'logs.db', Kept()
        asyncio.run(_say_long_ago(path, kept, old))
        for life in lives:
            scene = Scene(FallibleStore(path), kept)
            asyncio.run(scene.live(life))
            _look_at_disk(path, scene, life)


async def _end_all_tasks() -> None:
    # Repeatedly, since `wait_for` of Python 3.11 may mistake a cancellation for the result it waits for.
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=0.01)


async def _say_long_ago(path: Path, kept: Kept, count: int) -> None:
    log = Log(LogStore(path), Bus())
    await log.start()
    kept.rows = [
        log.append(Level.INFO, f'old {index}', source='old', timestamp=datetime.now(UTC) - timedelta(days=3))
        for index in range(count)
    ]
    await log.stop()
    kept.last_saved, kept.ids = count, {entry.id for entry in kept.rows}


def _look_at_disk(path: Path, scene: Scene, life: Life) -> None:
    """The disk holds what was logged up to some entry: the last one after a stop, else an acknowledged one."""
    store = LogStore(path)
    rows = [Entry.from_json(row) for row in store.iterate()]
    last = store.last_seq()
    store.close()
    entries = scene.all_entries()

    assert rows == [entry for entry in entries if entry.seq <= last]
    assert scene.acknowledged <= last <= scene.log.last_seq
    if not life.is_killed:
        assert last == scene.log.last_seq
    scene.kept.rows, scene.kept.last_saved = rows, last
    scene.kept.ids |= {entry.id for entry in scene.listener.heard}
