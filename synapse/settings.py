"""What can be set when starting Synapse: flags first, then `SYNAPSE_*` variables, then these defaults."""

import ipaddress
import math
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, IPvAnyNetwork, ValidationInfo, field_validator

from storage.foreign_words import system_words
from synapse import program
from synapse.addresses import LOOPBACK_NAMES, Address, AllowedHost, address_in_network
from synapse.language import AUTO, LANGUAGES, _, read_language

MOST_WORKERS = 64
BASE_PATH = re.compile(r'(?:/[A-Za-z0-9][A-Za-z0-9._~-]*)*')
"""Nothing that would have to be encoded in an address, or quoted in a page."""
OWN_PATHS = frozenset(
    (
        'api',
        'auth',
        'help',
        'login',
        'logout',
        'logs',
        'pipelines',
        'profiles',
        'runs',
        'scheduler',
        'settings',
        'static',
        'ws',
    )
)


def _listed(value: Any) -> Any:
    """Split texts such as `a,b`, one of a variable or each of a repeated flag."""
    texts = [value] if isinstance(value, str) else value
    return [part.strip() for text in texts for part in text.split(',') if part.strip()] if _are_texts(texts) else value


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _offers(value: Any) -> Any:
    """Read texts such as `gpu=1`, or `render`, of which there is one."""
    texts = _listed(value)
    if not _are_texts(texts):
        return texts
    offers = {}
    for text in texts:
        name, _equals, much = text.partition('=')
        if not re.fullmatch(r'[a-z][a-z0-9_-]{0,39}', name):
            raise ValueError(
                _("{text!r} isn't an offer such as gpu=1: its name has letters, digits, - and _.", text=text)
            )
        if name == 'here':  # `ONLY_HERE` of synapse/offers.py
            raise ValueError(_('{name} is reserved for runs that only the first machine may carry out.', name=name))
        if not 0 < _amount(much or '1', text) < math.inf:
            raise ValueError(_('{text!r} offers nothing: the amount is more than 0.', text=text))
        if name in offers:
            raise ValueError(_('{name} is given twice.', name=name))
        offers[name] = much or 1
    return offers


def _amount(much: str, text: str) -> float:
    try:
        return float(much)
    except ValueError:
        raise ValueError(_("{text!r} isn't an offer such as gpu=1: its amount is a number.", text=text)) from None


def _names(value: Any) -> Any:
    texts = _listed(value)
    return [AllowedHost.read(text) for text in texts] if _are_texts(texts) else texts


def default_data_folder() -> Path:
    """The platform's user data folder, such as `~/.local/share/synapse` on Linux."""
    return Path(platformdirs.user_data_dir('synapse', appauthor=False))


def cluster_address(text: str) -> str:
    """Return the address of a scheduler, such as `tls://10.0.0.5:8786`; `tcp:` only where it leads to this machine.

    :raises ValueError: if it is none
    """
    text = text.strip().rstrip('/')  # as it may be pasted
    found = re.fullmatch(r'(tls|tcp)://([^\s/:@]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})', text)
    if found is None or not 0 < int(found[3]) <= 65535:
        raise ValueError(_("{address!r} isn't an address such as tls://10.0.0.5:8786.", address=text))
    if found[1] == 'tcp' and found[2] not in LOOPBACK_NAMES:
        raise ValueError(_('Without encryption only this machine itself can be used: give tls:// instead of tcp://.'))
    return text


