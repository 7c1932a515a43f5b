"""`tarfile` reads in a header what was written into it."""

import io
import tarfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.archives.headers import BLOCK, FILE, FOLDER, LINK, SYMLINK, Owner, block_sum, header, owner_of

OWNER = Owner(b'0001750\x000000144\x00', b'ada'.ljust(32, b'\0') + b'users'.ljust(32, b'\0'))
names = st.binary(min_size=1, max_size=300).map(lambda name: name.replace(b'\0', b'0').replace(b'/', b'-'))
times = st.integers(-(2**62), 2**63)


def read(data: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(data + bytes(2 * BLOCK))) as tar:
        info = tar.next()
        assert info is not None
        return info


def written(name: bytes = b'a', **values: Any) -> bytes:
    return header(name, **({'kind': FILE, 'mode': 0o644, 'mtime_ns': 0, 'owner': OWNER} | values))


@given(name=names, target=names, mode=st.integers(0, 0o7777), mtime_ns=times)
def test_names_modes_and_times_are_read_as_they_were_written(
    name: bytes, target: bytes, mode: int, mtime_ns: int
) -> None:
    info = read(written(name, kind=SYMLINK, target=target, mode=mode, mtime_ns=mtime_ns))

    assert info.name.encode('utf-8', 'surrogateescape') == name
    assert info.linkname.encode('utf-8', 'surrogateescape') == target
    assert (info.mode, info.uid, info.gid, info.uname, info.gname) == (mode, 1000, 100, 'ada', 'users')
    if mtime_ns % 1_000_000_000:
        whole, _, rest = info.pax_headers['mtime'].partition('.')
        nanoseconds = int(f'{whole}{rest}') if len(rest) == 9 else None
        assert nanoseconds == mtime_ns
    else:
        assert info.mtime == mtime_ns // 1_000_000_000


@pytest.mark.parametrize('size', [0, 1, 8**11 - 1, 8**11, 10**15])
def test_any_size_fits(size: int) -> None:
    assert read(written(size=size)).size == size


@pytest.mark.parametrize(('kind', 'type_'), [(FILE, 'isreg'), (LINK, 'islnk'), (SYMLINK, 'issym'), (FOLDER, 'isdir')])
def test_kinds_are_told_apart(kind: bytes, type_: str) -> None:
    info = read(written(b'a/' if kind == FOLDER else b'a', kind=kind, target=b'b' if kind in (LINK, SYMLINK) else b''))

    assert getattr(info, type_)()


def test_large_numbers_of_owners_fit() -> None:
    info = read(written(owner=owner_of(4_294_967_294, 3_000_000_000)))

    assert (info.uid, info.gid) == (4_294_967_294, 3_000_000_000)


@given(st.binary(min_size=BLOCK, max_size=BLOCK))
def test_the_checksum_is_the_sum_of_all_bytes(block: bytes) -> None:
    assert block_sum(block) == sum(block[:148]) + 8 * ord(' ') + sum(block[156:])
