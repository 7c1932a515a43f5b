"""A wall clock that the demo moves, in its control room and in its run hosts: they share one offset in a small file.

Only moments move. The monotonic clock stays real, so a run takes as long as it takes. Imports nothing of ours, since
`install` has to come before the modules that take `datetime` by its name.
"""

import datetime as module
import mmap
import struct
import time
from pathlib import Path
from typing import Any

VARIABLE = 'DEMO_CLOCK_OFFSET'
"""Names the file for a run host, which is given no unknown variable of Synapse."""
_DATETIME = module.datetime


class Offset:
    """How far the moved clock is from the real one: one number of seconds in a file that processes share."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack('d', 0.0))
        with path.open('r+b') as file:
            self._shared = mmap.mmap(file.fileno(), 8)

    @property
    def seconds(self) -> float:
        return float(struct.unpack('d', self._shared[:8])[0])

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._shared[:8] = struct.pack('d', value)


def install(path: Path) -> Offset:
    """Have `datetime.now` of this process follow the offset in this file.

    Call it before anything is imported that reads the time.
    """
    offset = Offset(path)
    module.datetime = _moved_by(offset)  # type: ignore[misc]
    return offset


def _moved_by(offset: Offset) -> type[module.datetime]:
    class AnyDatetime(type):
        """A moment that C code or an unpickled value made is one of ours as well."""

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, _DATETIME)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, _DATETIME)

    class MovedDatetime(_DATETIME, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: module.tzinfo | None = None) -> Any:
            return cls.fromtimestamp(time.time() + offset.seconds, tz)

    return MovedDatetime