def own_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST`, `HOST:PORT` or `[HOST]:PORT`; the port is 0 where none is given.

    :raises ValueError: if it is none of these
    """
    found = re.fullmatch(r'([^\s/:@\[\]]+|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?', text)
    if found is None or not 0 <= int(found[2] or 0) <= 65535:
        raise ValueError(
            _("{address!r} isn't an address of this machine, such as 10.0.0.6 or 10.0.0.6:8790.", address=text)
        )
    return found[1], int(found[2] or 0)


class Settings(BaseModel):
    """Every setting of the command line; sizes in bytes."""

    model_config = ConfigDict(frozen=True, extra='forbid', validate_default=True)

    host: str = '127.0.0.1'
    port: int = Field(default=8000, ge=0, le=65535)
    data: Path = Field(default_factory=default_data_folder)
    workers: int = Field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)), ge=1, le=MOST_WORKERS)
    no_browser: bool = False
    no_link: bool = False
    """Whether not to print the sign-in link, where what is printed is kept."""
    native: bool = False
    no_login: bool = False

    allow_host: Annotated[tuple[AllowedHost, ...], BeforeValidator(_names)] = ()
    """Further names at which it may be reached; the first one is in the links for people."""
    trusted_proxy: Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(_listed)] = ()
    base_path: str = ''
    """Path below which browsers find it, without a slash at its end; empty for the root."""
    password_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """Files in PEM: the certificate with those that vouch for it, and its private key."""

    cluster: str | None = None
    """None for this machine alone; empty to let other machines join; else the scheduler of a cluster elsewhere."""
    cluster_port: int = Field(default=8786, ge=0, le=65535)
    """Where other machines join."""

    offer: Annotated[Mapping[str, float], BeforeValidator(_offers)] = Field(default_factory=dict)
    """What this machine has by which pipelines may choose it, such as `{'gpu': 1}`."""

    language: str | None = None
    """What everything is said in, a key of `LANGUAGES`; None for what was chosen in Settings."""

    max_upload_bytes: int = Field(default=20 * 1000**3, ge=1)
    min_free_bytes: int = Field(default=500 * 1000**2, ge=0)
    """With less free disk space no new run starts."""

    @field_validator('data')
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator('language', mode='before')
    @classmethod
    def _known_language(cls, value: Any) -> Any:
        if value is None or value == AUTO:
            return None
        known = read_language(str(value))
        if known is None:
            from synapse.language.formats import listed  # Babel takes longer to import than most commands

            names = listed([f'{name.replace("_", "-")} ({title})' for name, title in LANGUAGES.items()], style='or')
            raise ValueError(
                _(
                    'There are no texts in the language {language!r} yet. Choose {names}.',
                    language=value,
                    names=names,
                )
            )
        return known

    @field_validator('cluster')
    @classmethod
    def _scheduler(cls, value: str | None) -> str | None:
        return value and cluster_address(value)

    @field_validator('password_file', 'tls_cert', 'tls_key')
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        path = value.expanduser().absolute()
        try:
            path.read_bytes()
        except OSError as error:
            raise ValueError(_('{path} cannot be read: {reason}.', path=path, reason=system_words(error))) from error
        return path

    @field_validator('tls_key')
    @classmethod
    def _both(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if 'tls_cert' not in info.data:  # it has an error of its own
            return value
        certificate = info.data['tls_cert']
        if (value is None) != (certificate is None):
            raise ValueError(_('A certificate and its key belong together: give --tls-cert and --tls-key.'))
        if value is not None:
            _check_certificate(certificate, value)
        return value

    @field_validator('base_path')
    @classmethod
    def _path(cls, value: str) -> str:
        path = value.strip('/')
        path = f'/{path}' if path else ''
        if not BASE_PATH.fullmatch(path):
            raise ValueError(_('{value!r} is no path such as /synapse, of letters, digits and - . _ ~.', value=value))
        if path.split('/')[1:2] and path.split('/')[1] in OWN_PATHS:
            raise ValueError(
                _('{path} begins like a page of Synapse itself. Choose another, such as /synapse.', path=path)
            )
        return path

    @property
    def is_loopback(self) -> bool:
        if self.host == 'localhost':
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> 'Settings':
        """The same settings with the port that was actually bound."""
        return self.model_copy(update={'port': port})

    @property
    def authority(self) -> str:
        """`host:port` as a browser of this machine writes it in its Host header."""
        host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(self.host, self.host)  # noqa: S104
        return f'[{host}]:{self.port}' if ':' in host else f'{host}:{self.port}'

    @property
    def is_of_all_addresses(self) -> bool:
        """Whether it listens on every address of this machine."""
        return self.host in ('0.0.0.0', '::')  # noqa: S104

    @property
    def scheme(self) -> str:
        return 'https' if self.tls_cert is not None else 'http'

    @property
    def url(self) -> str:
        """Where programs of this machine find it."""
        return f'{self.scheme}://{self.authority}{self.base_path}/'

    @property
    def people_url(self) -> str:
        """Where people find it, also from elsewhere: under the first name that it was given."""
        if self.allow_host:
            return f'{self.allow_host[0].origin}{self.base_path}/'
        if self.is_of_all_addresses and (address := address_in_network()):
            return f'{self.scheme}://{address}:{self.port}{self.base_path}/'
        return self.url

    def url_for(self, address: Address | None) -> str:
        """Where the sender of a request finds it, in a form for calendars and others to keep.

        :param address: at which the request came; None stands for a loopback one
        """
        if address is None or (address.is_loopback and self.allow_host):
            return self.people_url
        return address.url


def _check_certificate(certificate: Path, key: Path) -> None:
    """:raises ValueError: if the files are no certificate and its key"""
    import ssl  # not needed on a machine of one's own

    try:
        # An encrypted key would be asked for at the terminal otherwise.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password='')
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, 'reason', None) or str(error)
        raise ValueError(
            _(
                '{certificate} with {key} is no certificate with its key, in PEM ({reason}).',
                certificate=certificate,
                key=key,
                reason=reason,
            )
        ) from error


def command_with_data(settings: 'Settings', *words: str) -> str:
    """Return what to type for a command that means this data folder, which is named unless it is the usual one."""
    where = () if settings.data == Settings().data else ('--data', shlex.quote(str(settings.data)))
    return ' '.join((program.NAME, *words, *where))


def settings_from(flags: dict[str, Any]) -> Settings:
    """Settings in which given flags take precedence over `SYNAPSE_*` variables.

    :raises pydantic.ValidationError: if a value is invalid
    """
    variables = {name.lower(): text for name, text in os.environ.items()}
    given: dict[str, Any] = {name: variables.get(f'synapse_{name}') for name in Settings.model_fields}
    given |= {name: value for name, value in flags.items() if value is not None}
    return Settings(**{name: value for name, value in given.items() if value is not None})
