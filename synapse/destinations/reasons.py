"""Why a server cannot be used, in words for people: one sentence for a cause, whichever library has met it.

The libraries are not imported here; their exceptions are known by the names of their classes.
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from storage.foreign_words import system_words
from synapse.language import N_, _, translated

from .address import Location, addresses
from .server import Login

CHECK = N_('Check that it exists, has free space and is writable.')
_PORTS = {'sftp': 22, 'ftp': 21, 'webdav': 80, 'webdavs': 443, 'smb': 445}
_PROTOCOLS = {'sftp': 'SSH', 'ftp': 'FTP', 'webdav': 'WebDAV', 'webdavs': 'WebDAV', 's3': 'S3', 'smb': 'SMB'}

_NO_HOST = {'gaierror', 'ClientConnectorDNSError'}
_TIMEOUTS = {'TimeoutError', 'TimeoutException', 'ConnectTimeoutError', 'ReadTimeoutError'}
_OTHER_PROTOCOL = {
    'error_proto',
    'error_reply',
    'RemoteProtocolError',
    'ResponseParserError',
    'MultiStatusResponseError',
}
_ENDED = {'EOFError', 'ConnectionError', 'SMBConnectionClosed', 'NetworkError', 'HTTPClientError'}
_REFUSED_LOGIN = {'AuthenticationException', 'LogonFailure', 'SMBAuthenticationError', 'SpnegoError'}
_NO_KEYS = {'NoCredentialsError', 'PartialCredentialsError'}
_BAD_KEYS = {'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'ExpiredToken', 'AuthFailure'}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}
_HINTS = {
    errno.ENOSPC: N_('Free some space there.'),
    errno.EDQUOT: N_('Free some space there.'),
    errno.EACCES: N_('Check who may write there.'),
    errno.EPERM: N_('Check who may write there.'),
    errno.EROFS: N_('Choose a folder that can be written to.'),
    errno.ENAMETOOLONG: N_('Choose a shorter name.'),
    errno.ENOTDIR: N_('Choose a folder.'),
    errno.EISDIR: N_('Move the folder of that name away, or choose another name.'),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something failed, to follow a colon, and what to do."""

    text: str
    hint: str


def reason_of(error: BaseException, place: Location, login: Login, *, is_new: bool) -> Reason | None:
    """Return why a destination cannot be used, None if only the exception itself can say it.

    :param is_new: whether nothing was heard yet of the server as what its address says it is
    """
    failure = _Failure(error, place, login)
    if place.is_local:
        return failure.system()
    return (
        failure.network() or failure.protocol(is_new=is_new) or failure.login() or failure.bucket() or failure.system()
    )


