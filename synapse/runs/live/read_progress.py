"""Reads how far a step is from what its programs draw, for steps that do not report it themselves."""

import math
import re
from collections.abc import Sequence

from synapse.language import _
from synapse.log.entry import Entry
from synapse.log.text import plain

MOST = 99.0
"""The end of a step is for the step to say."""
_PERCENT = re.compile(r'(?<![\d.,])(\d{1,3}(?:[.,]\d{1,4})?) ?%(?!\w)')
_TQDM = re.compile(r'\d%\|.*\| .*\[\d[\d:]*<')
# curl's meter has no sign: `% Total  % Received % Xferd  Average Speed  Time  Time  Time  Current`
_CURL = re.compile(r'\s*(\d{1,3})\s+[\d.]+[kMGTP]?\s+\d{1,3}\s+[\d.]+[kMGTP]?\s+\d{1,3}\s+[\d.]+[kMGTP]?\s+\S+\s+[-\d]')
_STREAMS = ('stdout', 'stderr')
AGAIN_FROM, AGAIN_TO = 99.0, 10.0
"""A row that falls from there to there begins something new."""


def percent_in(text: str) -> float | None:
    """Return the percent that a redrawn row shows, None if it shows none."""
    if found := _CURL.match(text):
        value = float(found[1])
    elif found := _PERCENT.search(text):
        value = float(found[1].replace(',', '.'))
    else:
        return None
    return value if value <= 100 else None


class ReadProgress:
    """The progress of one step as its rows show it.

    Of several rows the topmost counts, as long as it is there; the next one is a new phase. Within a phase progress
    never goes back.
    """

    def __init__(self) -> None:
        self._row = ''
        self._drawn = self._percent = 0.0

    def of(self, rows: Sequence[Entry]) -> tuple[float, str] | None:
        """Return the percent that these redrawn rows show, and a note that names its source; None if it is as before.

        :param rows: from top to bottom
        """
        shown = [(row, percent) for row in rows if (percent := percent_in(plain(row.message))) is not None]
        if not shown:
            return None
        row, percent = next((one for one in shown if one[0].id == self._row), shown[0])
        if row.id != self._row or (self._drawn >= AGAIN_FROM and percent <= AGAIN_TO):
            self._row, self._percent = row.id, -1.0
        self._drawn = percent
        percent = min(MOST, percent)
        if percent <= self._percent:
            return None
        self._percent = percent
        return percent, _note(math.floor(percent), row)


def _note(percent: int, row: Entry) -> str:
    program = 'tqdm' if _TQDM.search(row.message) else '' if row.source in _STREAMS else row.source
    if program:
        return _("{percent} % read from {program}'s output", percent=percent, program=program)
    return _("{percent} % read from the step's output", percent=percent)
