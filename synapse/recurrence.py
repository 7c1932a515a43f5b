"""When a plan falls due."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """Wall time, zone and rule."""

    start: datetime
    zone: str
    rule: str | None = None
    exdates: frozenset[datetime] = frozenset()
