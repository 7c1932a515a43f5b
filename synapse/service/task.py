"""A task of Windows Task Scheduler: [MS-TSCH] 2.5. Written from the specification; no test has run it on Windows."""

import subprocess
from collections.abc import Callable
from getpass import getuser
from pathlib import Path
from xml.etree import ElementTree  # only written here, never read

from storage.files import write_atomically
from synapse.language import _
from synapse.task_scheduler.element import read_xml
from synapse.task_scheduler.reading import arguments_of

from .job import MARK, NAME, TITLE, Job, ServiceError, State

NAMESPACE = 'http://schemas.microsoft.com/windows/2004/02/mit/task'


def task(job: Job, user: str) -> str:
    """Return the task as XML.

    :param user: at whose sign-in it starts
    """
    settings = {
        'MultipleInstancesPolicy': 'IgnoreNew',
        'DisallowStartIfOnBatteries': 'false',
        'StopIfGoingOnBatteries': 'false',
        'AllowHardTerminate': 'true',
        'RestartOnFailure': {'Interval': 'PT1M', 'Count': '255'},
        'ExecutionTimeLimit': 'PT0S',
    }
    principal = {'UserId': user, 'LogonType': 'InteractiveToken', 'RunLevel': 'LeastPrivilege'}
    action = {'Command': job.command[0], 'Arguments': subprocess.list2cmdline(job.command[1:])}
    root = _element(
        'Task',
        {
            'RegistrationInfo': {'Description': f'{TITLE}. {MARK}'},
            'Triggers': {'LogonTrigger': {'Enabled': 'true', 'UserId': user}},
            'Principals': {'Principal': principal},
            'Settings': settings,
            'Actions': {'Exec': action},
        },
    )
    root.attrib |= {'version': '1.2', 'xmlns': NAMESPACE}
    return ElementTree.tostring(root, encoding='unicode', xml_declaration=False)


def _element(name: str, content: object) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(content, dict):
        element.extend(_element(*item) for item in content.items())
    else:
        element.text = str(content)
    return element


class Task:
    """Windows Task Scheduler, asked by schtasks.

    :param path: where the XML is kept, in the data folder
    :param stop: asks the running Synapse to stop: the scheduler would kill it
    """

    def __init__(self, path: Path, stop: Callable[[], object]) -> None:
        self.path = path
        self._stop = stop

    def install(self, job: Job, *, at_boot: bool = False) -> list[str]:
        """Write and start the task, or replace it; returns what was done, in sentences.

        :raises ServiceError: if schtasks refuses
        """
        if job.variables:
            names = ', '.join(job.variables)
            raise ServiceError(_('A task has no variables. Set them for your account: {names}.', names=names))
        text = f'<?xml version="1.0" encoding="UTF-16"?>\n{task(job, getuser())}'
        write_atomically(self.path, text.encode('utf-16'))  # schtasks reads no other
        _call('/Create', '/TN', NAME, '/XML', str(self.path), '/F')
        _call('/Run', '/TN', NAME)
        never = _('It does not start before you sign in: Windows would ask for your password.')
        return [_('Installed: {path}', path=self.path), *([never] if at_boot else [])]

    def uninstall(self) -> list[str]:
        """Stop and remove the task; returns what was done, in sentences."""
        self._stop()
        _call('/Delete', '/TN', NAME, '/F')
        self.path.unlink()
        return [_('Stopped and removed: {path}', path=self.path)]

    def command(self) -> list[str]:
        """Return what the task starts."""
        action = read_xml(self.path.read_text(encoding='utf-16')).find('Actions/Exec')
        return [action.value('Command'), *arguments_of(action.value('Arguments'))] if action else []

    def state(self) -> State:
        """Return how the task is."""
        done = _call('/Query', '/TN', NAME, '/FO', 'CSV', '/NH', may_fail=True)
        status = done.strip().rpartition(',')[2].strip('"')
        return State(is_running=status == 'Running', problem=status)


def _call(*arguments: str, may_fail: bool = False) -> str:
    done = subprocess.run(['schtasks', *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not may_fail:
        raise ServiceError(f'schtasks {" ".join(arguments)}: {done.stderr.strip() or "it failed"}')
    return done.stdout
