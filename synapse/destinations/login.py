"""The login of a destination among the secrets of a profile."""

from collections.abc import Mapping

from .server import Login

OPTION_PREFIX = 'destination_'
"""Secrets of a profile with this prefix are for its destination: `destination_endpoint_url` is `endpoint_url`."""
_USERNAMES = ('destination_username', 'destination_user', 'destination_key')
_PASSWORDS = ('destination_password', 'destination_secret')
_KEY_FILES = ('destination_key_file', 'destination_key_filename')


def login_of(secrets: Mapping[str, str], known_hosts: str = '') -> Login:
    """Return the login that the secrets of a profile hold.

    :param known_hosts: the file of the host keys that were accepted
    """
    own = (*_USERNAMES, *_PASSWORDS, *_KEY_FILES)
    return Login(
        username=_first(secrets, _USERNAMES),
        password=_first(secrets, _PASSWORDS),
        key_file=_first(secrets, _KEY_FILES),
        known_hosts=known_hosts,
        options={
            name.removeprefix(OPTION_PREFIX): value
            for name, value in secrets.items()
            if name.startswith(OPTION_PREFIX) and name not in own
        },
    )


def _first(secrets: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((secrets[name] for name in names if secrets.get(name)), '')
