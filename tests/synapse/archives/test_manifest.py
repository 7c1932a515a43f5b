"""Manifests of today and of before are read, and nothing else is taken for one."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from synapse.archives.manifest import Archive, archive_in, archives_in, made_here, manifest_of, read_manifest
from synapse.destinations import Destination

OLD = Path(__file__).resolve().parents[2] / 'data' / 'backup'
NAME = 'photos-20261129T010000Z.tar.gz'


def an_archive(name: str = NAME) -> Archive:
    return Archive(name=name, folder='/srv/photos', created_at=datetime(2026, 11, 29, 1, tzinfo=UTC))


def test_a_manifest_says_the_same_after_it_was_read_odd_names_too() -> None:
    archive = an_archive()
    archive.files = {'photos/odd \udcff': 'ab', 'photos/new\nline': 'cd', 'photos/ü': 'ef'}
    archive.vanished, archive.changed = ['gone \udcfe'], ['köln.log']

    document = manifest_of(archive)

    assert archive_in(document) == archive
    assert json.loads(document)['made_by'] == 'Synapse BackupFolder'
    assert 'photos/ü' in document.decode()


def test_one_of_the_last_version_is_read() -> None:
    (archive,) = archives_in(Destination(str(OLD)))

    whole = read_manifest(Destination(str(OLD)), f'{archive.name}.json')
    assert (archive.folder, archive.size, archive.files) == ('/srv/media/photos', 553, {})
    assert whole is not None
    assert len(whole.files) == 4
    assert archive.changed == []


@pytest.mark.parametrize('document', [b'', b'[]', b'{}', b'{"made_by": "x"}', b'{"made_by": "Synapse BackupFolder"}'])
def test_anything_else_is_none(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the reason does not matter
        archive_in(document)


def test_ours_are_archives_with_their_manifest_and_what_is_unfinished(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    (tmp_path / f'{NAME}.json').write_bytes(manifest_of(an_archive()))
    ours = {NAME, f'{NAME}.json', f'.{NAME}.1a2b3c4d.part', f'.{NAME}.json.1a2b3c4d.part'}
    ours |= {'.synapse-1a2b3c4d-123-456789-1a2b3c4d.part'}
    by_hand = 'photos-20200101T000000Z.tar.gz'
    theirs = {by_hand, 'notes.txt', '.hidden', 'copy.tar.gz.json', '.film.mp4.1a2b3c4d.part'}
    (tmp_path / 'copy.tar.gz.json').write_bytes(manifest_of(an_archive()))

    assert made_here(Destination(str(tmp_path)), sorted(ours | theirs)) == ours
