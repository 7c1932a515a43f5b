"""`python main.py worker`: checks what was given, remembers the code, and joins the cluster."""

import asyncio
import os
import re
import socket
import sys
import unicodedata

from storage.files import StorageError, make_private_folder
from storage.folder_lock import FolderLock, LockHeld
from synapse import program
from synapse.language import _, spoken

from .arguments import CommandLine
from .following import say

CODE = 'SYNAPSE_CLUSTER_CODE'
NOT_WRITABLE, IN_USE = 3, 4
RESERVED = ('local', 'worker')
"""The first machine is called `local` in the API, and its workers `worker-1` and so on."""
MOST_LETTERS = 63
"""As many as a name of a host has at most (RFC 1123, 2.1)."""


def be_worker(command: CommandLine) -> int:
    """Carry out runs for a cluster until a signal comes; returns 2 without a code that it needs."""
    from synapse.cluster.identity import WrongCode, has_own_certificates, newest_code, read_code, save_code, saved_code
    from synapse.cluster.joining import join
    from synapse.offers import Offer, offer_here

    folder = command.settings.data / 'machine'
    lock = FolderLock(folder)
    try:
        make_private_folder(folder)
        lock.acquire({'pid': os.getpid()})
        given = command.code or os.environ.pop(CODE, '')
        is_asked = command.at.startswith('tls:') and not has_own_certificates() and sys.stdin.isatty()
        if is_asked and not given and not saved_code(folder):
            given = input(_('Code of the cluster: '))
        if given:
            save_code(folder, newest_code(folder, read_code(given)))
        code = saved_code(folder) if command.at.startswith('tls:') else ''
    except LockHeld as held:
        say(_('A worker already runs on {folder} (pid {pid}).', folder=folder, pid=held.info.get('pid', 'unknown')))
        return IN_USE
    except StorageError as error:
        say(spoken(error))
        return NOT_WRITABLE
    except WrongCode as error:
        say(str(error))
        return 2
    try:
        if not code and command.at.startswith('tls:') and not has_own_certificates():
            text = _('The code of the cluster is missing. The first machine prints the whole line to paste.')
            say(f'{text} {program.NAME} worker {command.at} --code CODE')
            return 2
        name = _name(command.machine)
        return asyncio.run(
            join(
                command.at,
                code=code,
                folder=folder,
                name=name,
                offer=Offer(command.settings.workers, offer_here(command.settings.offer)),
                listen=command.listen,
                say=say,
            )
        )
    except ValueError as error:
        say(str(error))
        return 2
    finally:
        lock.release()


def _name(wanted: str) -> str:
    """Return what this machine is called in the cluster, by default as its system calls it.

    :raises ValueError: if it cannot be called as wanted
    """
    letters = re.sub(r'[\u0300-\u036f]', '', unicodedata.normalize('NFKD', wanted or socket.gethostname()))
    name = re.sub(r'[^0-9A-Za-z._]+', '-', letters)[:MOST_LETTERS].strip('-.')
    if not wanted:
        return f'{name}-machine'.lstrip('-') if name in (*RESERVED, '') else name
    if name in RESERVED:
        raise ValueError(_('Synapse itself uses the name {name}: choose another one with --name.', name=name))
    if not name:
        text = _('{name!r} has neither letters from A to Z nor digits: choose another name with --name.', name=wanted)
        raise ValueError(text)
    return name
