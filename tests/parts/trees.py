"""Trees of files of every kind that a backup has to keep, and what tells whether they came back."""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

HAS_ATTRIBUTES = hasattr(os, 'setxattr')
IS_ROOT = hasattr(os, 'geteuid') and os.geteuid() == 0
EXACT_NS = 1_772_600_767_123_456_789
# The attribute of a file that user 1234 may read too: owner, user 1234, group, mask, others (linux/posix_acl_xattr.h).
ACL = bytes.fromhex('0200000001000600ffffffff02000400d204000004000400ffffffff10000400ffffffff20000400ffffffff')


def make_odd_tree(top: Path) -> Path:
    """Make a tree with one of each kind, and return its top."""
    top.mkdir(parents=True)
    (top / 'a.txt').write_text('first')
    (top / 'twin').hardlink_to(top / 'a.txt')
    (top / 'empty').mkdir()
    (top / 'private').mkdir()
    (top / 'private' / 'key').write_text('secret')
    (top / 'link').symlink_to('a.txt')
    (top / 'link out').symlink_to('/etc/passwd')
    (top / 'dangling').symlink_to('x' * 200)
    (top / 'big').write_bytes(os.urandom(2_500_000))
    (top / 'new\nline').write_text('two lines')
    (top / 'köln').mkdir()
    (top / 'köln' / 'ü'.join('x' * 60)).write_text('a long name that is not ASCII')
    (top / 'nothing').touch()
    _make_sparse(top / 'sparse', 30_000_000, {5_000_000: b'hello', 20_000_000: b'x'})
    _make_sparse(top / 'hole', 3_000_000, {})
    for name in (b'odd \xff\xfe', b'\xff' * 120):
        Path(os.fsdecode(os.fsencode(top) + b'/' + name)).write_text('odd')
    os.mkfifo(top / 'pipe')
    _make_attributes(top)
    os.utime(top / 'a.txt', ns=(1, EXACT_NS))
    os.utime(top / 'link', ns=(1, EXACT_NS), follow_symlinks=False)
    os.utime(top / 'empty', ns=(1, -2_000_000_000))
    (top / 'private' / 'key').chmod(0o400)
    (top / 'private').chmod(0o500)
    top.chmod(0o751)
    return top


def _make_sparse(path: Path, size: int, pieces: dict[int, bytes]) -> None:
    with path.open('wb') as file:
        for start, data in pieces.items():
            file.seek(start)
            file.write(data)
        file.truncate(size)


def _make_attributes(top: Path) -> None:
    values = {'big': b'\x00\xff\nany bytes', 'empty': b'of a folder'} if HAS_ATTRIBUTES else {}
    # Not every file system has them.
    with suppress(OSError):
        for name, value in values.items():
            os.setxattr(top / name, 'user.note', value)
        if HAS_ATTRIBUTES:
            os.setxattr(top / 'nothing', 'system.posix_acl_access', ACL)
    if IS_ROOT:
        os.chown(top / 'nothing', 1234, 4321)
        (top / 'köln').chmod(0o2775)


def facts_of(top: Path) -> dict[str, tuple[Any, ...]]:
    """Return what is to be kept of each file in a tree, by its path; of blocks on disk only whether it is sparse."""
    facts: dict[str, tuple[Any, ...]] = {}
    first_names: dict[tuple[int, int], str] = {}
    for path in [top, *sorted(top.rglob('*'))]:
        found = path.lstat()
        if not stat.S_ISFIFO(found.st_mode):
            name = str(path.relative_to(top))
            facts[name] = (*_facts(path, found), first_names.setdefault((found.st_dev, found.st_ino), name))
    return facts


def _facts(path: Path, found: os.stat_result) -> tuple[Any, ...]:
    common = (stat.filemode(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns)
    if stat.S_ISLNK(found.st_mode):
        return (*common, str(path.readlink()))
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)} if HAS_ATTRIBUTES else {}
    if stat.S_ISDIR(found.st_mode):
        return (*common, attributes)
    is_sparse = found.st_blocks * 512 < found.st_size // 2
    return (*common, attributes, found.st_size, is_sparse, hashlib.sha256(path.read_bytes()).hexdigest())
