"""What a channel can tell of, in words: every kind of alert but those about channels, and runs that succeed."""

from synapse.alerts.alerts import AlertKind
from synapse.language import N_, _, translated

RUN_SUCCEEDED = 'run_succeeded'

_WORDS = {
    AlertKind.RUN_FAILED: N_('A run fails'),
    AlertKind.RUN_INTERRUPTED: N_('A run is interrupted'),
    AlertKind.QUESTION_ASKED: N_('A run asks something'),
    AlertKind.RUN_SILENT: N_('A run does not answer'),
    AlertKind.RUN_STALLED: N_('A step is silent for longer than ever'),
    AlertKind.PROGRAMS_LEFT: N_('A program of a run cannot be ended'),
    AlertKind.EVENT_SILENT: N_('An event has not run for longer than usual'),
    AlertKind.OCCURRENCES_MISSED: N_('An event is missed'),
    AlertKind.EVENTS_MOVED: N_('Events move with the rules of their time zone'),
    AlertKind.QUEUE_HELD: N_('The queue is held because the disk is full'),
    AlertKind.SPACE_NEEDED: N_('A run waits for free space'),
    AlertKind.DISK_LOW: N_('The disk is nearly full'),
    AlertKind.WATCH_STUCK: N_('Nothing can be taken from a watch folder'),
    AlertKind.CALENDAR_UNREADABLE: N_('A subscribed calendar cannot be read'),
    AlertKind.FILE_DAMAGED: N_('A file is damaged'),
    AlertKind.EVERYTHING_STOPPED: N_('Everything is stopped by hand'),
}
# The failure of a channel would be told through the other ones, whose failure would be told through this one.
_SILENT = {AlertKind.CHANNEL_FAILED}
_ON_REQUEST = {AlertKind.EVERYTHING_STOPPED.value, RUN_SUCCEEDED}


def kinds() -> dict[str, str]:
    """Return all kinds, and when each is told in words, in the order in which they are shown."""
    alerts = [*_WORDS, *(kind for kind in AlertKind if kind not in _WORDS and kind not in _SILENT)]
    words = {kind.value: translated(_WORDS.get(kind, _plain(kind))) for kind in alerts}
    return words | {RUN_SUCCEEDED: _('A run succeeds')}


def _plain(kind: AlertKind) -> str:
    return kind.value.replace('_', ' ').capitalize()


def default_kinds() -> tuple[str, ...]:
    """Return what a new channel tells of: all that needs a person."""
    return tuple(kind for kind in kinds() if kind not in _ON_REQUEST)
