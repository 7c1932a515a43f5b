"""Addresses of destinations: what they mean, whether they can be used, and which part of them is secret."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator

from synapse.language import _
from synapse.pasted_paths import understood
from synapse.scrubber import masked

from .errors import DestinationError

USERNAME, PASSWORD, KEY_FILE = 'destination_username', 'destination_password', 'destination_key_file'
ENDPOINT = 'destination_endpoint_url'
"""The secrets of a profile that open its destination."""

_ALIASES = {'ssh': 'sftp', 'dav': 'webdav', 'davs': 'webdavs', 's3a': 's3', 'local': 'file'}
SERVERS = frozenset({'sftp', 'ftp', 'webdav', 'webdavs', 's3', 'smb'})
_READ_ONLY = {'http': 'webdav', 'https': 'webdavs'}
_NO_PLACE = frozenset({'memory', 'data', 'zip', 'tar', 'libarchive', 'cached', 'blockcache', 'filecache'})
_NO_PLACE |= {
    'simplecache',
    'dir',
    'reference',
    'generic',
    'github',
    'git',
    'jsdelivr',
    'jlab',
    'jupyter',
    'async_wrapper',
}
"""Protocols of fsspec that keep nothing, or lead to another address or to a file that must exist."""

_URL = re.compile(r'([A-Za-z][A-Za-z0-9+.-]+)://(.*)', re.DOTALL)
_REST = re.compile(
    r'(?:(?P<login>[^/]*)@)?(?P<host>\[[^\]/@]+\]|[^/:@\[\]]*)(?::(?P<port>\d*))?(?P<path>/.*)?', re.DOTALL
)
_CONTROL = re.compile(r'[\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Location:
    """Where an address leads."""

    scheme: str
    """`file` for a folder on this machine; otherwise that of the address, without its aliases."""
    path: str
    host: str = ''
    """For S3, the bucket."""
    port: int | None = None
    username: str = field(default='', repr=False)
    password: str = field(default='', repr=False)

    @property
    def is_local(self) -> bool:
        return self.scheme == 'file'

    @property
    def text(self) -> str:
        """The address without user and password."""
        if self.is_local:
            return self.path
        port = '' if self.port is None else f':{self.port}'
        return f'{self.scheme}://{self.host}{port}{self.path}'

    def text_of(self, name: str) -> str:
        """The address of a file in the folder, without user and password."""
        return str(Path(self.path) / name) if self.is_local else f'{self.text.rstrip("/")}/{name}'


def located(address: str) -> Location:
    """Return where an address leads; nothing is opened.

    :raises DestinationError: if it is neither an absolute folder nor an address of a known kind; it never repeats a
        password
    """
    text = address.strip()
    if not text:
        raise DestinationError(
            _('No destination is given.'), _('Give a folder, or an address like sftp://host/folder.')
        )
    if _CONTROL.search(text):
        raise DestinationError(_('The address has a line break or a control character in it.'), _('Type it again.'))
    if _parts(text)[0] == 'file':
        text = understood(text)
    scheme, rest = _parts(text)
    if scheme == 'file':
        return Location('file', _local(rest))
    if scheme in SERVERS:
        return _on_server(scheme, rest)
    _check_other(scheme)
    return Location(scheme, rest)


def scheme_of(address: str) -> str:
    """Return the scheme of an address as `Location` has it, also while the address is still being typed."""
    return _parts(address.strip())[0]


def check_destination(destination: str) -> str:
    """Return the address as it is saved: without surrounding space, with `~` expanded; nothing is opened.

    :raises DestinationError: if it cannot be used, or has a password in it
    """
    place = located(destination)
    is_read = place.scheme == 'file' or place.scheme in SERVERS
    if place.username or place.password or (not is_read and masked(destination) != destination):
        raise DestinationError(
            _('A destination must not contain a user or password.'), _('Enter them in the fields of the profile.')
        )
    return place.text


def checked_address(value: str) -> str:
    """Return `check_destination` of a value, unless it is blank; for Pydantic. Looks at the disk, and at no server.

    :raises ValueError: with message and hint
    """
    try:
        saved = check_destination(value) if value.strip() else ''
        if saved and located(saved).is_local and Path(saved).is_file():
            raise DestinationError(_('{path} is a file, not a folder.', path=saved), _('Choose a folder.'))
        return saved
    except DestinationError as error:
        raise ValueError(f'{error.message} {error.hint}'.strip()) from error


Address = Annotated[str, AfterValidator(checked_address)]
"""A field for a destination, or for none."""


def without_login(address: str) -> tuple[str, dict[str, str]]:
    """Return the address without user and password, and these as secrets of a profile.

    An address that cannot be read is returned with its login hidden, and without secrets.
    """
    try:
        place = located(address)
    except DestinationError:
        return masked(address), {}
    found = {USERNAME: place.username, PASSWORD: place.password}
    if not any(found.values()):
        return address, {}
    return replace(place, username='', password='').text, {name: value for name, value in found.items() if value}


def passwords_in(address: str) -> set[str]:
    """Return the password in an address as it is typed there and as it is meant; empty if there is none."""
    scheme, rest = _parts(address.strip())
    parts = _REST.fullmatch(rest) if scheme in SERVERS else None
    typed = parts['login'].partition(':')[2] if parts and parts['login'] else ''
    return {typed, unquote(typed)} - {''}


def _parts(text: str) -> tuple[str, str]:
    url = _URL.fullmatch(text)
    if url is None:
        return 'file', text
    scheme = url[1].lower()
    return _ALIASES.get(scheme, scheme), url[2]


def _local(text: str) -> str:
    folder = Path(text).expanduser()
    if not folder.is_absolute():
        raise DestinationError(
            _('{text} is not a full path.', text=text),
            _('Start with / or ~, or give an address like sftp://host/folder.'),
        )
    return str(folder)


def _on_server(scheme: str, rest: str) -> Location:
    parts = _REST.fullmatch(rest)
    port = parts and parts['port']
    if parts is None or not parts['host'] or (port is not None and not (port and 0 < int(port) < 65536)):
        raise DestinationError(
            _('What follows {scheme}:// cannot be read.', scheme=scheme),
            _(
                'Write it as {example}, and enter user and password in the fields of the profile.',
                example=_EXAMPLES[scheme],
            ),
        )
    path = parts['path'] or ''
    if scheme == 'smb' and not path.strip('/'):
        raise DestinationError(_('The address names no share.'), _('Write it as {example}.', example=_EXAMPLES[scheme]))
    username, __, password = (parts['login'] or '').partition(':')
    return Location(scheme, path, parts['host'], int(port) if port else None, unquote(username), unquote(password))


_EXAMPLES = {
    'sftp': 'sftp://host/folder',
    'ftp': 'ftp://host/folder',
    'webdav': 'webdav://host/folder',
    'webdavs': 'webdavs://host/folder',
    's3': 's3://bucket/folder',
    'smb': 'smb://host/share/folder',
}


def addresses() -> str:
    """Return the kinds of addresses, for people."""
    *others, last = _EXAMPLES.values()
    return _('{addresses} or {last}', addresses=', '.join(others), last=last)


def _check_other(scheme: str) -> None:
    if scheme in _READ_ONLY:
        raise DestinationError(
            _('{scheme}:// can only be read from.', scheme=scheme),
            _('If the server speaks WebDAV, write {scheme}://.', scheme=_READ_ONLY[scheme]),
        )
    if scheme in _NO_PLACE:
        raise DestinationError(
            _('Nothing can be kept at {scheme}://.', scheme=scheme), _('Give a folder, or the address of a server.')
        )
    from fsspec.registry import known_implementations, registry

    if scheme not in known_implementations and scheme not in registry:
        raise DestinationError(
            _('{scheme}:// is not a known kind of address.', scheme=scheme),
            _('Give a folder, or {addresses}.', addresses=addresses()),
        )
