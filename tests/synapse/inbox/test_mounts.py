"""Which folders are on disks of this machine."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from synapse.inbox.mounts import is_made_up, is_on_own_disk

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


@pytest.mark.skipif(sys.platform != 'linux', reason='they are named otherwise there')
def test_folders_that_the_system_makes_up_are_told_from_disks(tmp_path: Path) -> None:
    made_up = ['/proc', '/proc/self/', '/sys', '/sys/kernel', '/dev', '/srv/../proc']

    assert [folder for folder in made_up if not is_made_up(Path(folder))] == []
    assert not any(map(is_made_up, [tmp_path, Path('/dev/shm'), Path('/process'), Path('/')]))


def test_they_are_known_elsewhere_too(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in [('/', 'ext4'), ('/jail/p', 'proc')]]
    monkeypatch.setattr('psutil.disk_partitions', lambda all: mounts)

    assert is_made_up(Path('/jail/p/1'))
    assert not is_made_up(Path('/jail/data'))
