"""How many files and connections this process may have open: whether that is used up, and how to allow more."""

import contextlib
import errno
import os
import sys

from .texts import _, joined

USED_UP = frozenset({errno.EMFILE, errno.ENFILE})
_FOR_A_PROCESS = 8
"""What starting a process takes for a moment."""


def limit() -> int | None:
    """Return how many this process may have open, None where that is not limited in this way."""
    if sys.platform == 'win32':
        return None
    import resource

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def are_used_up() -> bool:
    """Whether there are too few left to start a process or to open some files."""
    opened = []
    try:
        for _each in range(_FOR_A_PROCESS):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in USED_UP
    finally:
        for descriptor in opened:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    return False


def sentence() -> str:
    """Return what to say if they are used up."""
    return joined(finding(), way_out())


def finding() -> str:
    """Return what is wrong if they are used up."""
    if not (count := limit()):
        return _('All file descriptors are in use.')
    return _('All {count} file descriptors that Synapse may have open are in use.', count=count)


def way_out() -> str:
    """Return what to do about it."""
    return _('Allow more: "ulimit -n 4096" before you start Synapse, or LimitNOFILE=4096 in its systemd unit.')
