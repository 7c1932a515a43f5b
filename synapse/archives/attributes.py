"""Extended attributes of files, with the access control lists that Linux keeps in them."""

import errno
import os
import struct
from collections.abc import Iterator, Mapping

PREFIX = 'SCHILY.xattr.'
_ACL = {'system.posix_acl_access': b'SCHILY.acl.access', 'system.posix_acl_default': b'SCHILY.acl.default'}
_TAGS = {0x01: 'user', 0x02: 'user', 0x04: 'group', 0x08: 'group', 0x10: 'mask', 0x20: 'other'}
_NAMED = (0x02, 0x08)
_OF_THIS_MACHINE = ('security.selinux', 'security.ima', 'security.evm')
_NOT_HERE = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENODATA}


def attribute_records(fd: int) -> list[tuple[bytes, bytes]]:
    """Return the attributes of an open file as records of a tar header; none where the system has no such thing."""
    try:
        names = os.listxattr(fd)
    except (OSError, AttributeError):
        return []
    return [record for name in names if name not in _OF_THIS_MACHINE for record in _records(fd, name)] if names else []


def _records(fd: int, name: str) -> Iterator[tuple[bytes, bytes]]:
    try:
        value = os.getxattr(fd, name)
    except OSError:
        return
    # As GNU tar does: an equals sign would end the key.
    yield os.fsencode(PREFIX + name).replace(b'%', b'%25').replace(b'=', b'%3D'), value
    if name in _ACL:
        # GNU tar and bsdtar restore access control lists from their text alone.
        yield _ACL[name], _acl_text(value)


def _acl_text(value: bytes) -> bytes:
    """Return an access control list as text, from what Linux keeps in the attribute (linux/posix_acl_xattr.h)."""
    entries = []
    for tag, permissions, id in struct.iter_unpack('<HHI', value[4:]):
        flags = ''.join(letter if permissions & bit else '-' for letter, bit in (('r', 4), ('w', 2), ('x', 1)))
        entries.append(f'{_TAGS.get(tag, "")}:{id if tag in _NAMED else ""}:{flags}')
    return ','.join(entries).encode()


def restore_attributes(file: int | str, records: Mapping[str, str]) -> list[str]:
    """Set the attributes that a tar header has, and return the names of those that this system does not take.

    :param records: of the extended header, as `tarfile` decodes them
    """
    return [
        name
        for key, value in records.items()
        if key.startswith(PREFIX) and not _set(file, name := _name_of(key), value.encode('utf-8', 'surrogateescape'))
    ]


def _name_of(key: str) -> str:
    return key.removeprefix(PREFIX).replace('%3D', '=').replace('%25', '%')


def _set(file: int | str, name: str, value: bytes) -> bool:
    if not hasattr(os, 'setxattr'):
        return False
    try:
        os.setxattr(file, name, value)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return False
    return True
