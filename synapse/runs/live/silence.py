"""A run whose process does not answer: what that means, and what can be done."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from synapse.language import _
from synapse.runs.records import Silence


def silence_of(message: Mapping[str, Any], now: datetime) -> Silence | None:
    """Return what a `Silent` message of the engine says; None if the process answers again."""
    seconds, pid = float(message.get('seconds') or 0), message.get('pid')
    if not seconds:
        return None
    if message.get('is_suspended'):
        why = _('Its process (pid {pid}) is suspended by a signal, such as SIGSTOP, or by a debugger.', pid=pid)
        hint = _('Let it go on with: kill -CONT {pid}. Or stop the run.', pid=pid)
    else:
        why = _('Its process (pid {pid}) does not answer.', pid=pid)
        hint = _('A step may hold the interpreter, or the machine may be short of memory. Wait, or stop the run.')
    return Silence(since=now - timedelta(seconds=seconds), message=why, hint=hint)
