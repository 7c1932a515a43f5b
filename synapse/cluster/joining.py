"""`python main.py worker`: this machine carries out runs for a control room elsewhere, until it is told to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from distributed.security import Security

from storage.foreign_words import system_words
from synapse.engine.engine import HostNotStarted
from synapse.errors import SynapseError
from synapse.language import _, _n, spoken
from synapse.offers import Offer
from synapse.waiting import is_set_within

from .dask_set_up import NO_PAGES
from .identity import security_of
from .knocking import NotJoined, causes_of, knock
from .words import NAME_OF_FIRST
from .worker import RunWorker

AGAIN_SECONDS = 3.0
CLOSE_SECONDS = 10.0

Listen = tuple[str, int] | None
Place = dict[str, Any]


async def join(
    address: str,
    *,
    code: str,
    folder: Path,
    name: str,
    is_own_name: bool,
    offer: Offer,
    listen: Listen,
    say: Callable[[str], None],
) -> int:
    """Offer places to the cluster at this address, again and again when it is gone.

    It ends when a signal comes, or once this machine is removed from the cluster.

    :param folder: private to this worker
    :param is_own_name: whether the name is that of this machine, and nobody has chosen it: it gets a number at its end
        where the first machine is called so too
    :param listen: host and port at which the others reach this machine, 0 for any port; None for what leads to them
    :return: the exit code
    :raises ValueError: if it cannot be reached at that address
    """
    place = _place(address, listen)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises
            loop.add_signal_handler(number, stopped.set)
    security = security_of(code, folder / 'machine') if code else Security()
    said = ''
    while not stopped.is_set():
        try:
            worker = await _joined(address, security, folder, name, offer, place)
        except (OSError, HostNotStarted, NotJoined) as error:
            if isinstance(error, NamedAsFirst) and is_own_name:
                name, is_own_name = f'{name}-2', False
                continue
            reason = spoken(error) if isinstance(error, SynapseError) else system_words(error)
            text = _('Could not join {address}: {reason}', address=address, reason=reason)
            if text != said:
                say(text)
            said = text
        else:
            said = ''
            say(
                _n(
                    '{name} has joined {address} with {count} place.',
                    '{name} has joined {address} with {count} places.',
                    offer.places,
                    name=name,
                    address=address,
                )
            )
            await _first_of(worker.finished(), stopped.wait(), worker.is_removed.wait())
            with contextlib.suppress(Exception):  # it is left anyway
                await asyncio.wait_for(worker.depart() if stopped.is_set() else worker.close(), CLOSE_SECONDS)
            if worker.is_removed.is_set():
                say(_farewell(name, address))
                return 0
            if not stopped.is_set():
                say(_('The cluster at {address} is gone; all runs here were ended. Waiting for it.', address=address))
            else:
                say(_('{name} has left the cluster at {address}.', name=name, address=address))
                return 0
        await is_set_within(stopped, AGAIN_SECONDS)
    say(_('Stopped.'))  # it was not in the cluster
    return 0


def _farewell(name: str, address: str) -> str:
    text = _('{name} was removed from the cluster at {address}; all runs here were ended.', name=name, address=address)
    hint = _('To join again, paste the line that the first machine shows now under Settings, Machines.')
    return f'{text} {hint}'


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


class NamedAsFirst(NotJoined):
    """The first machine is called as this one."""


async def _joined(address: str, security: Security, folder: Path, name: str, offer: Offer, place: Place) -> RunWorker:
    """Return a worker that is in the cluster.

    :raises OSError: if the system refuses
    :raises NotJoined: if it cannot be reached, or refuses this machine
    """
    await knock(address, security)
    worker = RunWorker(address, folder=folder, offer=offer, name=name, security=security, **place, **NO_PAGES)
    try:
        await worker
    except BaseException as error:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(worker.close(), CLOSE_SECONDS)
        said = ''.join(map(str, causes_of(error)))
        if NAME_OF_FIRST in said or 'name taken' in said:
            raise (NamedAsFirst if NAME_OF_FIRST in said else NotJoined)(
                _('a machine called {name} is there already. Give this one another name with --name.', name=name)
            ) from error
        if isinstance(error, RuntimeError):  # Dask has put the reason into it
            raise NotJoined(f'{causes_of(error)[-1]}') from error
        raise
    return worker


def _place(scheduler: str, listen: Listen) -> Place:
    """Return where a worker listens. An address that is not of this machine leads to it, as in a container."""
    if listen is None:
        return {}
    host, port = listen
    plain = host.strip('[]')
    with socket.socket(socket.AF_INET6 if ':' in plain else socket.AF_INET) as probe:
        try:
            probe.bind((plain, 0))
        except OSError as error:
            if not port:
                text = _("{host} isn't an address of this machine; if it leads to this one, add the port", host=host)
                raise ValueError(f'{text}: --listen {host}:PORT') from error
            scheme = scheduler.partition('://')[0]
            return {'host': '0.0.0.0', 'port': port, 'contact_address': f'{scheme}://{host}:{port}'}  # noqa: S104 - TLS
    return {'host': plain, 'port': port or None}
