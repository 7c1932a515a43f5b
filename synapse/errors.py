"""Errors that people and programs see; each says what to do.

SynapseError
├── Invalid            422, `fields` says what to fix
├── Malformed          400
├── NotFound           404
├── Conflict           409
├── TooLarge           413
├── TooMany            429, `retry_after` in seconds
├── NotReady           503
└── DiskIsFull         507
"""

from collections.abc import Mapping

from synapse.language import _


class SynapseError(Exception):
    """An error to show: what happened, and what to do next.

    :param code: machine-readable, snake_case, as in `error.code` of the API
    :param hint: what to do next, one sentence; may be empty
    """

    status = 500

    def __init__(self, code: str, message: str, hint: str = '') -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Malformed(SynapseError):
    """The request could not be read at all."""

    status = 400


class NotFound(SynapseError):
    """Nothing has this name or id."""

    status = 404


class Conflict(SynapseError):
    """Not possible in the current state."""

    status = 409


class TooLarge(SynapseError):
    """More bytes than allowed."""

    status = 413


class Invalid(SynapseError):
    """Invalid values; `fields` maps each field to a sentence that says how to fix it."""

    status = 422

    def __init__(
        self, message: str, fields: Mapping[str, str] | None = None, hint: str = '', *, code: str = 'invalid_values'
    ) -> None:
        super().__init__(code, message, hint)
        self.fields = dict(fields or {})


class TooMany(SynapseError):
    """Too many requests; try again after `retry_after` seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: float, hint: str = '') -> None:
        super().__init__('too_many_requests', message, hint)
        self.retry_after = retry_after


class NotReady(SynapseError):
    """Synapse is starting or stopping, or something it needs is not available."""

    status = 503


class DiskIsFull(SynapseError):
    """The disk is full; nothing was saved."""

    status = 507

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__('disk_full', message, hint or _('Free some space, then try again.'))
