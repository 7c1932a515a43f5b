"""The files in `tests/calendars/` with their tables, for every reader that is tried on them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / 'calendars'

Instants = dict[str, list[datetime]]
"""When events start: sorted, by their titles."""


@dataclass(frozen=True, kw_only=True)
class CalendarCase:
    """A file, and what is in it; `tests/calendars/README.md` describes the fields of the tables."""

    name: str
    about: str
    zone: str
    begin: datetime
    end: datetime
    instants: Instants
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    readers: dict[str, dict[str, str]] = field(default_factory=dict)
    wanted: str = ''

    @cached_property
    def data(self) -> bytes:
        return (FOLDER / f'{self.name}.ics').read_bytes()

    def leaves_out(self, title: str) -> bool:
        """Whether an event with this title is told to be left out."""
        return any(sentence.startswith(f"'{title}' ") for sentence in self.left_out)


def calendar_cases() -> list[CalendarCase]:
    """Return all cases by name."""
    return [_case(path.stem, json.loads(path.read_text(encoding='utf-8'))) for path in sorted(FOLDER.glob('*.json'))]


def _case(name: str, table: dict[str, Any]) -> CalendarCase:
    begin, end = _instant(table.pop('from')), _instant(table.pop('to'))
    instants = {title: [_instant(text) for text in texts] for title, texts in table.pop('instants').items()}
    return CalendarCase(name=name, begin=begin, end=end, instants=instants, **table)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, '%Y-%m-%dT%H:%M:%SZ').replace(tzinfo=UTC)


def by_title(found: list[tuple[str, datetime]]) -> Instants:
    """Return the instants of each title, sorted."""
    instants: Instants = {}
    for title, instant in sorted(found):
        instants.setdefault(title, []).append(instant)
    return instants
