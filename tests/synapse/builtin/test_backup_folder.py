import json
import os
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.backup_folder import BackupFolder
from synapse.pipelines.describe import describe
from tests.parts.one_run import OneRun


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / 'photos'
    (folder / 'köln' / 'empty').mkdir(parents=True)
    (folder / 'a.txt').write_text('first')
    (folder / 'köln' / 'dom.raw').write_bytes(os.urandom(3_000_000))
    (folder / 'draft.tmp').write_text('left out')
    (folder / 'link').symlink_to('a.txt')
    return folder


OLD = Path(__file__).resolve().parents[2] / 'data' / 'backup'
# The superuser may read everything, unless that right is taken from the program.
_RIGHTS = '-dac_override,-dac_read_search'
WITHOUT_RIGHTS = ('setpriv', '--bounding-set', _RIGHTS, '--inh-caps', _RIGHTS) if os.geteuid() == 0 else ()


def backup(tmp_path: Path, folder: Path, through: Sequence[str] = (), **parameters: Any) -> OneRun:
    return OneRun(
        tmp_path / 'run',
        'BackupFolder',
        {'folder': str(folder)} | parameters,
        destination=tmp_path / 'out',
        through=through,
    ).finish(timeout=30)


def archives(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / 'out').glob('*.tar.gz'))


def test_its_description_is_the_contract() -> None:
    description = describe(BackupFolder)

    assert [step['name'] for step in description['steps']] == ['archive', 'verify', 'prune']
    assert description['schema']['properties']['keep']['default'] == 7
    assert description['schema']['required'] == ['folder']


def test_what_comes_out_of_the_archive_is_what_went_in(tmp_path: Path, photos: Path) -> None:
    run = backup(tmp_path, photos, exclude=['*.tmp'])

    assert run.error == {}
    (archive,) = archives(tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / 'restored', filter='data')
    restored = tmp_path / 'restored' / 'photos'
    assert (restored / 'köln' / 'dom.raw').read_bytes() == (photos / 'köln' / 'dom.raw').read_bytes()
    assert (restored / 'link').readlink() == Path('a.txt')
    assert (restored / 'köln' / 'empty').is_dir()
    assert not (restored / 'draft.tmp').exists()


def test_a_folder_without_files_is_archived_with_a_word_and_right_numbers(tmp_path: Path) -> None:
    (tmp_path / 'photos').mkdir()

    run = backup(tmp_path, tmp_path / 'photos')

    assert run.error == {}
    said = ' / '.join(message for _, message in run.lines)
    assert f'There is no file in {tmp_path / "photos"} to archive. ' in said
    assert ' MB' not in said
    assert 'Every file' not in said


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / 'Flip.txt').write_text('x')

    run = backup(tmp_path, tmp_path / 'Flip.txt')

    assert run.error['message'] == f'{tmp_path / "Flip.txt"} is a file, not a folder.'


def test_progress_counts_bytes_while_archiving_and_while_reading_back(tmp_path: Path, photos: Path) -> None:
    run = backup(tmp_path, photos)

    for step in ('archive', 'verify'):
        percents = [percent for percent, _ in run.progress(step)]
        assert percents == sorted(percents)
        assert percents[-1] == 100
    assert run.progress('archive')[-1][1] == '3.0 MB of 3.0 MB'


def test_a_manifest_with_every_checksum_is_next_to_it(tmp_path: Path, photos: Path) -> None:
    run = backup(tmp_path, photos)

    (archive,) = archives(tmp_path)
    manifest = json.loads(archive.with_name(f'{archive.name}.json').read_text())
    assert set(manifest['files']) == {'photos/a.txt', 'photos/draft.tmp', 'photos/köln/dom.raw'}
    assert manifest['size'] == archive.stat().st_size
    assert run.artifacts == [f'{archive.name}.json']


def test_only_the_last_few_archives_of_this_folder_are_kept(tmp_path: Path, photos: Path) -> None:
    other = tmp_path / 'elsewhere' / 'photos'
    other.mkdir(parents=True)
    backup(tmp_path, other, keep=1)
    by_hand = tmp_path / 'out' / 'photos-20200101T000000Z.tar.gz'
    by_hand.write_text('mine')
    before = set(archives(tmp_path))

    for _ in range(3):
        backup(tmp_path, photos, keep=2)

    assert before <= set(archives(tmp_path))
    assert len(archives(tmp_path)) == len(before) + 2
    assert len(list((tmp_path / 'out').glob('*.json'))) == 3


def test_an_archive_damaged_in_transit_is_detected_and_removed(tmp_path: Path, photos: Path) -> None:
    backup(tmp_path, photos)
    (good,) = archives(tmp_path)

    order: dict[str, Any] = {'folder': tmp_path / 'run2', 'destination': tmp_path / 'out'}
    OneRun(pipeline='BackupFolder', parameters={'folder': str(photos)}, **order).finish()
    (fresh,) = (path for path in archives(tmp_path) if path != good)
    with fresh.open('r+b') as file:
        file.seek(1_000_000)
        file.write(b'XXXXXXXX')
    # Only now it is read back, from what the first step kept of itself.
    state = json.loads((tmp_path / 'run2' / 'checkpoint.json').read_text())['state']

    run = OneRun(
        pipeline='BackupFolder', parameters={'folder': str(photos)}, from_step='verify', state=state, **order
    ).finish()

    assert run.failed_step == 'verify'
    assert 'is damaged: ' in run.error['message']
    assert archives(tmp_path) == [good]


