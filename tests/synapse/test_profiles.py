import json
import stat
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Documents
from storage.files import DiskFull
from synapse.bus import Bus
from synapse.errors import Conflict, DiskIsFull, Invalid, NotFound
from synapse.profiles import ProfileChanged, Profiles


def opened(data: Path, bus: Bus | None = None) -> Profiles:
    return Profiles(Documents(data / 'profiles.json'), data / 'secrets.json', bus or Bus())


@pytest.fixture
async def profiles(tmp_path: Path) -> Profiles:
    profiles = opened(tmp_path)
    await profiles.start()
    return profiles


async def test_a_fresh_data_folder_has_one_profile_that_delivers_into_it(tmp_path: Path) -> None:
    profiles = opened(tmp_path)

    await profiles.start()

    (profile,) = profiles.all()
    assert (profile.id, profile.label, profile.destination) == ('default', 'Default', str(tmp_path / 'published'))
    assert opened(tmp_path).all() == [profile]


async def test_a_new_profile_gets_an_id_from_its_label_and_is_news(tmp_path: Path) -> None:
    bus = Bus()
    news: list[ProfileChanged] = []
    bus.subscribe(ProfileChanged, news.append)
    profiles = opened(tmp_path, bus)

    first = await profiles.create({'label': ' Studio Köln ', 'destination': '/srv/media'})
    second = await profiles.create({'label': 'Studio Köln'})

    assert (first.id, first.label, second.id) == ('studio-koln', 'Studio Köln', 'studio-koln-2')
    assert [(item.change, item.profile.id) for item in news] == [('created', first.id), ('created', second.id)]


async def test_secrets_are_masked_everywhere_but_for_the_run(tmp_path: Path, profiles: Profiles) -> None:
    profile = await profiles.create({'label': 'A', 'secrets': {'API_KEY': 'canary-1'}})

    assert profile.secrets == {'API_KEY': '***'}
    assert profiles.secrets_of(profile.id) == {'API_KEY': 'canary-1'}
    assert 'canary-1' not in (tmp_path / 'profiles.json').read_text()
    assert stat.S_IMODE((tmp_path / 'secrets.json').stat().st_mode) == 0o600
    assert opened(tmp_path).secrets_of(profile.id) == {'API_KEY': 'canary-1'}


async def test_a_secret_whose_name_programs_need_says_what_to_do(profiles: Profiles) -> None:
    with pytest.raises(Invalid) as refused:
        await profiles.create({'label': 'A', 'secrets': {'PATH': '/x', 'LD_SDK_KEY': 'k'}})

    assert refused.value.fields == {
        'secrets.PATH': 'Programs need the variable PATH, and this would take its place for each of them. '
        'Give the secret another name.'
    }
    kept = await profiles.create({'label': 'B', 'secrets': {'LD_SDK_KEY': 'k', 'PYTHONANYWHERE_TOKEN': 't'}})
    assert set(kept.secrets) == {'LD_SDK_KEY', 'PYTHONANYWHERE_TOKEN'}


async def test_a_change_of_secrets_keeps_masked_ones_and_removes_nulls(profiles: Profiles) -> None:
    await profiles.update('default', {'secrets': {'KEEP': 'k', 'GO': 'g', 'SILENT': 's'}})

    changed = await profiles.update('default', {'secrets': {'KEEP': '***', 'GO': None, 'NEW': 'n'}})

    assert profiles.secrets_of('default') == {'KEEP': 'k', 'SILENT': 's', 'NEW': 'n'}
    assert set(changed.secrets) == {'KEEP', 'SILENT', 'NEW'}


