"""A backup comes back through the built-in pipeline, from wherever it is."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.restore_folder import RestoreFolder
from synapse.pipelines.describe import describe
from tests.parts.one_run import OneRun
from tests.parts.trees import facts_of, make_odd_tree

OLD = Path(__file__).resolve().parents[2] / 'data' / 'backup'
OLD_ARCHIVE = OLD / 'photos-20261129T153749Z.tar.gz'


def run_of(pipeline: str, tmp_path: Path, **parameters: Any) -> OneRun:
    return OneRun(tmp_path / 'run', pipeline, parameters, destination=tmp_path / 'out').finish(timeout=30)


def restore(tmp_path: Path, **parameters: Any) -> OneRun:
    return run_of('RestoreFolder', tmp_path, **({'into': str(tmp_path / 'back')} | parameters))


def warnings(run: OneRun) -> list[str]:
    return [message for level, message in run.lines if level == 'warning']


def test_its_description_is_the_contract() -> None:
    description = describe(RestoreFolder)

    assert [step['name'] for step in description['steps']] == ['choose', 'restore']
    assert description['title'] == 'Restore folder'
    assert description['schema']['required'] == ['into']
    assert description['schema']['properties']['archive']['x-accepts'] == ['.gz', '.tgz']


def test_the_newest_backup_comes_back_as_it_was(tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / 'tree')
    run_of('BackupFolder', tmp_path, folder=str(tree))
    (tree / 'later').write_text('made after the first backup')
    run_of('BackupFolder', tmp_path, folder=str(tree))

    run = restore(tmp_path)

    assert (run.error, warnings(run)) == ({}, [])
    assert facts_of(tmp_path / 'back' / 'tree') == facts_of(tree)
    assert run.progress('restore')[-1][0] == 100


def test_a_part_comes_back_by_patterns(tmp_path: Path) -> None:
    tree = tmp_path / 'tree'
    for name in ('letters/2026/a.txt', 'letters/2025/b.txt', 'pictures/c.jpg', 'd.jpg'):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    run_of('BackupFolder', tmp_path, folder=str(tree))

    run = restore(tmp_path, only=['letters/2026', '*.jpg'])

    back = tmp_path / 'back' / 'tree'
    assert run.error == {}
    found = sorted(str(path.relative_to(back)) for path in back.rglob('*') if path.is_file())
    assert found == ['d.jpg', 'letters/2026/a.txt', 'pictures/c.jpg']


def test_an_archive_of_the_last_version_comes_back(tmp_path: Path) -> None:
    run = restore(tmp_path, archive=str(OLD_ARCHIVE))

    back = tmp_path / 'back' / 'photos'
    assert (run.error, warnings(run)) == ({}, [])
    assert (back / 'twin').read_text() == 'first\n'
    assert (back / 'köln' / 'empty').is_dir()
    assert (back / 'link').readlink() == Path('a.txt')
    assert len(list(back.rglob('deep.txt'))) == 1
    assert (back / 'a.txt').stat().st_mode & 0o777 == 0o640


def test_one_from_another_program_comes_back_with_a_word(tmp_path: Path) -> None:
    (tmp_path / 'tree').mkdir()
    (tmp_path / 'tree' / 'a').write_text('a')
    subprocess.run(['tar', '-czf', 'other.tgz', 'tree'], cwd=tmp_path, check=True)

    run = restore(tmp_path, archive=str(tmp_path / 'other.tgz'))

    assert run.error == {}
    assert (tmp_path / 'back' / 'tree' / 'a').read_text() == 'a'
    assert warnings(run) == ['other.tgz has no manifest, so its files are restored without comparing their checksums']


def test_it_comes_back_from_a_url(tmp_path: Path) -> None:
    run = restore(tmp_path, destination=f'file://{OLD}')

    assert run.error == {}
    assert (tmp_path / 'back' / 'photos' / 'a.txt').read_text() == 'first\n'


def test_a_folder_with_something_in_it_is_refused_unless_asked(tmp_path: Path) -> None:
    (tmp_path / 'back' / 'photos').mkdir(parents=True)
    (tmp_path / 'back' / 'photos' / 'a.txt').write_text('mine')
    given = {'archive': str(OLD_ARCHIVE)}

    refused = restore(tmp_path, **given)
    kept = (tmp_path / 'back' / 'photos' / 'a.txt').read_text()
    replaced = restore(tmp_path, **given, replace=True)

    assert (refused.failed_step, refused.error['message']) == ('choose', f'{tmp_path / "back"} is not empty.')
    assert kept == 'mine'
    assert replaced.error == {}
    assert (tmp_path / 'back' / 'photos' / 'a.txt').read_text() == 'first\n'


def test_which_folder_and_which_archive_can_be_said(tmp_path: Path) -> None:
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
        run_of('BackupFolder', tmp_path, folder=str(tmp_path / name))
    (first,) = (tmp_path / 'out').glob('one-*.tar.gz')

    unclear = restore(tmp_path)
    by_name = restore(tmp_path, folder='two')
    by_archive = restore(tmp_path, name=first.name, into=str(tmp_path / 'back2'))
    unknown = restore(tmp_path, folder='three', into=str(tmp_path / 'back3'))

    assert unclear.error['message'].endswith(f'several folders: {tmp_path / "one"}, {tmp_path / "two"}.')
    assert (by_name.error, by_archive.error) == ({}, {})
    assert (tmp_path / 'back' / 'two' / 'two').exists()
    assert (tmp_path / 'back2' / 'one' / 'one').exists()
    assert unknown.error['message'].endswith('has no backup of three.')


@pytest.mark.parametrize('name', ['../secret.tar.gz', 'missing.tar.gz'])
def test_only_an_archive_in_the_destination_is_taken(tmp_path: Path, name: str) -> None:
    run = restore(tmp_path, name=name)

    assert run.failed_step == 'choose'
    assert not (tmp_path / 'back').exists()


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    archive = tmp_path / OLD_ARCHIVE.name
    shutil.copy(OLD_ARCHIVE, archive)
    manifest = json.loads((OLD / f'{OLD_ARCHIVE.name}.json').read_text())
    manifest['files'] |= {'photos/twin': '0' * 64, 'photos/more.txt': '1' * 64}
    archive.with_name(f'{archive.name}.json').write_text(json.dumps(manifest))

    run = restore(tmp_path, archive=str(archive))

    assert run.error['message'] == ('3 files and 1 link restored, 2 files missing: photos/twin, photos/more.txt.')
    errors = [message for level, message in run.lines if level == 'error']
    assert 'photos/twin is missing: its content is damaged' in errors
    assert (tmp_path / 'back' / 'photos' / 'a.txt').exists()
    assert not (tmp_path / 'back' / 'photos' / 'twin').exists()


def test_a_cut_archive_gives_what_it_has_and_says_what_it_has_not(tmp_path: Path) -> None:
    tree = tmp_path / 'tree'
    tree.mkdir()
    for name in ('a', 'b', 'c'):
        (tree / name).write_bytes(os.urandom(300_000))
    run_of('BackupFolder', tmp_path, folder=str(tree))
    (archive,) = (tmp_path / 'out').glob('*.tar.gz')
    os.truncate(archive, 700_000)

    run = restore(tmp_path)

    assert run.error['message'].endswith(
        'is damaged: it is cut short. 2 files and 0 links restored, 1 file missing: tree/c.'
    )
    assert (tmp_path / 'back' / 'tree' / 'b').read_bytes() == (tree / 'b').read_bytes()