def test_the_archives_themselves_are_not_archived(tmp_path: Path, photos: Path) -> None:
    run = backup(tmp_path, photos, destination=str(photos / 'backups'))

    assert run.state == 'succeeded'
    (archive,) = (photos / 'backups').glob('*.tar.gz')
    with tarfile.open(archive) as tar:
        assert not [name for name in tar.getnames() if 'backups' in name]


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    run = backup(tmp_path, tmp_path / 'gone')

    assert (run.failed_step, run.error['message']) == ('archive', f'There is no folder {tmp_path / "gone"}.')


def test_files_that_cannot_be_read_fail_the_backup_instead_of_missing_in_it(tmp_path: Path, photos: Path) -> None:
    (photos / 'a.txt').chmod(0)

    run = backup(tmp_path, photos, through=WITHOUT_RIGHTS)

    assert (run.failed_step, run.error['message']) == ('archive', f'1 file cannot be read: {photos / "a.txt"}.')
    assert 'exclude' in run.error['hint']
    assert archives(tmp_path) == []


@pytest.mark.skipif(not Path('/proc/self/mem').exists(), reason='needs a file that opens but cannot be read')
def test_what_the_disk_refuses_fails_the_run_but_the_rest_is_archived_and_nothing_pruned(
    tmp_path: Path, photos: Path
) -> None:
    process = Path('/proc', str(os.getpid()))
    all_but_comm_and_mem = ['[!cm]*', 'c[!o]*', 'cor*', 'm[!e]*']
    for _ in range(2):
        run = backup(tmp_path, process, exclude=all_but_comm_and_mem, keep=1)

    assert run.failed_step == 'verify'
    assert run.error['message'].startswith('1 file could not be read: mem. ')
    assert len(archives(tmp_path)) == 2
    with tarfile.open(archives(tmp_path)[-1]) as tar:
        assert tar.getnames() == [process.name, f'{process.name}/comm']
    manifest = json.loads(archives(tmp_path)[-1].with_name(f'{archives(tmp_path)[-1].name}.json').read_text())
    assert manifest['unreadable'] == ['mem']


def test_a_tree_in_which_files_come_and_go_is_backed_up(tmp_path: Path, photos: Path) -> None:
    lasting = {f'photos/many/{number}' for number in range(2000)}
    (photos / 'many').mkdir()
    for name in lasting:
        (tmp_path / name).touch()
    # It makes and removes files until it is stopped, so some vanish between being found and being read.
    churn = 'while :; do for i in 1 2 3 4 5 6 7 8 9; do : > z$i.tmp; done; rm -f z*.tmp; done'
    with subprocess.Popen(['sh', '-c', churn], cwd=photos / 'many') as program:
        try:
            run = backup(tmp_path, photos)
        finally:
            program.kill()

    assert run.error == {}
    manifest = json.loads(next((tmp_path / 'out').glob('*.json')).read_text())
    assert lasting < set(manifest['files'])
    warned = {message.split(' ')[0] for level, message in run.lines if level == 'warning'}
    assert warned == {*manifest['vanished'], *manifest['changed']}


def test_a_folder_may_be_its_own_destination(tmp_path: Path, photos: Path) -> None:
    (tmp_path / 'by link').symlink_to(photos)
    (photos / 'mine.tar.gz').write_text('not made by a backup')
    for _ in range(2):
        run = backup(tmp_path, photos, destination=str(tmp_path / 'by link'), keep=1)

    assert run.state == 'succeeded'
    (archive,) = photos.glob('photos-*.tar.gz')
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    assert 'photos/mine.tar.gz' in names
    assert not [name for name in names if name.startswith('photos/photos-')]


def test_what_else_is_in_the_destination_is_kept(tmp_path: Path, photos: Path) -> None:
    (photos / 'backups').mkdir()
    (photos / 'backups' / 'notes.txt').write_text('mine')
    for _ in range(2):
        run = backup(tmp_path, photos, destination=str(photos / 'backups'), keep=1)

    assert run.state == 'succeeded'
    (archive,) = (photos / 'backups').glob('*.tar.gz')
    with tarfile.open(archive) as tar:
        inside = [name for name in tar.getnames() if name.startswith('photos/backups')]
    assert inside == ['photos/backups', 'photos/backups/notes.txt']


def test_a_retry_of_verify_knows_the_files(tmp_path: Path, photos: Path) -> None:
    order: dict[str, Any] = {'folder': tmp_path / 'run', 'destination': tmp_path / 'out'}
    OneRun(pipeline='BackupFolder', parameters={'folder': str(photos)}, **order).finish()
    state = json.loads((tmp_path / 'run' / 'checkpoint.json').read_text())['state']
    (manifest,) = (tmp_path / 'out').glob('*.json')
    manifest.unlink()

    run = OneRun(
        pipeline='BackupFolder', parameters={'folder': str(photos)}, from_step='verify', state=state, **order
    ).finish()

    assert run.error == {}
    assert len(json.loads(manifest.read_text())['files']) == 3


def test_archives_of_the_last_version_are_pruned(tmp_path: Path) -> None:
    folder = tmp_path / 'photos'
    folder.mkdir()
    (tmp_path / 'out').mkdir()
    for path in OLD.iterdir():
        text = path.read_bytes()
        (tmp_path / 'out' / path.name).write_bytes(text.replace(b'/srv/media/photos', str(folder).encode()))

    run = backup(tmp_path, folder, keep=1)

    assert run.error == {}
    assert len(archives(tmp_path)) == 1
    assert not (tmp_path / 'out' / 'photos-20261129T153749Z.tar.gz').exists()
