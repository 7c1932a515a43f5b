"""Writes the headers of a tar archive, several times faster than `tarfile` does, which matters for many small files.

The format is pax (POSIX.1-2008, pax, "Extended Header"), with the records that GNU tar, bsdtar and star share:
`SCHILY.xattr.*` for extended attributes and `GNU.sparse.*`, version 1.0, for sparse files.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zlib import adler32

BLOCK = 512
FILE, LINK, SYMLINK, FOLDER = b'0', b'1', b'2', b'5'
_EXTENDED = b'x'
_LONGEST = 100
_LARGEST_SIZE = 0o77777777777
_LARGEST_ID = 0o7777777
_LONGEST_OWNER = 32
_TEN_DIGITS = 1_000_000_000
_NANOSECONDS = 1_000_000_000

_CHECKSUM_FIELD = 8 * ord(' ')
"""What the field of the checksum itself counts in it."""
_ODD_BYTES = sys.getfilesystemencodeerrors()

Records = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, eq=False)
class Owner:
    """Who owns a file, as headers have it."""

    ids: bytes
    names: bytes
    records: tuple[tuple[bytes, bytes], ...] = ()


@cache
def owner_of(uid: int, gid: int) -> Owner:
    """Return the owner with the names that this machine knows."""
    user, group = _user_name(uid), _group_name(gid)
    records = [(key, b'%d' % id) for key, id in ((b'uid', uid), (b'gid', gid)) if id > _LARGEST_ID]
    named = ((b'uname', user), (b'gname', group))
    records += [(key, name) for key, name in named if len(name) >= _LONGEST_OWNER or not name.isascii()]
    ids = b''.join(b'%07o\0' % (id if id <= _LARGEST_ID else 0) for id in (uid, gid))
    names = b''.join(name[: _LONGEST_OWNER - 1].ljust(_LONGEST_OWNER, b'\0') for name in (user, group))
    return Owner(ids, names, tuple(records))


def header(
    name: bytes,
    *,
    kind: bytes,
    mode: int,
    mtime_ns: int,
    owner: Owner,
    size: int = 0,
    target: bytes = b'',
    records: Records = (),
) -> bytes:
    """Return all blocks that come before the content of a file.

    :param name: with a slash at its end for a folder
    :param size: bytes of content that follow
    :param target: of a link
    :param records: more values for the extended header
    """
    seconds, rest = divmod(mtime_ns, _NANOSECONDS)
    extended = [*owner.records, *records]
    if rest or not 0 <= seconds <= _LARGEST_SIZE:
        extended.append((b'mtime', _decimal(mtime_ns)))
        seconds = min(max(seconds, 0), _LARGEST_SIZE)
    if size > _LARGEST_SIZE:
        extended.append((b'size', b'%d' % size))
    for key, text in ((b'path', name), (b'linkpath', target)):
        if _needs_record(text):
            extended.append((key, text))
    block = _block(name, mode, owner, min(size, _LARGEST_SIZE), seconds, kind, target)
    return _extended_blocks(extended) + block if extended else block


def file_header(name: bytes, mode: int, mtime_ns: int, owner: Owner, size: int, records: Records) -> bytes:
    """Return `header` of a file, faster for the most common: a short name, and a fraction in its time."""
    seconds, rest = divmod(mtime_ns, _NANOSECONDS)
    middle, tail, tail_sum = _usual_parts(mode, owner)
    is_usual = middle and not records and rest and _TEN_DIGITS <= seconds < 10 * _TEN_DIGITS
    if not is_usual or len(name) > _LONGEST or size > _LARGEST_SIZE or not name.isascii():
        return header(name, kind=FILE, mode=mode, mtime_ns=mtime_ns, owner=owner, size=size, records=records)
    time = b'30 mtime=%d.%09d\n' % (seconds, rest)
    head = b'%s%s%011o\0%011o\0' % (name.ljust(_LONGEST, b'\0'), middle, size, seconds)
    return b'%s%s%s%s%06o\0 %s' % (_TIME_HEADER, time, _TIME_PADDING, head, (adler32(head) & 0xFFFF) + tail_sum, tail)


@cache
def _usual_parts(mode: int, owner: Owner) -> tuple[bytes, bytes, int]:
    """Return what lies between name and size, what follows the checksum, and what that adds to Adler-32's sum."""
    tail, tail_sum = _tail(FILE, owner.names, b'')
    return b'' if owner.records else b'%07o\0%s' % (mode & 0o7777, owner.ids), tail, tail_sum - 1


