"""Whether a folder is on a disk of this machine: of others the system tells neither changes nor open files."""

import os
from pathlib import Path

import psutil

_SHARED = (
    *('cifs', 'smb', 'nfs', 'afpfs', 'webdav', 'davfs', 'ncpfs', 'ceph', 'glusterfs', '9p'),
    *('fuse', 'grpcfuse', 'osxfuse', 'macfuse'),
    *('virtiofs', 'vboxsf', 'vmhgfs', 'prl_fs', 'drvfs', 'osxfs', 'fakeowner'),  # folders of the host of a machine
)
"""How the names of file systems begin that another machine may change."""


def is_on_own_disk(folder: Path) -> bool:
    """Whether only this machine changes what is there; reads the list of mounts, not the folder.

    Network drives have no notifications of what other machines do (inotify(7)), and refuse leases without a reason
    (`cifs_setlease`, `nfs4_setlease` in Linux).
    """
    real = os.path.realpath(folder)
    mounts = [mount for mount in psutil.disk_partitions(all=True) if _is_in(real, mount.mountpoint)]
    mounted = max(mounts, key=lambda mount: len(mount.mountpoint), default=None)
    if mounted is None:
        return not real.startswith('\\\\')
    return not mounted.fstype.lower().startswith(_SHARED) and 'remote' not in mounted.opts.split(',')


def _is_in(path: str, mountpoint: str) -> bool:
    return path == mountpoint or path.startswith(f'{mountpoint.rstrip(os.sep)}{os.sep}')
