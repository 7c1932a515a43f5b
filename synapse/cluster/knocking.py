"""Whether a cluster answers at an address, and if not why: Dask itself tries again and again, and does not say."""

import asyncio
import socket
import ssl

from distributed.comm import connect
from distributed.security import Security

from storage.foreign_words import system_words
from synapse.errors import SynapseError
from synapse.language import _

from . import dask_set_up  # noqa: F401 - before anything of Dask is used

REACHED_SECONDS = 10


class NotJoined(SynapseError):
    """The cluster cannot be joined, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__('not_joined', reason)


class OtherCode(NotJoined):
    """The cluster does not take the certificates of this machine, as they are made of another code."""

    def __init__(self) -> None:
        super().__init__(_('its code is another one. Copy the whole line that the first machine prints.'))


async def knock(address: str, security: Security, role: str = 'worker') -> None:
    """See whether a cluster answers and takes the certificates of this machine.

    :param role: `worker` or `client`, which may have certificates of their own
    :raises OtherCode: if it does not take them
    :raises NotJoined: if there is none
    """
    host, _colon, port = address.partition('://')[2].rpartition(':')
    arguments = security.get_connection_args(role)
    context = arguments.get('ssl_context') if address.startswith('tls:') else None
    try:
        async with asyncio.timeout(REACHED_SECONDS):
            # Whole, with its handshake: the other side takes a connection that ends before for a failure.
            _reader, writer = await asyncio.open_connection(host.strip('[]'), int(port), ssl=context)
            writer.close()
        comm = await connect(address, timeout=REACHED_SECONDS, **arguments)
        comm.abort()
    except (OSError, TimeoutError) as error:
        raise _not_joined(causes_of(error), host) from error


def _not_joined(causes: list[BaseException], host: str) -> NotJoined:
    if any(_is_about_code(error) for error in causes):
        return OtherCode()
    return NotJoined(_reason(causes, host))


def _is_about_code(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError) and (
        isinstance(error, ssl.SSLCertVerificationError) or 'alert' in str(error).lower()
    )


def _reason(causes: list[BaseException], host: str) -> str:
    for error in causes:
        if isinstance(error, ssl.SSLError):
            return _('something else than a cluster answers there. Copy the address that the first machine prints.')
        if isinstance(error, ConnectionRefusedError):
            return _('nothing listens there. Does Synapse run on that machine, with --cluster?')
        if isinstance(error, socket.gaierror):
            return _('there is no machine called {host}.', host=host)
    if any(isinstance(error, TimeoutError) for error in causes):
        return _('nothing answers there. Check the address, and whether a firewall lets connections to it through.')
    return system_words(causes[0]) if isinstance(causes[0], OSError) else str(causes[0])


def causes_of(error: BaseException) -> list[BaseException]:
    """Return an error and what has caused it, the first cause last."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
