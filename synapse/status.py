"""What the whole system is doing now: bindable values that every page shows, changed on the event loop only.

Values are replaced, never changed in place: a binding is updated only when a field gets a new value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from nicegui.binding import bindable_dataclass

from . import __version__
from .bus import Message
from .machine_loads import PYTHON, MachineLoad
from .records import now_utc

StatusState = Literal['idle', 'busy', 'paused', 'error']


@dataclass(frozen=True, slots=True)
class StatusChanged(Message):
    """`Status` has new values; call `Status.snapshot` for them."""


def no_runs_today() -> dict[str, int]:
    """The counts of a day on which no run has ended yet."""
    return {'succeeded': 0, 'failed': 0, 'cancelled': 0, 'missed': 0}


@bindable_dataclass
class Status:
    """The status of this process. `job`, `workers`, `counts` and `next` are plain JSON values of the API."""

    state: StatusState = 'idle'
    job: Mapping[str, Any] | None = None
    waiting: int = 0
    running: int = 0
    """Runs that work; those a person has paused are not among them."""
    held: int = 0
    """Runs that a person has paused."""
    queue_paused: bool = False
    queue_pause: Mapping[str, Any] | None = None
    """While the queue is paused: `since`, `until`, `because`, `drain`, `drained`, and `by` if it is known."""
    workers: tuple[Mapping[str, Any], ...] = ()
    busy_workers: int = 0
    """Workers whose runs work; one with a paused run is neither busy nor free."""
    cpu_percent: float = 0.0
    ram_percent: float = 0.0
    disk_usage: float = 0.0
    """Percentage used of the disk that holds the data folder."""
    ram_used: int = 0
    ram_total: int = 0
    disk_free: int = 0
    disk_total: int = 0
    cores: int = 0
    counts: Mapping[str, int] = field(default_factory=no_runs_today)
    """Runs that ended today, by state, and occurrences missed today."""
    next: Mapping[str, Any] | None = None
    notice: str = ''
    """Why waiting runs do not start, as a sentence; empty while all is well."""
    fault: str = ''
    """Why nothing can be saved and no run is accepted, as sentences; empty while all is well."""
    damage: tuple[Mapping[str, Any], ...] = ()
    """Files of the data folder that were found damaged, until a person has read it."""
    timezone: Mapping[str, Any] = field(default_factory=dict)
    """The time zone of the calendar, and why it was chosen."""
    timezone_data: Mapping[str, Any] = field(default_factory=dict)
    """The version of the time-zone data, and its source."""
    warm: tuple[int, int] = (0, 0)
    """How many processes wait so that runs can be forked from them, and the bytes they take."""
    version: str = __version__
    started_at: datetime = field(default_factory=now_utc)

    @property
    def places_here(self) -> int:
        """How many workers are on this machine."""
        return sum('machine' not in worker for worker in self.workers)

    @property
    def load(self) -> MachineLoad:
        """How this machine was when it was measured last."""
        return MachineLoad(
            cpu_percent=self.cpu_percent,
            memory_used=self.ram_used,
            memory_total=self.ram_total,
            disk_free=self.disk_free,
            version=self.version,
            python=PYTHON,
        )

    def snapshot(self) -> dict[str, Any]:
        """The status as in the API and in `pipeline_update` messages."""
        workers = [dict(worker) for worker in self.workers]
        return {
            'state': self.state,
            'job': dict(self.job) if self.job is not None else None,
            'queue': {
                'waiting': self.waiting,
                'running': self.running,
                **({'held': self.held} if self.held else {}),
                'paused': self.queue_paused,
                **(self.queue_pause or {}),
            },
            'workers': workers,
            'bots': workers,
            'system': {
                'cpu_percent': self.cpu_percent,
                'ram_percent': self.ram_percent,
                'disk_usage': self.disk_usage,
            },
            'counts': {'today': no_runs_today() | dict(self.counts)},
            'next': dict(self.next) if self.next is not None else None,
            'timezone': dict(self.timezone),
            'timezone_data': dict(self.timezone_data),
            'version': self.version,
            'started_at': self.started_at.isoformat(),
            **({'notice': self.notice} if self.notice else {}),
            **({'fault': self.fault} if self.fault else {}),
            **({'damage': [dict(report) for report in self.damage]} if self.damage else {}),
        }
