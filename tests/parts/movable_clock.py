"""A wall clock that a test moves, for the calendar and for APScheduler alike; the monotonic clock stays real."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from unittest import mock

from synapse.calendar.alarm_clock import Clocks


class MovableClock:
    """Starts where it is set, and runs on from there in real time.

    `set_to` is a person or a time server changing the clock; `sleep` is a machine that sleeps and wakes again.
    """

    def __init__(self, start: datetime) -> None:
        self._offset = start - datetime.now(UTC)
        self._slept = 0.0
        self._passed = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def clocks(self) -> Clocks:
        awake = time.monotonic() + self._passed
        return Clocks(self.now(), awake, awake + self._slept)

    def set_to(self, moment: datetime) -> None:
        self._offset = moment - datetime.now(UTC)

    def advance(self, by: timedelta) -> None:
        self._offset += by

    def pass_to(self, moment: datetime) -> None:
        """Let time pass until this moment, with the machine awake."""
        self._passed += (moment - self.now()).total_seconds()
        self.set_to(moment)

    def sleep(self, length: timedelta) -> None:
        self._slept += length.total_seconds()
        self.advance(length)

    @contextmanager
    def rules_apscheduler(self) -> Iterator[None]:
        """Replaces `datetime` in the module of APScheduler that checks whether a job is due."""
        clock = self

        class Datetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return clock.now().astimezone(tz)

        with mock.patch('apscheduler.schedulers.base.datetime', Datetime):
            yield
