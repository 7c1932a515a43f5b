"""`python main.py worker`: checks what was given, remembers the code, and joins the cluster."""

import asyncio
import logging
import os
import sys

from storage.files import StorageError, make_private_folder
from storage.folder_lock import FolderLock, LockHeld
from synapse import program
from synapse.language import _, joined, spoken
from synapse.log.handler import message_of

from .arguments import CommandLine
from .following import say

NOT_WRITABLE, IN_USE = 3, 4


def be_worker(command: CommandLine) -> int:
    """Carry out runs for a cluster until a signal comes; returns 2 without a code that it needs."""
    from synapse.cluster.identity import (
        CODE_VARIABLE,
        WrongCode,
        has_own_certificates,
        newest_code,
        read_code,
        save_code,
        saved_code,
    )
    from synapse.cluster.joining import join
    from synapse.cluster.names import name_of
    from synapse.offers import Offer, offer_here

    logging.getLogger().addHandler(_Terminal(logging.WARNING))
    folder = command.settings.data / 'machine'
    lock = FolderLock(folder)
    try:
        make_private_folder(folder)
        lock.acquire({'pid': os.getpid()})
        given = command.code or os.environ.pop(CODE_VARIABLE, '')
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
            line = f'{program.NAME} worker {command.at} --code CODE'
            say(joined(text, _('Like this: {command}', command=line)))
            return 2
        name = name_of(command.machine)
        return asyncio.run(
            join(
                command.at,
                code=code,
                folder=folder,
                name=name,
                is_own_name=not command.machine,
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


class _Terminal(logging.Handler):
    """Says in the terminal what a control room would have in its log."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = message_of(record)
            if record.exc_info:
                text = f'{text}\n{logging.Formatter().formatException(record.exc_info)}'
            say(text)
        except Exception:
            self.handleError(record)
