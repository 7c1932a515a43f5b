"""The login of a destination among the secrets of a profile."""

from collections.abc import Mapping

from synapse.host.profile import LOGIN_PREFIX

from .server import Login

_USERNAMES = ('destination_username', 'destination_user', 'destination_key')
_PASSWORDS = ('destination_password', 'destination_secret')
_KEY_FILES = ('destination_key_file', 'destination_key_filename')


def login_of(secrets: Mapping[str, str], known_hosts: str = '') -> Login:
    """Return the login that the secrets of a profile hold; `destination_endpoint_url` is its option `endpoint_url`.

    :param known_hosts: the file of the host keys that were accepted
    """
    own = (*_USERNAMES, *_PASSWORDS, *_KEY_FILES)
    return Login(
        username=_first(secrets, _USERNAMES),
        password=_first(secrets, _PASSWORDS),
        key_file=_first(secrets, _KEY_FILES),
        known_hosts=known_hosts,
        options={
            name.removeprefix(LOGIN_PREFIX): value
            for name, value in secrets.items()
            if name.startswith(LOGIN_PREFIX) and name not in own
        },
    )


def _first(secrets: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((secrets[name] for name in names if secrets.get(name)), '')
