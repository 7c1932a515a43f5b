"""Runs and steps as frozen records, and the arrows along which their states may move.

The field names are those of the API, so a record's JSON is what programs outside read.
"""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value that never changes behind a page's back; `changed` gives a new one."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, times as ISO 8601 with offset."""
        return self.model_dump(mode='json')


class Problem(Record):
    """Why a run or step did not succeed."""

    message: str
    hint: str = ''
    type: str = ''
    """Exception class, `signal`, `timeout`, `exit`, or empty."""
    file: str | None = None
    line: int | None = None
    traceback: str | None = None


def now_utc() -> datetime:
    """The wall clock, aware, in UTC: the one place outside rules where time is read."""
    return datetime.now(UTC)
