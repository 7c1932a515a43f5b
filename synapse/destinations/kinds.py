"""The kinds of destinations: which module delivers to them, what must be installed for it, and what they cannot do."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from synapse.language import N_

from .address import ENDPOINT, KEY_FILE, PASSWORD, USERNAME, Location, scheme_of
from .errors import PackageMissing
from .home import HomeFolder, home_of
from .server import Login, Server

EXTRAS: dict[str, tuple[str, ...]] = {
    'sftp': ('paramiko',),
    's3': ('s3fs',),
    'webdav': ('webdav4',),
    'smb': ('smbprotocol',),
}
"""The optional dependencies of `pyproject.toml` by name, and the packages to install for each."""
_IMPORTED = {'paramiko': 'paramiko', 's3fs': 's3fs', 'webdav4': 'webdav4', 'smbprotocol': 'smbclient'}


@dataclass(frozen=True, slots=True)
class Kind:
    """How one scheme is delivered to."""

    module: str
    server: str
    extra: str = ''
    login: tuple[str, ...] = (USERNAME, PASSWORD)
    """The secrets of a profile that open it."""
    limits: tuple[str, ...] = ()
    """What it cannot do, a sentence each, for people."""

    @property
    def is_installed(self) -> bool:
        return not self.extra or is_installed(self.extra)


_FTP_LIMITS = (
    N_('FTP sends the password and the files unencrypted.'),
    N_('FTP cannot prevent that another program takes the same name at the same moment.'),
)
_WEBDAV_LIMITS = (N_('webdav:// sends the password and the files unencrypted; see webdavs://.'),)
_KINDS = {
    'file': Kind('local', 'LocalFolder', login=()),
    'sftp': Kind('sftp', 'SftpServer', 'sftp', login=(USERNAME, PASSWORD, KEY_FILE)),
    'ftp': Kind('ftp', 'FtpServer', limits=_FTP_LIMITS),
    'webdav': Kind('webdav', 'WebdavServer', 'webdav', limits=_WEBDAV_LIMITS),
    'webdavs': Kind('webdav', 'WebdavServer', 'webdav'),
    's3': Kind(
        's3', 'S3Server', 's3', (USERNAME, PASSWORD, ENDPOINT), (N_('A bucket is never created; it must exist.'),)
    ),
    'smb': Kind('smb', 'SmbServer', 'smb', limits=(N_('Names on a share cannot contain \\ : * ? " < > or |.'),)),
}
_OTHER = Kind('other', 'OtherServer', limits=(N_('This kind of server is not tested with Synapse; press Try it.'),))


def kind_of(place: Location) -> Kind:
    return _KINDS.get(place.scheme, _OTHER)


def login_fields(address: str) -> tuple[str, ...]:
    """Return the names of the secrets that can open an address, also while it is still being typed."""
    return _KINDS.get(scheme_of(address), _OTHER).login


def is_installed(extra: str) -> bool:
    """Whether the packages of an extra can be imported."""
    return all(find_spec(_IMPORTED[package]) is not None for package in EXTRAS[extra])


def connect(place: Location, login: Login) -> Server:
    """Connect to a server.

    :raises PackageMissing: if its kind needs packages that are not installed
    :raises Exception: whatever its library raises
    """
    way = home_of(place)
    if way is not None:
        return HomeFolder(place, login, way)
    kind = kind_of(place)
    if not kind.is_installed:
        raise PackageMissing(place.scheme, kind.extra, EXTRAS[kind.extra])
    server: Callable[[Location, Login], Server] = getattr(import_module(f'.{kind.module}', __package__), kind.server)
    return server(place, login)
