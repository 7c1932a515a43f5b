"""Notes in the data folder that it came back from a backup: what happened since that was made is not known here."""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from storage.files import write_atomically

from .records import Record

NAME = 'restored.json'


class Restored(Record):
    """From which backup the data folder came back.

    Whatever fell due between the backup and the first start after it may have happened elsewhere, so it is not made up
    for: see `synapse.calendar.firing` and `synapse.watches`.
    """

    backup: str
    """The name of the file."""
    made_at: datetime
    restored_at: datetime
    secrets: Literal['restored', 'left out']
    left_out: tuple[str, ...] = ()
    """What the backup does not have, in words."""
    interrupted: int = 0
    """How many runs had not ended in it, and are interrupted."""
    is_settled: bool = False
    """Whether the first start has accounted for the time between."""

    @classmethod
    def read(cls, data: Path) -> 'Restored | None':
        """Return the note of a data folder, None if it was never restored, or its note cannot be read."""
        with contextlib.suppress(OSError, ValidationError):
            return cls.model_validate_json((data / NAME).read_bytes())
        return None

    def write(self, data: Path) -> None:
        """:raises storage.files.StorageError: if it could not be saved"""
        write_atomically(data / NAME, self.model_dump_json(indent=1).encode())
