"""Taking a machine out of a cluster: all others get a new code, and whoever only has the old one is refused.

Every machine makes its certificate from the code (`identity`), so one alone cannot be refused by it. A server of Dask
takes the new certificates while it runs: connections that are there go on, so runs of the other machines do not notice.
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cryptography import x509
from distributed.comm import connect
from distributed.security import Security

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0


async def is_told(address: str, security: Security, operation: str, **values: str) -> bool:
    """Tell a worker something; returns whether it has answered."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            comm = await connect(address, **security.get_connection_args('client'))
            try:
                await comm.write({'op': operation, 'reply': True, **values})
                return bool(await comm.read() == 'done')
            finally:
                comm.abort()
    except (OSError, TimeoutError) as error:
        log.debug('the machine at %s could not be told: %r', address, error)  # whoever wanted it says so
        return False


def renew(server: Any, security: Security, role: str) -> None:
    """Let a server or client of Dask use the certificates as the files have them now, for each connection from now on.

    :param role: `scheduler`, `worker` or `client`
    """
    for listener in getattr(server, 'listeners', ()):
        # Dask makes its context once, at the start; Tornado takes the current one for each connection.
        listener.tcp_server.ssl_options = security.get_listen_args(role)['ssl_context']
        listener.abort_handshaking_comms()
    server.connection_args['ssl_context'] = security.get_connection_args(role)['ssl_context']


async def shut_out(scheduler: Any, addresses: Iterable[str], own: Iterable[int]) -> None:
    """Take workers out of the scheduler, and end every connection that is not of a worker which stays.

    :param own: the serial numbers of certificates of the control room, whose connections stay too
    """
    for address in addresses:
        await scheduler.remove_worker(address, stimulus_id=f'synapse-removes-{address}')
    staying = {_serial(stream.comm) for stream in scheduler.stream_comms.values()} | set(own)
    for comm in list(scheduler._comms):
        if _serial(comm) not in staying:
            comm.abort()


def serial_in(folder: Path) -> int:
    """Return the serial number of the certificate in a folder, 0 if there is none."""
    try:
        return x509.load_pem_x509_certificate((folder / 'machine.pem').read_bytes()).serial_number
    except (OSError, ValueError):
        return 0


def _serial(comm: Any) -> int:
    """Return the serial number of the certificate at the other end; -1 if the connection is gone."""
    shown = comm.extra_info.get('peercert') if comm is not None else None
    return int(shown['serialNumber'], 16) if shown else -1
