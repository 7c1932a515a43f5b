"""What an import of a calendar file did, or would do."""

from datetime import datetime
from typing import Any

from synapse.records import Record


class Refused(Record):
    """An event in the file that was not imported, and why."""

    uid: str
    reason: str


class Workless(Record):
    """An event that fits no rule and names no pipeline."""

    uid: str
    title: str
    categories: tuple[str, ...] = ()
    reason: str
    """A sentence with the way out."""
    replaces: datetime | None = None
    """The occurrence of a series that it replaces."""
    sentence: str = ''
    """When it would run; empty if that cannot be said."""
    next: datetime | None = None


class ImportedEvent(Record):
    """An imported event, or one that would be imported: what it runs, and when next."""

    id: str
    """In a dry run, the id of a new event doesn't exist."""
    uid: str
    replaces: datetime | None = None
    """The occurrence of a series that it replaces."""
    is_new: bool
    title: str
    pipeline: str
    parameters: dict[str, Any]
    profile: str | None
    sentence: str
    """When it runs, such as `Runs every minute, Berlin time, with no end date.`"""
    next: datetime | None
    enabled: bool
    is_held: bool = False
    """Whether it is switched off because the file isn't trusted."""
    rule: str = ''
    """The rule that gave it its work, such as `Title contains “backup”`."""
    is_all_of_rule: bool = False
    """Whether that rule says all that it runs and how, and the file only when."""
    doubt: str = ''
    """A sentence, if the file leaves open when it is meant."""
    changes: tuple[str, ...] = ()
    """What changes about a known event, such as `02:30 → 04:30`."""


class ImportResult(Record):
    """Ids of events, and a sentence for each draft that was skipped."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    """All removed events; `cancelled` has those that the file cancels."""
    unchanged: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    disabled: tuple[str, ...] = ()
    """Created or updated, and switched off until a person approves them."""
    events: tuple[ImportedEvent, ...] = ()
    """The new and changed ones."""
    without_pipeline: tuple[Workless, ...] = ()
    """Left out; if there are no rules at all, these are among the refused ones, too."""
    notes: tuple[str, ...] = ()
    """Sentences about what was read otherwise than it is written."""
    change: str = ''
    """The id with which `EventEditor.undo` undoes the import; empty if nothing was changed."""