def name_of(path: str) -> bytes:
    """Return a path as archives have it: UTF-8, with odd bytes as they are on disk."""
    return path.encode('utf-8', _ODD_BYTES)


def padding(size: int) -> bytes:
    """Return the zeros that fill up the last block of a content."""
    return bytes(-size % BLOCK)


def _needs_record(text: bytes) -> bool:
    """Whether a name does not fit into a plain header.

    A name that isn't UTF-8 is written as its bytes if it is short: readers take these as they are, while the charset
    that a record would need (`hdrcharset=BINARY`) is unknown to some of them.
    """
    return len(text) > _LONGEST or (not text.isascii() and _is_utf8(text))


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decimal(nanoseconds: int) -> bytes:
    sign = b'-' if nanoseconds < 0 else b''
    seconds, rest = divmod(abs(nanoseconds), _NANOSECONDS)
    return sign + (b'%d.%09d' % (seconds, rest))


def _extended_blocks(records: Records) -> bytes:
    data = b''.join(_record(key, value) for key, value in records)
    if any(key in (b'path', b'linkpath') and not _is_utf8(value) for key, value in records):
        data = _record(b'hdrcharset', b'BINARY') + data
    return _extended_header(len(data)) + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    """Return `LENGTH KEY=VALUE` and a line end, where the length counts its own digits."""
    length = len(key) + len(value) + 3
    digits = len(str(length))
    while len(str(length + digits)) != digits:
        digits += 1
    return b'%d %s=%s\n' % (length + digits, key, value)


@cache
def _extended_header(size: int) -> bytes:
    return _block(b'PaxHeaders/file', 0o644, Owner(b'0000000\0' * 2, bytes(64)), size, 0, _EXTENDED, b'')


def _block(name: bytes, mode: int, owner: Owner, size: int, mtime: int, kind: bytes, target: bytes) -> bytes:
    head = b'%s%07o\0%s%011o\0%011o\0' % (
        name[:_LONGEST].ljust(_LONGEST, b'\0'),
        mode & 0o7777,
        owner.ids,
        size,
        mtime,
    )
    tail, tail_sum = _tail(kind, owner.names, target)
    return b'%s%06o\0 %s' % (head, (adler32(head) & 0xFFFF) - 1 + tail_sum, tail)


def _tail(kind: bytes, names: bytes, target: bytes) -> tuple[bytes, int]:
    """Return what follows the checksum, and its share of it."""
    tail = kind + target[:_LONGEST].ljust(_LONGEST, b'\0') + b'ustar\x0000' + names
    tail = tail.ljust(BLOCK - 156, b'\0')
    return tail, sum(tail) + _CHECKSUM_FIELD


def block_sum(block: bytes) -> int:
    """Return the checksum of a header block.

    The lower half of Adler-32 is the sum of all bytes plus one, for up to 256 of them (RFC 1950), at the speed of C.
    """
    sums = adler32(block[:148]) & 0xFFFF, adler32(block[156:400]) & 0xFFFF, adler32(block[400:]) & 0xFFFF
    return sum(sums) - 3 + _CHECKSUM_FIELD


def _user_name(uid: int) -> bytes:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name.encode()
    except (ImportError, KeyError):
        return b''


def _group_name(gid: int) -> bytes:
    try:
        import grp

        return grp.getgrgid(gid).gr_name.encode()
    except (ImportError, KeyError):
        return b''


_TIME_SIZE = len(b'30 mtime=1234567890.123456789\n')
_TIME_HEADER = _extended_header(_TIME_SIZE)
_TIME_PADDING = padding(_TIME_SIZE)
