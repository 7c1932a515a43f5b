"""Events that a subscribed calendar had before: when it has them again, they come back as they were left."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.calendar.left import LeftEvent

from .removing import Group
from .series import Draft
from .trust import FIELDS
from .writing import uid_of


def groups_of(events: Iterable[Event], others: Mapping[str, Event]) -> dict[str, dict[datetime | None, Event]]:
    """Return events by UID, and within one by the occurrence that they replace.

    :param others: by id, among which the series of overrides may be too
    """
    groups: dict[str, dict[datetime | None, Event]] = {}
    for event in events:
        series = others.get(event.override_of or '', event)
        moment = None if event.override_at is None else recurrence.instant_of(event.override_at, series.timezone)
        groups.setdefault(uid_of(event, series), {})[moment] = event
    return groups


class Returning:
    """What there was of the calendar that is being read.

    :param planned: the events that there are, by id
    """

    def __init__(self, left: Iterable[LeftEvent], planned: Mapping[str, Event]) -> None:
        self._left = {item.event.id: item for item in left if item.event.id not in planned}
        events = {id: item.event for id, item in self._left.items()}
        self._groups: Mapping[str, Group] = groups_of(events.values(), {**planned, **events})

    def find(self, uid: str, moment: datetime | None) -> Event | None:
        """Return the series, or what replaced an occurrence of it."""
        return self._groups.get(uid, {}).get(moment)

    def is_deleted(self, event: Event) -> bool:
        """Whether a person deleted it: then it stays away."""
        return self._left[event.id].is_deleted

    def moved_by_hand(self, uid: str) -> list[tuple[Draft, Event]]:
        """Return the occurrences of a series that a person had moved: the calendar does not have those."""
        series = self.find(uid, None)
        moved = self._groups.get(uid, {}).items() if series is not None else ()
        return [
            (_draft_of(uid, event, series), event)
            for moment, event in moved
            if moment is not None and series is not None and not event.source and not self.is_deleted(event)
        ]


def values_of(event: Event) -> dict[str, Any]:
    return event.model_dump(include=set(FIELDS))


def _draft_of(uid: str, event: Event, series: Event) -> Draft:
    return Draft(
        uid=uid,
        sequence=event.sequence,
        values={},
        recurrence_at=event.override_at,
        recurrence_zone=series.timezone,
        name=event.title,
    )
