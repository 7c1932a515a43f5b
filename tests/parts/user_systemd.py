"""A `systemd --user` of a test's own: with a private `/run`, private folders of units, and a control group of its own.

Starting it takes the rights to make a mount namespace and a control group, as root has in most containers.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.parts.harness import wait_until

SYSTEMD = Path('/usr/lib/systemd/systemd')
GROUPS = Path('/sys/fs/cgroup')
# It does not start where the machine was not booted with systemd, and this folder is how it tells. It moves all that is
# in its control group to another, and shall find nothing but itself there.
START = """
for group in "$@"; do mkdir -p "$group" && echo $$ > "$group/cgroup.procs"; done 2> /dev/null
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && mkdir -m 700 /run/user && exec "$SYSTEMD" --user
"""


class UserSystemd:
    """Runs programs where the manager of this test is the one of the person."""

    def __init__(self, home: Path, pid: int) -> None:
        self.home = home
        self._pid = pid

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, next to the manager."""
        inside = ['nsenter', f'--target={self._pid}', '--mount', f'--wd={Path.cwd()}', *command]
        environment = environment_of(self.home)
        return subprocess.run(inside, env=environment, capture_output=True, text=True, timeout=110, check=False)

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run('systemctl', '--user', 'show', unit, f'--property={name}', '--value').stdout.strip()


@contextlib.contextmanager
def user_systemd(home: Path) -> Iterator[UserSystemd | None]:
    """Start the manager, and end it with all that it has started; None where the rights for that are missing."""
    groups = _own_groups(f'synapse-test-{os.getpid()}')
    log = home / 'systemd.log'
    with log.open('wb') as output:
        process = subprocess.Popen(
            ['unshare', '--mount', '--propagation=private', 'sh', '-c', START, 'sh', *map(str, groups)],
            env=environment_of(home),
            stdout=output,
            stderr=output,
        )
    systemd = UserSystemd(home, process.pid)
    try:
        wait_until(
            lambda: process.poll() is not None or systemd.run('systemctl', '--user', 'show').returncode == 0,
            timeout=30,
            what=log.read_text,
        )
        yield systemd if process.poll() is None else None
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()


def environment_of(home: Path) -> dict[str, str]:
    """Return the environment of the manager and of its clients."""
    config = home / 'config'
    (config / 'systemd' / 'user').mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ('PATH', 'TMPDIR', 'LANG') if name in os.environ}
    return kept | {
        'HOME': str(home),
        'SHELL': '/bin/true',
        'SYSTEMD': str(SYSTEMD),
        'XDG_RUNTIME_DIR': '/run/user',
        'XDG_CONFIG_HOME': str(config),
        'XDG_DATA_HOME': str(home / 'share'),
    }


def missing_systemd() -> str:
    """Say which package is missing for it; empty if none is."""
    programs = [str(SYSTEMD), 'systemctl', 'systemd-analyze', 'unshare', 'nsenter']
    return ', '.join(name for name in programs if shutil.which(name) is None)


def _own_groups(name: str) -> list[Path]:
    """Return a folder for a control group of our own in each hierarchy in which this process has one."""
    found = []
    for line in Path('/proc/self/cgroup').read_text().splitlines():
        _, controllers, path = line.split(':', 2)
        mounts = [controllers.removeprefix('name='), 'unified', '.'] if controllers else ['unified', '.']
        mount = next((GROUPS / mount for mount in mounts if (GROUPS / mount / 'cgroup.procs').exists()), None)
        if mount is not None:
            found.append(mount / path.lstrip('/') / name)
    return found
