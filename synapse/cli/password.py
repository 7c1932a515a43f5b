"""`python main.py password`: sets the password for sign-in from other machines."""

import getpass
import sys

from storage.files import StorageError, make_private_folder
from synapse.credentials.password import Password
from synapse.errors import SynapseError
from synapse.language import _
from synapse.settings import Settings

from .calls import Api, Refused
from .following import INTERRUPTED, say


def set_password(settings: Settings, api: Api | None) -> int:
    """Ask for a new password, twice, or read it from the first line of standard input; returns 1 if it was not set.

    :param api: of the control room that runs on this data folder, if there is one: the new password counts at once
    """
    try:
        password = _asked()
    except (KeyboardInterrupt, EOFError):
        say(_('The password was not changed.'))
        return INTERRUPTED
    if password is None:
        say(_('These are two different passwords. Nothing was changed; run this again.'))
        return 1
    try:
        if api is not None:
            api.put('password', {'password': password})
        else:
            make_private_folder(settings.data)
            Password(settings.data / 'password').set(password)
    except Refused as refusal:
        say(refusal.words())
        return 1
    except SynapseError as error:
        say(' '.join([error.message, *getattr(error, 'fields', {}).values()]))
        return 1
    except (OSError, StorageError) as error:
        say(_('The password was not saved: {error}', error=error))
        return 1
    say(_('The password is set. Browsers that came in with an earlier one are signed out.'))
    return 0


def _asked() -> str | None:
    """The password; None if it was typed differently the second time."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip('\r\n')
    first = getpass.getpass(_('New password: '))
    return first if first == getpass.getpass(_('The same again: ')) else None
