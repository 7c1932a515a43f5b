"""Why, since when and until when a run or the whole queue is held, and the timer that ends such a pause by itself."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import Field

from synapse.errors import Invalid
from synapse.language import _
from synapse.records import Kept, Record, is_unset, now_utc
from synapse.waiting import Timer

from .causes import cause_words

LOOK_SECONDS = 5.0
"""How often the clocks are compared: the event loop does not count sleep of the machine, and a clock can be set."""
SET_SECONDS = 2.0
"""A wall clock that is off by more than this has been set."""
LONGEST = timedelta(days=366)

Clocks = Callable[[], tuple[datetime, float]]
"""Returns the wall time, and a number of seconds that also grows while the machine sleeps."""


class Pause(Record):
    """A pause that a person or a program asked for."""

    since: datetime
    by: Kept = Field(default='', exclude_if=is_unset)
    """Who asked for it, such as `the dashboard`."""
    because: Kept = ''
    until: datetime | None = None
    """When it ends by itself; None if someone has to end it."""
    is_length: bool = Field(default=False, exclude_if=is_unset)
    """Whether it was asked for as a length of time, so that `until` moves with a wall clock that is set."""
    is_drain: bool = Field(default=False, exclude_if=is_unset)
    """Of the queue: whether what has begun is to be finished, which is then told."""

    @property
    def cause(self) -> str:
        """Return `by the dashboard: new disk`, or the half of it that is known."""
        who = _('by {someone}', someone=cause_words(self.by)) if self.by else ''
        return ': '.join(filter(None, (who, cause_words(self.because))))


def pause_of(
    now: datetime,
    *,
    by: str = '',
    because: str = '',
    until: datetime | None = None,
    seconds: float | None = None,
    is_drain: bool = False,
) -> Pause:
    """Return a pause from now on.

    :param until: an aware datetime at which it ends by itself
    :param seconds: the same as a length; at most one of both
    :raises Invalid: if it would end in the past, or in more than a year
    """
    if until is not None and seconds is not None:
        raise _invalid('seconds', _('Give until or seconds, not both.'))
    if seconds is not None and not 0 < seconds <= LONGEST.total_seconds():
        raise _invalid('seconds', _('Between 1 and {most}.', most=f'{LONGEST.total_seconds():.0f}'))
    if until is not None and until.tzinfo is None:
        raise _invalid('until', _('Say in which time zone, such as 2026-10-14T08:00:00+02:00.'))
    if until is not None and not now < until <= now + LONGEST:
        raise _invalid('until', _('A time in the future, within a year.'))
    end = until if seconds is None else now + timedelta(seconds=seconds)
    return Pause(since=now, by=by, because=because, until=end, is_length=seconds is not None, is_drain=is_drain)


def _invalid(name: str, text: str) -> Invalid:
    return Invalid(text, {name: text})


def read_clocks() -> tuple[datetime, float]:
    """Read both clocks; where the system doesn't count suspended time, the second stands still in it."""
    clock = getattr(time, 'CLOCK_BOOTTIME', None)
    return now_utc(), time.monotonic() if clock is None else time.clock_gettime(clock)


class PauseTimer:
    """Ends one pause: at its moment on the wall clock or, if it was asked for as a length, after that time.

    :param over: called once it is over
    :param moved: called with the new end of a length when the wall clock was set
    """

    def __init__(
        self, over: Callable[[], object], moved: Callable[[datetime], object], clocks: Clocks = read_clocks
    ) -> None:
        self._over, self._moved, self._clocks = over, moved, clocks
        self._timer = Timer()
        self._end = 0.0

    def start(self, pause: Pause | None) -> None:
        """Wait for the end of this pause instead of any other; of none, if it has no end."""
        self._timer.cancel()
        if pause is not None and pause.until is not None:
            now, seconds = self._clocks()
            self._end = seconds + (pause.until - now).total_seconds()
            self._look(pause, pause.until)

    def cancel(self) -> None:
        self._timer.cancel()

    def _look(self, pause: Pause, until: datetime) -> None:
        now, seconds = self._clocks()
        left = (until - now).total_seconds()
        if pause.is_length:
            off, left = self._end - seconds - left, self._end - seconds
            if abs(off) > SET_SECONDS and left > 0:
                until += timedelta(seconds=off)
                self._moved(until)
        if left <= 0:
            self._over()
        else:
            self._timer.start(min(left, LOOK_SECONDS), self._look, pause, until)
