"""The programs of a run that are asked to end, and how long they have for it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AskedToEnd:
    """A program that got a signal, such as `SIGINT`, and is killed at `until`, in monotonic seconds."""

    program: str
    signal: str
    until: float

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.until - time.monotonic())


class EndingPrograms:
    """What the process of a run says about the programs that it is ending."""

    def __init__(self) -> None:
        self.busy_until = 0.0
        """Until when, in monotonic seconds, the process is ending a program as that was promised."""
        self._asked: AskedToEnd | None = None

    def heard(self, message: Mapping[str, Any]) -> None:
        until = time.monotonic() + float(message.get('wait') or 0)
        self.busy_until = max(self.busy_until, until)
        if program := str(message.get('program') or ''):
            self._asked = AskedToEnd(program, str(message.get('signal') or ''), until)

    @property
    def asked(self) -> AskedToEnd | None:
        """The program that was asked to end last and still has time for it."""
        return self._asked if self._asked is not None and self._asked.seconds_left > 0 else None
