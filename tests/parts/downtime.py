"""A data folder as left by a Synapse that was off for hours while its events fell due."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.documents import Documents
from synapse.calendar.events import Event, Misfire


def ago(length: timedelta) -> datetime:
    """A naive moment in UTC, at a full second."""
    return (datetime.now(UTC) - length).replace(tzinfo=None, microsecond=0)


def hourly(id: str, count: int, **values: Any) -> Event:
    """An hourly event of the pipeline Hello that fell due this often, the last time half an hour ago."""
    begin = datetime.now(UTC) - timedelta(hours=count + 1)
    wanted: dict[str, Any] = {
        'id': id,
        'title': id.title(),
        'pipeline': 'Hello',
        'start': ago(timedelta(hours=count - 0.5)),
        'timezone': 'UTC',
        'rrule': 'FREQ=HOURLY',
        'misfire': Misfire(policy='skip'),
        'created_at': begin,
        'updated_at': begin,
        'armed_from': begin,
    }
    return Event.model_validate(wanted | values)


def was_off(data: Path, length: timedelta, events: Sequence[Event]) -> None:
    """Write what a Synapse with these events left when it was last alive, this long ago."""
    data.mkdir(parents=True, exist_ok=True)
    documents = Documents(data / 'events.json')
    for event in events:
        documents.put(event.id, event.as_json())
    documents.close()
    alive = data / 'alive'
    alive.touch()
    then = (datetime.now(UTC) - length).timestamp()
    os.utime(alive, (then, then))
