"""Jobs of another scheduler, such as cron, in the terms of our calendar."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from synapse.ical.import_result import ImportedEvent
from synapse.records import Record
from synapse.recurrence import Plan

COMPARED = 5
"""How many moments of ours and of the other scheduler are shown side by side."""
ANCHOR = datetime(2026, 1, 1)
"""Where series start to be counted from: the same for each import, so that importing again changes nothing."""
MAX_NAME = 80

Dues = Callable[[datetime], Iterable[datetime]]
"""Returns what comes after an aware moment, sorted; may run a program, so it is called in a thread."""


class JobProblem(Record):
    """A line that did not become an event."""

    line: int
    """From 1; 0 if it is about a whole file."""
    text: str
    reason: str
    source: str = ''
    """The file it is in, if there are several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignJob:
    """A job, and how the other scheduler plans it."""

    line: int
    text: str
    name: str
    title: str
    """Empty: its name."""
    parameters: dict[str, Any]
    """Of *Run command*."""
    plans: tuple[Plan, ...]
    """What happens at any of them; none twice."""
    identity: str
    """The same at the next import, and different for each job of a file."""
    theirs: Dues
    """What another program says about when it runs."""
    misfire: dict[str, Any] = field(default_factory=lambda: {'policy': 'skip'})
    """By default as cron has it: what was missed is not made up for."""
    overlap: str = 'allow'
    enabled: bool = True
    source: str = ''
    warning: str = ''
    """A sentence about what is most likely not meant."""


@dataclass(slots=True)
class Found:
    """What is in a file of another scheduler."""

    jobs: list[ForeignJob] = field(default_factory=list)
    problems: list[JobProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Sentences about what is done differently."""
    unchanged: list[str] = field(default_factory=list)
    """Ids of the events that some of its lines were written from."""


class JobEvent(ImportedEvent):
    """An event that a line became, with what the other scheduler would do."""

    line: int
    text: str
    name: str
    source: str = ''
    warning: str = ''
    upcoming: tuple[datetime, ...]
    """The next five moments of all events of this line."""
    theirs: tuple[datetime, ...]
    """The same of the other scheduler, as another program computes them; empty if there is none to ask."""


class JobsResult(Record):
    """What was imported, or would be."""

    events: tuple[JobEvent, ...] = ()
    problems: tuple[JobProblem, ...] = ()
    notes: tuple[str, ...] = ()
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    change: str = ''
    """The id with which `EventEditor.undo` undoes the import; empty if nothing was changed."""


def identities(seeds: Iterable[str], scheduler: str) -> list[str]:
    """Return a UID for each job, which stays if lines are moved; equal jobs are counted."""
    seen: Counter[str] = Counter()
    found = []
    for seed in seeds:
        name = hashlib.sha256(seed.encode()).hexdigest()[:32]
        seen[name] += 1
        found.append(f'{name}{f"-{seen[name]}" if seen[name] > 1 else ""}@{scheduler}')
    return found


def short_name(text: str) -> str:
    return text if len(text) <= MAX_NAME else f'{text[: MAX_NAME - 1]}…'


def compared(dues: Iterable[datetime]) -> tuple[datetime, ...]:
    return tuple(islice(dues, COMPARED))


def together(parts: Sequence[tuple[str, Found]]) -> Found:
    """Return what is in several files, with the name of its file at each job, problem and note."""
    all_of_them = Found()
    for source, found in parts:
        all_of_them.jobs += [replace(job, source=source) for job in found.jobs]
        all_of_them.problems += [problem.changed(source=problem.source or source) for problem in found.problems]
        all_of_them.notes += [f'{source}: {note}' if len(parts) > 1 else note for note in found.notes]
        all_of_them.unchanged += found.unchanged
    return all_of_them
