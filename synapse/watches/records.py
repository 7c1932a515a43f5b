"""A watch folder, and what it shows: files that are still arriving, and those it took last."""

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from synapse.bus import Message
from synapse.language import _
from synapse.records import Record
from synapse.sealed import masked

SETTLE_SECONDS = 5.0
MOST_SETTLE_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class WatchChanged(Message):
    """A watch folder was created, changed or deleted, or what it shows is no longer the same."""

    id: str


@dataclass(frozen=True, slots=True)
class WatchStuck(Message):
    """A watch folder takes nothing because of an error; None says that it is over."""

    id: str
    folder: str
    error: str | None


class Watch(Record):
    """A folder whose new files become runs of a pipeline."""

    id: str
    folder: str
    pattern: str = Field(default='*', min_length=1, max_length=200)
    """Such as `*.mp4`, or several with commas between; in any case, and only suffixes that the pipeline takes."""
    pipeline: str = Field(min_length=1, max_length=200)
    profile: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    settle_seconds: float = Field(default=SETTLE_SECONDS, ge=0, le=MOST_SETTLE_SECONDS)
    """How long a file has to stay unchanged before it is taken."""
    enabled: bool = True
    created_at: datetime

    @field_validator('pattern')
    @classmethod
    def _is_of_names(cls, value: str) -> str:
        if '/' in value or '\\' in value:
            raise ValueError(_('Give a pattern for names, such as *.mp4, without a folder.'))
        return value.strip()

    @property
    def owner(self) -> str:
        """The owner of the files that it takes."""
        return f'watch {self.id}'

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def work(self) -> tuple[object, ...]:
        """What it does: two that do the same would make two runs of each file."""
        return os.path.realpath(self.folder), self.pattern, self.pipeline, self.profile, self.parameters


class WaitingState(StrEnum):
    """Why a file is not taken yet."""

    GROWING = 'growing'
    OPEN = 'open'
    """A program has it open for writing."""
    DOWNLOADING = 'downloading'
    """A download program has left its notes beside it."""
    SETTLING = 'settling'
    EMPTY = 'empty'
    LINK = 'link'
    """It is a link, and links are never taken: they could lead to any file of this machine."""
    READY = 'ready'
    TAKEN = 'taken'
    """It turned out to be a version that was taken before; not shown."""


class WaitingFile(Record):
    name: str
    size: int
    state: WaitingState


class TakenFile(Record):
    """A file that became a run, or was refused for a reason."""

    name: str
    size: int
    at: datetime
    run: str | None = None
    number: int | None = None
    reason: str = ''


class WatchView(Record):
    """A watch folder as pages and the API show it."""

    watch: Watch
    error: str | None = None
    """Why it takes nothing now, a sentence; it goes on by itself when that is over."""
    waiting: tuple[WaitingFile, ...] = ()
    """The first of the files that are not taken yet."""
    waiting_count: int = 0
    taken: tuple[TakenFile, ...] = ()
    """The last ones, newest first."""

    def as_json(self) -> dict[str, Any]:
        values = super().as_json()
        watch = values.pop('watch')
        return {**watch, 'parameters': masked(watch['parameters']), **values}
