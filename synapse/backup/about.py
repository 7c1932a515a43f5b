"""What a backup says of itself, in its first file."""

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from synapse import __version__
from synapse.records import Record

from .sealing import Lock

FORMAT = 1


class About(Record):
    """The manifest. Later builds may add to it."""

    model_config = ConfigDict(frozen=True, extra='ignore')

    format: int = FORMAT
    made_by: Literal['Synapse'] = 'Synapse'
    version: str = __version__
    made_at: datetime
    includes: tuple[str, ...] = ()
    """Which of the large parts are in it."""
    secrets: Literal['encrypted', 'left out'] = 'left out'
    lock: Lock | None = None
    left_out: tuple[str, ...] = ()
    """What is not in it, in words."""
    size: int = Field(default=0, ge=0)
    """Roughly how many bytes are in it."""
