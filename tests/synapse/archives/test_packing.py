"""What was packed is unpacked, and what is damaged is told from what cannot be read."""

import gzip
import io
import zlib

import pytest

from synapse.archives import packing
from synapse.archives.packing import DamagedArchive, InputFailed, Packer, Unpacker

TEXT = b'some text that repeats itself ' * 40_000


def packed(data: bytes) -> bytes:
    output = io.BytesIO()
    packer = Packer(output)
    packer.add(data[:100], data[100:])
    packer.finish()
    return output.getvalue()


def unpacked(data: bytes) -> bytes:
    return b''.join(Unpacker(io.BytesIO(data)).pieces(10**9))


@pytest.mark.parametrize('library', ['isal', 'zlib'])
def test_both_libraries_read_what_the_other_writes(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    if library == 'zlib':
        monkeypatch.setattr(packing, 'fast', zlib)

    assert gzip.decompress(packed(TEXT)) == TEXT
    assert unpacked(gzip.compress(TEXT)) == TEXT
    assert unpacked(packed(b'')) == b''


def test_files_of_several_members_and_with_zeros_at_the_end_are_read() -> None:
    assert unpacked(gzip.compress(b'one ') + bytes(700) + gzip.compress(TEXT) + bytes(1000)) == b'one ' + TEXT


def test_a_little_that_holds_much_is_unpacked_in_pieces() -> None:
    pieces = list(Unpacker(io.BytesIO(gzip.compress(bytes(50_000_000)))).pieces(10**9))

    assert sum(map(len, pieces)) == 50_000_000
    assert max(map(len, pieces)) < 1_000_000


@pytest.mark.parametrize(
    'damage',
    [lambda data: data[:-1], lambda data: data[:50], lambda data: data[:-8] + b'12345678', lambda data: b'no gzip'],
    ids=['one byte short', 'cut', 'other checksum', 'something else'],
)
def test_damage_is_found(damage: object) -> None:
    with pytest.raises(DamagedArchive):
        unpacked(damage(packed(TEXT)))  # type: ignore[operator]


def test_a_broken_connection_is_no_damage() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError('the server closed the connection')

    with pytest.raises(InputFailed, match='closed the connection'):
        Unpacker(Broken()).read(1)
