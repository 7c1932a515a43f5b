"""`python main.py service`: installs Synapse as a service of the person, says how that is, and removes it."""

import shlex
import sys
import time
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.files import StorageError
from storage.folder_lock import FolderLock
from synapse import program
from synapse.language import _, spoken
from synapse.service.job import MARK, STOP_SECONDS, Job, ServiceError, State

from .arguments import CommandLine, parse
from .calls import Refused
from .client import api_of, url_of
from .following import say, write

if TYPE_CHECKING:
    from synapse.settings import Settings

IN_USE = 4
START_SECONDS = 60.0
POLL_SECONDS = 0.2


class Manager(Protocol):
    """What starts services: systemd, launchd or Windows Task Scheduler."""

    path: Path
    """The file in which it keeps ours."""

    def install(self, job: Job, *, at_boot: bool = False) -> list[str]: ...

    def uninstall(self) -> list[str]: ...

    def state(self) -> State: ...

    def command(self) -> list[str]: ...


def control_service(command: CommandLine) -> int:
    """Install, show or remove the service; returns 1 if that fails, or if it was asked for and does not run."""
    manager = manager_of(command.settings)
    try:
        if command.action == 'install':
            return _install(manager, command.settings, at_boot=command.at_boot)
        if not manager.path.exists():
            command_line = f'{program.NAME} service install'
            say(_('Synapse is not installed as a service. Install it with: {command}', command=command_line))
            return 1
        _require_ours(manager)
        settings = _settings_of(manager)
        if command.action == 'uninstall':
            write('\n'.join([*manager.uninstall(), _('What it has kept stays in {data}.', data=settings.data)]))
            return 0
        state = manager.state()
        write('\n'.join(status_lines(state, url_of(settings), manager.path)))
        return 0 if state.is_running else 1
    except (ServiceError, StorageError, OSError) as error:
        say(spoken(error))
        if command.action == 'install':
            words = shlex.join(Job.of(command.settings).command)
            say(_('Have whatever starts programs here run this, and again if it ends with an error:'))
            say(f'  {words}')
        return 1


def manager_of(settings: 'Settings') -> Manager:
    """Return the manager of services of this system."""
    if sys.platform == 'darwin':
        from synapse.service.launchd import Launchd

        return Launchd()
    if sys.platform == 'win32':
        from synapse.service.task import Task

        return Task(settings.data / 'service.xml', lambda: _stop(settings))
    from synapse.service.systemd import Systemd

    return Systemd()


def _require_ours(manager: Manager) -> None:
    """:raises ServiceError: if somebody else has written the file"""
    data = manager.path.read_bytes()
    if MARK.encode() not in data and MARK.encode('utf-16-le') not in data:
        raise ServiceError(
            _('{path} was not written by Synapse. Move it away first; nothing was changed.', path=manager.path)
        )


def _settings_of(manager: Manager) -> 'Settings':
    """Return the settings with which the installed service starts Synapse."""
    flags = [word for word in manager.command()[1:] if word.startswith('--')]
    return parse(flags).settings


def _install(manager: Manager, settings: 'Settings', *, at_boot: bool) -> int:
    has_file = manager.path.exists()
    if has_file:
        _require_ours(manager)
    is_its_own = has_file and _settings_of(manager).data == settings.data and manager.state().is_running
    if url_of(settings) is not None and not is_its_own:
        pid = FolderLock(settings.data).info().get('pid', 'unknown')
        text = _(
            'Synapse already runs on {data} (pid {pid}). Stop it first, then install it.', data=settings.data, pid=pid
        )
        say(text)
        return IN_USE
    write('\n'.join(manager.install(Job.of(settings), at_boot=at_boot)))
    if not at_boot and not manager.state().at_boot:
        again = f'{program.NAME} service install --boot'
        write(_('It starts when you sign in. To have it start with the machine: {command}', command=again))
    url = _wait_until_ready(manager, settings)
    if url is None:
        say(_('It has not answered yet. See: {command}', command=f'{program.NAME} service status'))
        return 1
    from synapse.settings import command_with_data

    write(_('Synapse is ready at {url}. Open it with: {command}', url=url, command=command_with_data(settings, 'open')))
    return 0


def _wait_until_ready(manager: Manager, settings: 'Settings') -> str | None:
    deadline = time.monotonic() + START_SECONDS
    while (url := url_of(settings)) is None and time.monotonic() < deadline and manager.state().is_running:
        time.sleep(POLL_SECONDS)
    return url


def status_lines(state: State, address: str | None, path: Path) -> Sequence[str]:
    """Return how the service is, for people.

    :param address: where Synapse answers on the data folder; None if it does not
    """
    if not state.is_running:
        runs = _('The service does not run ({problem}).', problem=state.problem or _('it was stopped'))
    elif state.since:
        runs = _('The service runs since {since} (pid {pid}).', since=state.since, pid=state.pid)
    else:
        runs = _('The service runs.')
    starts = _('It starts with the machine: {path}') if state.at_boot else _('It starts when you sign in: {path}')
    return [
        runs,
        _('Address: {address}', address=address) if address else _('It does not answer on this data folder.'),
        starts.format(path=path),
        *([_('Last lines:'), *(f'  {line}' for line in state.lines)] if state.lines else []),
    ]


def _stop(settings: 'Settings') -> None:
    """Ask the running Synapse to stop, and wait until it has."""
    url = url_of(settings)
    if url is None:
        return
    try:
        api_of(settings, url).post('stop', {})
    except (Refused, HTTPException, OSError, ValueError) as error:
        raise ServiceError(_('Synapse at {url} could not be stopped: {error}', url=url, error=error)) from error
    deadline = time.monotonic() + STOP_SECONDS
    while url_of(settings) is not None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
