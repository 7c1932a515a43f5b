"""However clients read, stall and resume: no update comes twice, and missing ones are reported."""

import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from synapse.api.updates import buffer as buffer_module
from synapse.api.updates.buffer import UpdateBuffer
from synapse.api.updates.listener import Listener, Subscription
from synapse.log.log import Level
from tests.synapse.api.test_updates import House


class OneClient(RuleBasedStateMachine):
    """A client of a small buffer: it reads, stalls, disconnects and resumes where it was.

    `told` and `named` are what it knows over all its connections: the numbers it was told, and those it was told were
    left out. `last` is where it is in this connection.
    """

    @initialize(
        level=st.sampled_from([Level.DEBUG, Level.ERROR]),
        messages=st.integers(4, 25),
        characters=st.sampled_from([100, 10_000]),
    )
    def begin(self, level: Level, messages: int, characters: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(buffer_module, 'BUFFER_MESSAGES', messages)
        self.patch.setattr(buffer_module, 'BUFFER_CHARACTERS', characters)
        self.house = House()
        self.feed = UpdateBuffer(self.house)  # type: ignore[arg-type]
        self.subscription = Subscription(level=level)
        self.wanted: set[int] = set()
        self.told: set[int] = set()
        self.named: set[int] = set()
        self.connect()

    def connect(self) -> None:
        self.listener = Listener(self.feed)
        self.listener.subscription = self.subscription
        self.last = 0

    @rule(level=st.sampled_from([Level.INFO, Level.ERROR]), count=st.integers(1, 40), is_one_batch=st.booleans())
    def publish(self, level: Level, count: int, is_one_batch: bool) -> None:
        first = self.feed.seq + 1
        for _ in range(1 if is_one_batch else count):
            self.house.log(count if is_one_batch else 1, level=level)
        if level.rank >= self.subscription.level.rank:
            self.wanted |= set(range(first, first + count))

    @rule(count=st.integers(1, 30))
    def read(self, count: int) -> None:
        for _ in range(count):
            if (text := self.listener.next_text()) is None:
                return
            self.hear(json.loads(text))

    def hear(self, message: dict[str, Any]) -> None:
        seq, data = message['seq'], message['data']
        if message['type'] == 'pong':
            assert seq >= self.last
        elif message['type'] == 'log_entry':
            assert seq > self.last
            assert seq not in self.told
            self.told.add(seq)
        else:
            missed = range(data['from'], data['to'] + 1)
            assert missed[0] > self.last
            assert not self.told & set(missed)
            assert 1 <= data['missed'] <= len(missed)
            assert data['missed'] == len(missed) or self.subscription.level is Level.ERROR
            self.named |= set(missed)
        self.last = seq

    @rule()
    def ping(self) -> None:
        self.listener.send('pong', {})

    @rule()
    def ask_again_for_what_was_left_out(self) -> None:
        self.listener.resume(min(self.named, default=0))
        self.last = 0

    @rule()
    def lose_the_connection(self) -> None:
        self.listener.close()
        self.connect()
        self.listener.resume(max(self.told | self.named, default=0))

    def teardown(self) -> None:
        if not hasattr(self, 'listener'):
            return
        self.read(10**6)
        self.listener.close()
        self.patch.undo()
        assert self.told <= self.wanted <= self.told | self.named
        assert self.feed.listener_count == 0


TestOneClient = OneClient.TestCase
TestOneClient.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
