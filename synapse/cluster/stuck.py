"""Why something of a run could not be brought to where it is needed, as a person reads it."""

import re
from typing import NamedTuple

from storage.files import DiskFull
from storage.foreign_words import system_words
from synapse.errors import SynapseError
from synapse.language import _, spoken

from .link import NotSent

_HALVES = re.compile('[\ud800-\udfff]')


class Stuck(NamedTuple):
    """What happened, and what to do."""

    text: str
    hint: str


def stuck_there(error: Exception, machine: str) -> Stuck:
    """Say why another machine could not take what a run needs."""
    if isinstance(error, DiskFull):
        text = _('No room is left on the disk of {machine} for what the run needs.', machine=machine)
        return Stuck(text, _('Free some space there, then retry it.'))
    if isinstance(error, SynapseError):
        return _as_said(error)
    if isinstance(error, NotSent):
        return _not_sent(error)
    text = _('{machine} could not take what the run needs: {reason}', machine=machine, reason=_reason(error))
    return Stuck(text, _('Retry it. If it happens again, look at what the worker on that machine prints.'))


def stuck_here(error: Exception, machine: str) -> Stuck:
    """Say why what came from another machine could not be kept here."""
    if isinstance(error, DiskFull):
        text = _('No room is left on the disk for what the run has made on {machine}.', machine=machine)
        return Stuck(text, _('Free some space, then retry it.'))
    if isinstance(error, SynapseError):
        return _as_said(error)
    if isinstance(error, NotSent):
        return _not_sent(error)
    text = _('What the run has made on {machine} could not be kept: {reason}', machine=machine, reason=_reason(error))
    return Stuck(text, _('Check the disk of the data folder, then retry.'))


def stuck_on_the_way(error: Exception, machine: str) -> Stuck:
    """Say why what a run needs could not be sent to another machine."""
    if isinstance(error, SynapseError):
        return _as_said(error)
    text = _('What the run needs could not be sent to {machine}: {reason}', machine=machine, reason=_reason(error))
    return Stuck(text, _('Mend that, then retry it.'))


def shown(text: str) -> str:
    """Return a text that may hold file names; what is not UTF-8 in them cannot be shown."""
    return _HALVES.sub('\ufffd', text) if _HALVES.search(text) else text


def _not_sent(error: Exception) -> Stuck:
    text = _('Something that the machines of the run say to each other cannot be sent: {reason}', reason=_reason(error))
    return Stuck(text, _('This is a fault of Synapse: please report it.'))


def _as_said(error: SynapseError) -> Stuck:
    return Stuck(shown(spoken(error)), shown(spoken(error.hint)))


def _reason(error: Exception) -> str:
    return shown(system_words(error) if isinstance(error, OSError) else spoken(error) or repr(error))