@pytest.mark.parametrize(
    ('change', 'field'),
    [
        ({'label': '  '}, 'label'),
        ({'color': 'red; background: url(x)'}, 'color'),
        ({'icon': '../x'}, 'icon'),
        ({'destination': 'not/whole'}, 'destination'),
        ({'destination': 'nosuch://host/x'}, 'destination'),
        ({'destination': 'memory://bucket/x'}, 'destination'),
        ({'destination': 'http://host/x'}, 'destination'),
        ({'defaults': {'destination': 'sftp://anna:canary-1@host/x'}}, 'defaults'),
        ({'defaults': {'x': float('nan')}}, 'defaults'),
        ({'secrets': {'1x': 'v'}}, 'secrets'),
        ({'secrets': {'x': '***'}}, 'secrets.x'),
        ({'secrets': {'x': ''}}, 'secrets.x'),
        ({'secrets': {'PATH': '/x'}}, 'secrets.PATH'),
        ({'secrets': {'LD_PRELOAD': '/x'}}, 'secrets.LD_PRELOAD'),
        ({'secrets': {'PYTHONHOME': '/x'}}, 'secrets.PYTHONHOME'),
        ({'secrets': {'DYLD_INSERT_LIBRARIES': '/x'}}, 'secrets.DYLD_INSERT_LIBRARIES'),
        ({'secrets': ['x']}, 'secrets'),
        ({'surprise': 1}, 'surprise'),
        ({'id': 'other'}, 'id'),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_with_a_sentence(
    profiles: Profiles, change: dict[str, object], field: str
) -> None:
    before = profiles.get('default')

    with pytest.raises(Invalid) as refused:
        await profiles.update('default', change)

    assert refused.value.fields[field].endswith('.')
    assert profiles.get('default') == before


async def test_a_destination_may_be_a_url_or_begin_at_home(profiles: Profiles) -> None:
    by_url = await profiles.update('default', {'destination': 's3://bucket/x'})
    at_home = await profiles.update('default', {'destination': '~/Videos'})

    assert by_url.destination == 's3://bucket/x'
    assert at_home.destination == str(Path.home() / 'Videos')


async def test_user_and_password_of_a_destination_become_secrets(tmp_path: Path, profiles: Profiles) -> None:
    profile = await profiles.create({'label': 'A', 'destination': 'sftp://anna:canary%2F1@host/x'})

    assert profile.destination == 'sftp://host/x'
    assert profile.secrets == {'destination_username': '***', 'destination_password': '***'}
    assert profiles.secrets_of(profile.id) == {'destination_username': 'anna', 'destination_password': 'canary/1'}
    assert 'canary' not in (tmp_path / 'profiles.json').read_text()

    changed = await profiles.update(profile.id, {'destination': 'sftp://anna:canary-2@other/x'})

    assert changed.destination == 'sftp://other/x'
    assert profiles.secrets_of(profile.id)['destination_password'] == 'canary-2'
    with pytest.raises(Invalid) as refused:
        await profiles.update(profile.id, {'destination': 'sftp://anna:canary-3@host:nowhere/x'})
    assert 'canary' not in str(refused.value.fields)


async def test_deleting_forgets_the_secrets_too_but_the_last_profile_stays(tmp_path: Path, profiles: Profiles) -> None:
    profile = await profiles.create({'label': 'B', 'secrets': {'K': 'canary-2'}})

    await profiles.delete(profile.id)

    assert 'canary-2' not in (tmp_path / 'secrets.json').read_text()
    assert 'canary-2' not in (tmp_path / 'secrets.json.copy').read_text()
    with pytest.raises(NotFound):
        profiles.get(profile.id)
    with pytest.raises(Conflict):
        await profiles.delete('default')


async def test_an_id_that_is_taken_is_refused(profiles: Profiles) -> None:
    with pytest.raises(Conflict):
        await profiles.create({'id': 'default', 'label': 'Again'})


async def test_damaged_secrets_come_back_from_their_copy(tmp_path: Path, profiles: Profiles) -> None:
    await profiles.update('default', {'secrets': {'K': 'v'}})
    (tmp_path / 'secrets.json').write_text('{"secrets": {"default": {"K": "v"')

    again = opened(tmp_path)

    assert again.secrets_of('default') == {'K': 'v'}
    assert 'nothing is missing' in again.notices[0]
    assert opened(tmp_path).notices == []


async def test_unreadable_secrets_are_set_aside_and_reported(tmp_path: Path, profiles: Profiles) -> None:
    await profiles.update('default', {'secrets': {'K': 'v'}})
    (tmp_path / 'secrets.json').write_text('{"secrets": {"default": {"K": "v"')
    (tmp_path / 'secrets.json.copy').unlink()

    again = opened(tmp_path)

    (aside,) = tmp_path.glob('secrets.json.corrupt-*')
    assert aside.name in again.notices[0]
    assert again.get('default').secrets == {}


async def test_a_profile_broken_by_hand_is_left_out_and_kept_in_the_file(tmp_path: Path, profiles: Profiles) -> None:
    await profiles.create({'label': 'Good'})
    documents = Documents(tmp_path / 'profiles.json')
    documents.put('default', {**(documents.get('default') or {}), 'color': 'mauve'})
    documents.close()

    again = opened(tmp_path)
    await again.start()

    assert [profile.id for profile in again.all()] == ['good']
    assert 'default' in again.notices[0]
    assert 'mauve' in (tmp_path / 'profiles.json').read_text()


async def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    await profiles.update('default', {'secrets': {'K': 'old'}})

    def full(*_: object) -> None:
        raise DiskFull('no space left')

    monkeypatch.setattr(Documents, 'put', full)
    with pytest.raises(DiskIsFull):
        await profiles.update('default', {'label': 'Other', 'secrets': {'K': 'new'}})

    assert profiles.get('default').label == 'Default'
    assert profiles.secrets_of('default') == {'K': 'old'}
    assert json.loads((tmp_path / 'secrets.json').read_text())['secrets'] == {'default': {'K': 'old'}}


@pytest.mark.parametrize('is_saved', [True, False], ids=['profile saved', 'profile not saved'])
async def test_a_crash_never_parts_a_profile_from_its_secrets(
    tmp_path: Path, profiles: Profiles, monkeypatch: pytest.MonkeyPatch, is_saved: bool
) -> None:
    await profiles.update('default', {'label': 'Old', 'secrets': {'K': 'old'}})
    put = Documents.put

    def crash(documents: Documents, id: str, document: dict[str, Any]) -> None:
        if is_saved:
            put(documents, id, document)
        raise OSError('as if killed')

    monkeypatch.setattr(Documents, 'put', crash)
    with pytest.raises(OSError, match='as if killed'):
        await profiles.update('default', {'label': 'New', 'secrets': {'K': 'new'}})
    monkeypatch.undo()

    again = opened(tmp_path)

    name = 'new' if is_saved else 'old'
    assert again.get('default').label.lower() == name
    assert again.secrets_of('default') == {'K': name}
    assert json.loads((tmp_path / 'secrets.json').read_text()) == {'version': 1, 'secrets': {'default': {'K': name}}}
