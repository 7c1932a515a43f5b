import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.backup_folder import BackupFolder
from synapse.destinations import Destination
from synapse.pipelines.describe import describe
from synapse.pipelines.pipeline import StepFailed
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


def backup(tmp_path: Path, folder: Path, **parameters: Any) -> OneRun:
    return OneRun(
        tmp_path / 'run', 'BackupFolder', {'folder': str(folder)} | parameters, destination=tmp_path / 'out'
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


def test_files_that_cannot_be_read_fail_the_backup_instead_of_missing_in_it(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may read everything, so the answer of the system is changed and not the file.
    monkeypatch.setattr(os, 'access', lambda path, _: Path(path).name != 'a.txt')

    with pytest.raises(StepFailed) as failed:
        BackupFolder(folder=photos)._found(SilentRun(), Destination(str(tmp_path / 'out')))

    assert failed.value.message == f'1 file cannot be read: {photos / "a.txt"}.'
    assert 'exclude' in failed.value.hint


class SilentRun:
    def progress(self, *_: object) -> None:
        pass
