"""The base of frozen records. Their field names are those of the API, so their JSON is what programs read."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value; `changed` returns a new one."""

    model_config = ConfigDict(frozen=True, extra='forbid')

    def changed(self, **values: Any) -> Self:
        return self.model_copy(update=values)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, times as ISO 8601 with offset."""
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
    """Return the current time, aware, in UTC. Pass it to rules rather than calling it in them."""
    return datetime.now(UTC)
