"""What events were planned to do before they were changed, and when nothing could start, beside the ledger.

The ledger says what became of each moment that fell due. To say why nothing was due at another one, it must be known
what the plan was then. Both tables have a stated limit; the oldest rows go first.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .database import EPOCH, json_text, micros
from .run_tables import PAST_PLANS
from .runs import RunStore

Document = dict[str, Any]
Documents = list[Document]

KEPT_OF_EVENT = 50
KEPT_PLANS = 50_000
KEPT_STOPS = 5_000

_LIMIT_OF_EVENT = """
DELETE FROM past_plans WHERE event = ?1 AND until <= (
    SELECT until FROM past_plans WHERE event = ?1 ORDER BY until DESC LIMIT 1 OFFSET ?2
)
"""
_LIMIT = 'DELETE FROM past_plans WHERE until <= (SELECT until FROM past_plans ORDER BY until DESC LIMIT 1 OFFSET ?)'
_LIMIT_STOPS = 'DELETE FROM stops WHERE start <= (SELECT start FROM stops ORDER BY start DESC LIMIT 1 OFFSET ?)'
# Stops of one kind never overlap, so that those over a time are among the last that began before its end.
_STOPS = """
SELECT kind, start, end FROM (
    SELECT kind, start, end FROM stops WHERE kind = ? AND start < ? ORDER BY start DESC LIMIT 50
) WHERE end IS NULL OR end > ?
"""


class PastPlans:
    """Uses the database of `runs`; safe to use from several threads. Moments in documents are ISO 8601 with offset."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs
        self.group = runs.group
        """For writes on the event loop."""
        with runs.reading() as connection:
            connection.executescript(PAST_PLANS)

    def add_plans(self, plans: Iterable[Document]) -> None:
        """Add plans that have ended, documents with at least `event_id`, `since` and `until`.

        One that only continues the plan before it, with nothing else changed, makes that one longer instead.
        """
        with self._runs.transaction() as connection:
            for plan in plans:
                id, since, until = plan['event_id'], plan['since'], plan['until']
                key = [id, micros(since)]
                found = connection.execute('SELECT document FROM past_plans WHERE event = ? AND until = ?', key)
                before = next((json.loads(text) for (text,) in found), None)
                if before is not None and _is_same(before, plan):
                    connection.execute('DELETE FROM past_plans WHERE event = ? AND until = ?', key)
                    plan = plan | {'since': before['since']}
                connection.execute(
                    'INSERT OR REPLACE INTO past_plans VALUES (?, ?, ?)', [id, micros(until), json_text(plan)]
                )
                connection.execute(_LIMIT_OF_EVENT, [id, KEPT_OF_EVENT])
            connection.execute(_LIMIT, [KEPT_PLANS])

    def plans_of(self, event_id: str) -> Documents:
        """Return what is known of the plans that an event had before, oldest first."""
        query = 'SELECT document FROM past_plans WHERE event = ? ORDER BY until'
        with self._runs.reading() as connection:
            return [json.loads(text) for (text,) in connection.execute(query, [event_id]).fetchall()]

    def add_stop(self, kind: str, start: datetime, end: datetime | None) -> None:
        """Add a stretch of time in which nothing could start; None for one that lasts, see `end_stop`."""
        with self._runs.transaction() as connection:
            values = [kind, micros(start), None if end is None else micros(end)]
            connection.execute('INSERT OR REPLACE INTO stops VALUES (?, ?, ?)', values)
            connection.execute(_LIMIT_STOPS, [KEPT_STOPS])

    def end_stop(self, kind: str, end: datetime) -> None:
        with self._runs.transaction() as connection:
            connection.execute('UPDATE stops SET end = ? WHERE kind = ? AND end IS NULL', [micros(end), kind])

    def has_open_stop(self, kind: str) -> bool:
        with self._runs.reading() as connection:
            found = connection.execute('SELECT 1 FROM stops WHERE kind = ? AND end IS NULL', [kind]).fetchone()
        return found is not None

    def stops_between(
        self, start: datetime, end: datetime, kinds: Iterable[str]
    ) -> Sequence[tuple[str, datetime, datetime | None]]:
        """Return stops of these kinds that overlap this time, oldest first: kind, start, and end if it has ended."""
        span = micros(end), micros(start)
        with self._runs.reading() as connection:
            rows = [row for kind in kinds for row in connection.execute(_STOPS, [kind, *span]).fetchall()]
        found = sorted(rows, key=lambda row: row[1])
        return [(kind, _moment(begin), None if stop is None else _moment(stop)) for kind, begin, stop in found]


def _moment(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ignored = {'since', 'until'}
    return {name: one[name] for name in one.keys() - ignored} == {name: other[name] for name in other.keys() - ignored}
