"""What a person may meet, each error with the way out.

SynapseError
├── Invalid            422, `fields` names what to mend
├── Malformed          400
├── NotFound           404
├── Conflict           409
├── TooLarge           413
├── TooMany            429, `retry_after` in seconds
├── NotReady           503
└── DiskIsFull         507
"""

from collections.abc import Mapping


class SynapseError(Exception):
    """Something a person may meet: what happened, and what to do next.

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
    """Not possible in the present state."""

    status = 409


class TooLarge(SynapseError):
    """More bytes than allowed."""

    status = 413


class Invalid(SynapseError):
    """Values that do not fit; `fields` maps each field to a sentence that says the fix."""

    status = 422

    def __init__(
        self, message: str, fields: Mapping[str, str] | None = None, hint: str = '', *, code: str = 'invalid_values'
    ) -> None:
        super().__init__(code, message, hint)
        self.fields = dict(fields or {})


class TooMany(SynapseError):
    """Too many requests; may come again after `retry_after` seconds."""

    status = 429

    def __init__(self, message: str, *, retry_after: float, hint: str = '') -> None:
        super().__init__('too_many_requests', message, hint)
        self.retry_after = retry_after


class NotReady(SynapseError):
    """Not up yet, or going down."""

    status = 503


class DiskIsFull(SynapseError):
    """No room left; nothing was saved."""

    status = 507

    def __init__(self, message: str, hint: str = 'Free some space, then try again.') -> None:
        super().__init__('disk_full', message, hint)