class _Failure:
    def __init__(self, error: BaseException, place: Location, login: Login) -> None:
        self._chain = list(_chain(error))
        self._names = {kind.__name__ for item in self._chain for kind in type(item).__mro__}
        self._texts = ' '.join(map(str, self._chain))
        self._numbers = [number for item in self._chain if isinstance(number := getattr(item, 'errno', None), int)]
        self._status = next(filter(None, map(_status, self._chain)), 0)
        self._place, self._login = place, login
        self._host, self._server = _server_of(place, login)
        self._protocol = _PROTOCOLS.get(place.scheme, place.scheme)

    def network(self) -> Reason | None:
        """What any kind of server has in common: the way to it."""
        if self._names & _NO_HOST:
            return Reason(
                _('there is no host called {host}', host=self._host), _('Check its spelling, and the network.')
            )
        if 'ConnectionRefusedError' in self._names:
            return Reason(
                _('nothing listens at {server}', server=self._server),
                _('Check the port, and that the server is running.'),
            )
        if any(number in _UNREACHABLE for number in self._numbers):
            return Reason(
                _('{host} cannot be reached from here', host=self._host), _('Check the address, and the network.')
            )
        if 'SSLCertVerificationError' in self._names:
            why = next(text for item in self._chain if (text := str(getattr(item, 'verify_message', ''))))
            return Reason(
                _('the certificate of {host} is not trusted ({why})', host=self._host, why=why),
                _('Give the host by the name in its certificate, or let this machine trust who has signed it.'),
            )
        if 'WRONG_VERSION_NUMBER' in self._texts or 'RECORD_LAYER_FAILURE' in self._texts:
            plain = _('http:// in the endpoint') if self._place.scheme == 's3' else 'webdav://'
            return Reason(
                _('{server} does not speak https', server=self._server),
                _('Give the port of https, or write {plain}, which is unencrypted.', plain=plain),
            )
        if 'SSLError' in self._names:
            hint = _('Check the port, and that the server allows TLS 1.2 or later.')
            return Reason(_('no encrypted connection to {server} can be made', server=self._server), hint)
        return None

    def protocol(self, *, is_new: bool) -> Reason | None:
        """What answers isn't a server of this kind, or does not answer at all."""
        if self._names & _TIMEOUTS or 'Connection timeout of' in self._texts:  # of smbprotocol
            hint = _('Check host and port, and that {kind} answers there.', kind=self._a_server)
            return Reason(_('{server} did not answer in time', server=self._server), hint)
        if is_new and ('SSH protocol banner' in self._texts or self._names & (_OTHER_PROTOCOL | _ENDED)):
            return self._other_protocol()
        if is_new and self._place.scheme in ('webdav', 'webdavs') and self._status in (400, 404, 405, 501):
            return self._other_protocol()
        if not is_new and self._names & _ENDED:
            return Reason(_('the connection to {host} was lost', host=self._host), _('Check the network, then retry.'))
        return None

    def _other_protocol(self) -> Reason:
        port = _PORTS.get(self._place.scheme)
        hint = _('Check host and port.')
        if port:
            hint = _('Check host and port: {protocol} usually has port {port}.', protocol=self._protocol, port=port)
        return Reason(_('what answers at {server} is not {kind}', server=self._server, kind=self._a_server), hint)

    @property
    def _a_server(self) -> str:
        if self._protocol == 'WebDAV':
            return _('a WebDAV server')
        return _('an {protocol} server', protocol=self._protocol)

    def login(self) -> Reason | None:
        has_keys = self._place.scheme == 's3'
        enter = _('Enter them in the fields of the profile.')
        is_missing = not (self._login.username or self._login.password or self._login.key_file)
        if self._names & _NO_KEYS or 'No authentication methods' in self._texts:
            missing = (
                _('the access key and the secret key are missing') if has_keys else _('user and password are missing')
            )
            return Reason(missing, enter)
        if has_keys and self._status == 403:
            text = _(
                '{host} refused the access key, or does not let it use the bucket {bucket}',
                host=self._host,
                bucket=self._place.host,
            )
            return Reason(text, _('Check the keys in the profile, and what they are allowed.'))
        is_refused = (
            self._names & _REFUSED_LOGIN
            or self._status == 401
            or (self._place.scheme == 'ftp' and self._texts.startswith('530'))
            or any(code in self._texts for code in _BAD_KEYS)
        )
        if not is_refused:
            return None
        if is_missing:
            asks = _('{host} asks for a user and a password', host=self._host)
            return Reason(_('{host} asks for its keys', host=self._host) if has_keys else asks, enter)
        refused = _('{host} refused the user or the password', host=self._host)
        if has_keys:
            refused = _('{host} refused the access key or the secret key', host=self._host)
        return Reason(refused, _('Enter them again in the fields of the profile.'))

    def bucket(self) -> Reason | None:
        """The bucket or share, which is never created."""
        if 'There is no share' in self._texts:
            share = self._place.path.strip('/').partition('/')[0]
            return Reason(
                _('there is no share {share}', share=share),
                _('Check its name, and that {host} offers it.', host=self._host),
            )
        if self._place.scheme != 's3':
            return None
        if 'ParamValidationError' in self._names and 'bucket name' in self._texts:
            hint = _('Its name has only letters, digits, dots, - and _, such as s3://my-films/2026.')
            return Reason(_('a bucket cannot be called {name}', name=self._place.host), hint)
        if 'There is no bucket' in self._texts:
            return Reason(
                _('there is no bucket {name}', name=self._place.host), _('Check its name, or create it first.')
            )
        return None

    def system(self) -> Reason | None:
        """What the system says by a number, or a server by a status that means the same."""
        for item in self._chain:
            if isinstance(item, NotADirectoryError) and item.filename:
                file = _file_above(item.filename) if self._place.is_local else item.filename
                return Reason(_('{file} is a file, not a folder', file=file), translated(_HINTS[errno.ENOTDIR]))
            if isinstance(item, OSError) and item.errno in _HINTS and item.strerror:
                return Reason(system_words(item), translated(_HINTS[item.errno]))
        if self._status == 403:
            return Reason(_('{host} does not let this user write there', host=self._host), _('Check its permissions.'))
        if self._status == 507:
            return Reason(_('no space is left there'), translated(_HINTS[errno.ENOSPC]))
        if isinstance(self._chain[0], ImportError) and (package := _package_in(str(self._chain[0]))):
            return Reason(
                _('the package {package} is not installed', package=package),
                _(
                    'Install it with: python -m pip install {package}. Or give a folder, or {addresses}.',
                    package=package,
                    addresses=addresses(),
                ),
            )
        return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        # Of paramiko, for each address of a host.
        several = getattr(error, 'errors', None)
        if isinstance(several, dict):
            yield from (item for item in several.values() if isinstance(item, BaseException))
        error = error.__cause__ or error.__context__


def _file_above(path: str) -> Path:
    """Return which part of a path is the file that is taken for a folder."""
    return next((above for above in (Path(path), *Path(path).parents) if above.is_file()), Path(path))


def _status(error: BaseException) -> int:
    """Return the HTTP status of an answer, 0 if it isn't one."""
    response = getattr(error, 'response', None)
    if isinstance(response, dict):  # of botocore
        return int(response.get('ResponseMetadata', {}).get('HTTPStatusCode') or 0)
    return int(getattr(response, 'status_code', 0) or getattr(error, 'status_code', 0) or 0)


def _server_of(place: Location, login: Login) -> tuple[str, str]:
    """Return the host, and the host with its port."""
    if place.scheme != 's3':
        port = place.port or _PORTS.get(place.scheme)
        return place.host, f'{place.host}:{port}' if port else place.host
    endpoint = urlsplit(login.options.get('endpoint_url') or '')
    return endpoint.hostname or _('Amazon S3'), endpoint.netloc.rpartition('@')[2] or _('Amazon S3')


def _package_in(text: str) -> str:
    found = re.search(r'[Ii]nstall (?:the )?["`\']?([A-Za-z][\w.-]*\w)', text)
    return found[1] if found else ''
