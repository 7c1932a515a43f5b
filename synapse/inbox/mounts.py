"""What a folder is on: a disk of this machine, one that others may change, or no disk at all."""

import os
from pathlib import Path
from typing import Any

import psutil

_SHARED = (
    *('cifs', 'smb', 'nfs', 'afpfs', 'webdav', 'davfs', 'ncpfs', 'ceph', 'glusterfs', '9p'),
    *('fuse', 'grpcfuse', 'osxfuse', 'macfuse'),
    *('virtiofs', 'vboxsf', 'vmhgfs', 'prl_fs', 'drvfs', 'osxfs', 'fakeowner'),  # folders of the host of a machine
)
"""How the names of file systems begin that another machine may change."""
_MADE_UP = frozenset(
    (
        *(
            'proc',
            'sysfs',
            'devtmpfs',
            'devpts',
            'devfs',
            'fdescfs',
            'procfs',
            'linprocfs',
            'linsysfs',
            'cgroup',
            'cgroup2',
        ),
        *(
            'debugfs',
            'tracefs',
            'securityfs',
            'configfs',
            'pstore',
            'bpf',
            'efivarfs',
            'mqueue',
            'hugetlbfs',
            'fusectl',
        ),
        *('binfmt_misc', 'selinuxfs', 'autofs', 'nsfs', 'rpc_pipefs', 'nfsd'),
    )
)
"""Names of file systems that hold no files, but what the system has to say."""
_MADE_UP_FOLDERS = ('/proc', '/sys', '/dev')
_FOR_FILES = '/dev/shm'  # noqa: S108 - only compared
"""The memory of the machine as a disk, which people do use."""


def is_on_own_disk(folder: Path) -> bool:
    """Whether only this machine changes what is there; reads the list of mounts, not the folder.

    Network drives have no notifications of what other machines do (inotify(7)), and refuse leases without a reason
    (`cifs_setlease`, `nfs4_setlease` in Linux).
    """
    real = os.path.realpath(folder)
    mounted = _mount_of(real)
    if mounted is None:
        return not real.startswith('\\\\')
    return not mounted.fstype.lower().startswith(_SHARED) and 'remote' not in mounted.opts.split(',')


def is_made_up(folder: Path) -> bool:
    """Whether the system makes up what is there when it is read, as in /proc: no file ever arrives in it."""
    real = os.path.realpath(folder)
    if _is_in(real, _FOR_FILES):
        return False
    if os.name == 'posix' and any(_is_in(real, made_up) for made_up in _MADE_UP_FOLDERS):
        return True
    mounted = _mount_of(real)
    return mounted is not None and mounted.fstype.lower() in _MADE_UP


def _mount_of(real: str) -> Any:
    mounts = [mount for mount in psutil.disk_partitions(all=True) if _is_in(real, mount.mountpoint)]
    return max(mounts, key=lambda mount: len(mount.mountpoint), default=None)


def _is_in(path: str, mountpoint: str) -> bool:
    return path == mountpoint or path.startswith(f'{mountpoint.rstrip(os.sep)}{os.sep}')
