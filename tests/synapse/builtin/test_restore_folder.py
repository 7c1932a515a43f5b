"""A backup comes back through the built-in pipeline, from wherever it is."""

import gzip
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.restore_folder import RestoreFolder
from synapse.pipelines.describe import describe
from tests.parts.one_run import OneRun
from tests.parts.trees import facts_of, make_odd_tree

OLD = Path(__file__).resolve().parents[2] / 'data' / 'backup'
OLD_ARCHIVE = OLD / 'photos-20261129T153749Z.tar.gz'
# The superuser may read and write everything, unless that right is taken from the program.
_RIGHTS = '-dac_override,-dac_read_search'
WITHOUT_RIGHTS = ('setpriv', '--bounding-set', _RIGHTS, '--inh-caps', _RIGHTS) if os.geteuid() == 0 else ()


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

    assert run.error['message'].endswith('is damaged: it is cut short. 2 files restored, 1 file missing: tree/c.')
    assert (tmp_path / 'back' / 'tree' / 'b').read_bytes() == (tree / 'b').read_bytes()
    assert run.error['hint'].startswith('Try an older archive. What is back is in ')


def continued(tmp_path: Path, **parameters: Any) -> OneRun:
    """Retry from RESTORE, with what the last run saved."""
    state = json.loads((tmp_path / 'run' / 'checkpoint.json').read_text())['state']
    return OneRun(
        tmp_path / 'run',
        'RestoreFolder',
        parameters,
        destination=tmp_path / 'out',
        from_step='restore',
        state=state | parameters,
    ).finish(timeout=30)


