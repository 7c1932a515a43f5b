"""Which folders are on disks of this machine."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from synapse.inbox.mounts import is_on_own_disk

MOUNTS = [
    ('/', 'ext4', 'rw'),
    ('/srv', 'xfs', 'rw'),
    ('/srv/nas', 'cifs', 'rw,vers=3.1.1'),
    ('/srv/films', 'nfs4', 'rw'),
    ('/home/me/phone', 'fuse.sshfs', 'rw'),
]


@pytest.mark.skipif(sys.platform != 'linux', reason='mounts are named otherwise there')
@pytest.mark.parametrize(
    ('folder', 'is_own'),
    [
        ('/srv/media', True),
        ('/srv/nas', False),
        ('/srv/nas/deep/er', False),
        ('/srv/nasty', True),
        ('/srv/films/new', False),
        ('/home/me/phone/DCIM', False),
        ('/home/me', True),
    ],
)
def test_network_drives_are_others(monkeypatch: pytest.MonkeyPatch, folder: str, is_own: bool) -> None:
    mounts = [SimpleNamespace(mountpoint=place, fstype=kind, opts=opts) for place, kind, opts in MOUNTS]
    monkeypatch.setattr('psutil.disk_partitions', lambda all: mounts)
    assert is_on_own_disk(Path(folder)) is is_own


def test_the_disk_of_this_machine_is_its_own(tmp_path: Path) -> None:
    assert is_on_own_disk(tmp_path)
