"""Which runs a person or a program asks for: by state, pipeline, profile, event, time, number and text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from storage.logs.text import folded
from storage.run_index import RunQuestion
from synapse.runs.records import RunRecord, RunState

LONGEST_TEXT = 200
_NUMBER = re.compile(r'(#?)(\d{1,18})(?:\s?(?:-|–|\.\.)\s?#?(\d{1,18}))?', re.ASCII)
_SURE = 3
"""A shorter number is only that of a run: texts that contain it are too many to mean anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What is empty lets all runs pass. `start` is included, `end` is not; both are aware moments of creation.

    `text` is words, all of which a run must contain somewhere, whatever their case; or the number of a run such as
    `12` or `#12`, a range such as `10-20`, or the id of one. A number of three digits or more is looked for as a word
    too, unless it begins with `#`.
    """

    states: frozenset[RunState] = frozenset()
    pipeline: str = ''
    profile: str = ''
    event: str = ''
    start: datetime | None = None
    end: datetime | None = None
    text: str = ''

    @property
    def is_empty(self) -> bool:
        return self == RunFilter()

    def questions(self, before: int | None = None) -> list[RunQuestion]:
        """Return what to ask the history: a run fits if it fits one of them."""
        asked = []
        for low, high, texts in self._places():
            last = high if before is None else min(high, before - 1)
            asked.append(
                RunQuestion(
                    states=sorted(self.states),
                    pipeline=self.pipeline or None,
                    profile=self.profile or None,
                    event=self.event or None,
                    start=self.start,
                    end=self.end,
                    texts=texts,
                    first=low,
                    last=last,
                )
            )
        return asked

    def fits(self, run: RunRecord, text_of: Callable[[RunRecord], str]) -> bool:
        """Whether a run fits, as in the history.

        :param text_of: what a run is searched by; called only if it matters
        """
        if self.states and run.state not in self.states:
            return False
        wanted = ((self.pipeline, run.pipeline), (self.profile, run.profile), (self.event, run.event_id))
        if any(value and value != own for value, own in wanted):
            return False
        if (self.start and run.created_at < self.start) or (self.end and run.created_at >= self.end):
            return False
        if not self.text.strip():
            return True
        return any(
            low <= run.number <= high and (not texts or all(folded(text) in text_of(run) for text in texts))
            for low, high, texts in self._places()
        )

    def _places(self) -> list[tuple[int, int, list[str]]]:
        """The ranges of numbers to look in, and what the texts of runs in them have to contain."""
        text = self.text.strip()[:LONGEST_TEXT]
        every = (1, 2**63 - 1)
        found = _NUMBER.fullmatch(text)
        if found is None:
            return [(*every, text.split())]
        low = int(found[2])
        high = int(found[3] or low)
        places: list[tuple[int, int, list[str]]] = [(min(low, high), max(low, high), [])]
        if not found[1] and len(text) >= _SURE:
            places.append((*every, text.split()))
        return places