def odd_backup(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder with links and small files, and its archive."""
    tree = make_odd_tree(tmp_path / 'tree')
    for number in range(20):
        (tree / f'more-{number}').write_bytes(os.urandom(50_000))
    run_of('BackupFolder', tmp_path, folder=str(tree))
    (archive,) = (tmp_path / 'out').glob('*.tar.gz')
    return tree, archive


def test_a_retry_from_restore_continues_in_the_folder_that_it_has_begun(tmp_path: Path) -> None:
    tree, archive = odd_backup(tmp_path)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    broken = restore(tmp_path)
    (left,) = (tmp_path / 'back').iterdir()
    unfinished = json.loads((tmp_path / 'run' / 'checkpoint.json').read_text())['state']['_part']
    (left / unfinished).write_bytes(b'of a process that was killed')
    archive.write_bytes(whole)

    run = continued(tmp_path)

    assert broken.state == 'failed'
    assert (run.error, warnings(run)) == ({}, [])
    assert facts_of(tmp_path / 'back' / 'tree') == facts_of(tree)


def test_a_retry_replaces_nothing_that_was_changed_meanwhile_and_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / 'tree').mkdir()
    for name in ('a', 'b', 'c'):
        (tmp_path / 'tree' / name).write_bytes(os.urandom(300_000))
    run_of('BackupFolder', tmp_path, folder=str(tmp_path / 'tree'))
    (archive,) = (tmp_path / 'out').glob('*.tar.gz')
    whole = archive.read_bytes()
    archive.write_bytes(whole[:700_000])
    restore(tmp_path)
    archive.write_bytes(whole)
    mine = tmp_path / 'back' / 'tree' / 'a'
    mine.write_text('mine')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'file').touch()

    run = continued(tmp_path)
    other = continued(tmp_path, into=str(tmp_path / 'other'))

    assert run.error['message'] == '2 files restored, 1 file missing: tree/a.'
    assert mine.read_text() == 'mine'
    assert other.error['message'] == f'{tmp_path / "other"} is not empty.'


def test_a_restore_that_filled_the_disk_continues_after_space_was_made(tmp_path: Path) -> None:
    tree, _ = odd_backup(tmp_path)
    full = tmp_path / 'full'
    full.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'none', str(full)], capture_output=True)
    if mounted.returncode:
        pytest.skip('this user may not mount a small disk')
    try:
        first = restore(tmp_path, into=str(full / 'back'))
        subprocess.run(['mount', '-o', 'remount,size=50m', str(full)], check=True)
        second = continued(tmp_path)
        back = facts_of(full / 'back' / 'tree')
    finally:
        subprocess.run(['umount', str(full)], check=True)

    assert first.error['message'].startswith(f'{full / "back"} cannot be written to: No space left on device. ')
    assert first.error['hint'].startswith('Free some space. Retry from RESTORE to continue. What is back is in ')
    assert second.error == {}
    assert back == facts_of(tree)


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('flip.zip', b'PK\x03\x04 and so on'),
        ('flip.tar.gz', b''),
        ('flip.gz', gzip.compress(b'only a text\n' * 100, mtime=0)),
        ('flip.tgz', b'<html>'),
    ],
)
def test_a_file_that_is_not_an_archive_is_said_to_be_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    run = restore(tmp_path, archive=str(tmp_path / name))

    assert (run.failed_step, run.error['message']) == ('choose', f'{name} is not a .tar.gz archive.')
    assert run.error['hint'].startswith('Choose ')
    assert not (tmp_path / 'back').exists()


def test_a_damaged_archive_is_named_as_it_is_and_leaves_no_empty_folder(tmp_path: Path) -> None:
    archive = tmp_path / 'flip.tar.gz'
    content = bytearray(OLD_ARCHIVE.read_bytes())
    content[30:60] = bytes(30)
    archive.write_bytes(content)
    (tmp_path / 'here').mkdir()

    run = restore(tmp_path, archive=str(archive), into=str(tmp_path / 'here' / 'there' / 'back'))

    assert run.failed_step == 'restore'
    assert run.error['message'].startswith('flip.tar.gz is damaged: its compressed data is broken. Nothing restored, ')
    assert run.error['hint'] == 'Try an older archive.'
    assert list((tmp_path / 'here').iterdir()) == []


def test_a_choice_that_fits_nothing_fails_and_names_what_there_is(tmp_path: Path) -> None:
    run = restore(tmp_path, archive=str(OLD_ARCHIVE), only=['*.docx', 'Letters'])

    assert run.failed_step == 'restore'
    assert run.error['message'] == f'{OLD_ARCHIVE.name} has nothing that fits *.docx, Letters.'
    assert 'a.txt' in run.error['hint']
    assert not (tmp_path / 'back').exists()


@pytest.mark.parametrize('into', ['back', 'back/deep/er'])
def test_a_target_that_cannot_be_written_to_is_said_before_anything_is_read(tmp_path: Path, into: str) -> None:
    (tmp_path / 'back').mkdir(mode=0o500)
    parameters = {'archive': str(OLD_ARCHIVE), 'into': str(tmp_path / into)}

    run = OneRun(tmp_path / 'run', 'RestoreFolder', parameters, through=WITHOUT_RIGHTS).finish(timeout=30)

    assert run.failed_step == 'choose'
    assert run.error['message'].endswith('may not be written to.')
    assert str(tmp_path / into) in run.error['message']
    assert [message for level, message in run.lines if level == 'error'] == [
        f'{run.error["message"]} {run.error["hint"]}'
    ]


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / 'flip').write_text('x')

    file = restore(tmp_path, archive=str(OLD_ARCHIVE), into=str(tmp_path / 'flip'))
    below = restore(tmp_path, archive=str(OLD_ARCHIVE), into=str(tmp_path / 'flip' / 'back'))
    folder = restore(tmp_path, archive=str(tmp_path))

    assert file.error['message'] == below.error['message'] == f'{tmp_path / "flip"} is a file, not a folder.'
    assert folder.error['message'] == f'{tmp_path} is a folder, not a file.'


def test_a_folder_with_the_name_of_a_file_is_kept_and_what_to_do_is_said(tmp_path: Path) -> None:
    (tmp_path / 'back' / 'photos' / 'a.txt').mkdir(parents=True)

    run = restore(tmp_path, archive=str(OLD_ARCHIVE), replace=True)

    assert '1 file missing: photos/a.txt.' in run.error['message']
    assert run.error['hint'].startswith('Move the folder away that has the name of a file, or choose a new folder.')


@pytest.mark.parametrize('is_manifest_renamed', [True, False])
def test_a_renamed_archive_keeps_its_manifest(tmp_path: Path, is_manifest_renamed: bool) -> None:
    out = tmp_path / 'usb'
    out.mkdir()
    shutil.copy(OLD_ARCHIVE, out / 'holiday.tgz')
    manifest = 'holiday.tgz.json' if is_manifest_renamed else f'{OLD_ARCHIVE.name}.json'
    shutil.copy(OLD / f'{OLD_ARCHIVE.name}.json', out / manifest)

    run = restore(tmp_path, archive=str(out / 'holiday.tgz'))

    assert (run.error, warnings(run)) == ({}, [])
    assert f'holiday.tgz was made as {OLD_ARCHIVE.name}, as its checksum says' in [line for _, line in run.lines]


def test_a_manifest_of_another_archive_is_not_used(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / 'holiday.tgz', 'w:gz') as tar:
        tar.add(OLD, 'photos', recursive=False)
    shutil.copy(OLD / f'{OLD_ARCHIVE.name}.json', tmp_path / 'holiday.tgz.json')

    run = restore(tmp_path, archive=str(tmp_path / 'holiday.tgz'))

    assert run.error == {}
    assert warnings(run) == [
        f'The manifest holiday.tgz.json is for another archive, {OLD_ARCHIVE.name}, '
        'so its files are restored without comparing their checksums'
    ]
