"""What vanishes, changes or cannot be read while a tree is archived is named, and everything else is kept."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse.archives.packing import OutputFailed, Packer
from synapse.archives.walk import Found, FoundFolder, find
from synapse.archives.writing import Written, write_tree

LARGE = 3_000_000


class Archived:
    """Archives a tree, and calls `meanwhile` after each file and each megabyte."""

    def __init__(
        self, top: Path, meanwhile: Callable[[int], None] = lambda done: None, found: Found | None = None
    ) -> None:
        output = io.BytesIO()
        self.written: Written = write_tree(top, top.name, found or find(top), Packer(output), meanwhile)
        with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as tar:
            members = ((info.name, tar.extractfile(info)) for info in tar if info.isreg())
            self.contents = {name: file.read() for name, file in members if file is not None}


def test_what_vanishes_between_the_search_and_its_turn_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f'{number}.txt').write_text(str(number))
        (tmp_path / 'gone').mkdir(exist_ok=True)
        (tmp_path / 'gone' / f'{number}.tmp').touch()
    (tmp_path / 'stays').mkdir()
    (tmp_path / 'stays' / 'a').write_text('a')

    def remove(done: int) -> None:
        (tmp_path / '1.txt').unlink(missing_ok=True)
        for path in (tmp_path / 'gone').glob('*'):
            path.unlink()
        if (tmp_path / 'gone').exists():
            (tmp_path / 'gone').rmdir()

    made = Archived(tmp_path, remove)

    assert made.written.vanished == ['1.txt', 'gone', 'gone/0.tmp', 'gone/1.tmp', 'gone/2.tmp']
    top = tmp_path.name
    assert made.contents == {f'{top}/0.txt': b'0', f'{top}/2.txt': b'2', f'{top}/stays/a': b'a'}
    assert set(made.written.sums) == set(made.contents)


@pytest.mark.parametrize('name', ['link', 'folder', 'pipe'])
def test_what_takes_the_name_of_a_file_is_neither_followed_nor_waited_for(tmp_path: Path, name: str) -> None:
    make: dict[str, Callable[[Path], None]] = {
        'link': lambda path: path.symlink_to('/etc/passwd'),
        'folder': lambda path: path.mkdir(),
        'pipe': os.mkfifo,
    }
    (tmp_path / 'a').write_text('a')
    (tmp_path / 'b').write_text('b')

    def swap(done: int) -> None:
        (tmp_path / 'b').unlink()
        make[name](tmp_path / 'b')

    made = Archived(tmp_path, lambda done: swap(done) if (tmp_path / 'b').is_file() else None)

    assert made.written.vanished == ['b']
    assert made.contents == {f'{tmp_path.name}/a': b'a'}


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / 'top' / 'inner').mkdir(parents=True)
    (tmp_path / 'top' / 'a').write_text('a')
    (tmp_path / 'top' / 'inner' / 'b').write_text('b')
    (tmp_path / 'secret').mkdir()
    (tmp_path / 'secret' / 'b').write_text('secret')

    def swap(done: int) -> None:
        if not (tmp_path / 'top' / 'inner').is_symlink():
            (tmp_path / 'top' / 'inner').rename(tmp_path / 'moved')
            (tmp_path / 'top' / 'inner').symlink_to(tmp_path / 'secret')

    made = Archived(tmp_path / 'top', swap)

    assert made.contents == {'top/a': b'a'}
    assert made.written.vanished == ['inner', 'inner/b']


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        (lambda file: file.truncate(1_500_000), b'x' * 1_500_000 + bytes(LARGE - 1_500_000)),
        (lambda file: (file.seek(0, 2), file.write(b'more')), b'x' * LARGE),
        (lambda file: (file.seek(LARGE - 1), file.write(b'y')), b'x' * (LARGE - 1) + b'y'),
    ],
    ids=['shorter', 'longer', 'other'],
)
def test_a_file_that_changes_while_it_is_read_is_named(
    tmp_path: Path, change: Callable[[io.BufferedRandom], object], expected: bytes
) -> None:
    (tmp_path / 'a.log').write_bytes(b'x' * LARGE)
    (tmp_path / 'b').write_text('b')
    moments: list[int] = []

    def write(done: int) -> None:
        if not moments:
            with (tmp_path / 'a.log').open('r+b') as file:
                change(file)  # type: ignore[arg-type]
        moments.append(done)

    made = Archived(tmp_path, write)

    assert made.written.changed == ['a.log']
    assert made.contents == {f'{tmp_path.name}/a.log': expected, f'{tmp_path.name}/b': b'b'}
    assert made.written.sums[f'{tmp_path.name}/a.log'] == hashlib.sha256(expected).hexdigest()


def test_a_file_that_changed_before_its_turn_is_archived_as_it_is_then(tmp_path: Path) -> None:
    (tmp_path / 'a').write_text('a')
    (tmp_path / 'b').write_text('old')
    found = find(tmp_path)
    (tmp_path / 'b').write_text('newer and longer')

    made = Archived(tmp_path, found=found)

    assert made.written.changed == []
    assert made.contents[f'{tmp_path.name}/b'] == b'newer and longer'


@pytest.mark.skipif(not Path('/proc/self/mem').exists(), reason='needs a file that opens but cannot be read')
def test_a_file_that_the_disk_refuses_is_named_and_the_rest_kept() -> None:
    top = Path('/proc/self')
    found = Found(folders=[FoundFolder('', files=[('comm', 0, 0), ('mem', 0, 0), ('statm', 0, 0)])])

    made = Archived(top, found=found)

    assert made.written.unreadable == ['mem']
    assert set(made.written.sums) == {'self/comm', 'self/statm'}


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs a full disk')
def test_a_full_disk_is_not_taken_for_an_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / 'a').write_bytes(os.urandom(LARGE))

    with Path('/dev/full').open('wb', buffering=0) as full, pytest.raises(OutputFailed, match='No space left'):
        write_tree(tmp_path, 'a', find(tmp_path), Packer(full))
