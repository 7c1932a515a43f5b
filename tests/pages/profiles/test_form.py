"""The form of a profile: secrets go in and never come out, errors lie at their fields, and a save is one profile."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nicegui import ui

from pages.profiles.form import NewSecret, ProfileDialog, SecretEdits, shown
from pages.profiles.page import profiles_page
from synapse.profiles import COLORS, MASK
from tests.parts.screens import Stage, fire, is_shown, own_text, staged, text_of, type_into

# What is changed of the secrets


def test_a_secret_that_is_not_touched_is_not_in_the_change() -> None:
    assert SecretEdits().change() == {}


def test_a_typed_value_replaces_a_secret_and_an_emptied_box_keeps_it() -> None:
    edits = SecretEdits()
    edits.replace('KEY', 'new')
    assert edits.change() == {'KEY': 'new'}

    edits.replace('KEY', '')

    assert edits.change() == {}


def test_a_removed_secret_is_none_in_the_change() -> None:
    edits = SecretEdits(kept={'OLD': None})

    assert edits.change() == {'OLD': None}


def test_an_added_row_counts_once_something_is_in_it() -> None:
    edits = SecretEdits(added=[NewSecret(), NewSecret(' API_KEY ', ' x '), NewSecret('', 'lost')])

    assert edits.change() == {'API_KEY': ' x ', '': 'lost'}, 'the one without a name is refused, not dropped'


@pytest.mark.parametrize(('value', 'text'), [('plain', 'plain'), (7, '7'), (['ä'], '["ä"]'), (True, 'true')])
def test_a_default_is_shown_as_it_would_be_typed(value: Any, text: str) -> None:
    assert shown(value) == text


# The dialog


def opened(stage: Stage, id: str = '') -> None:
    profile = stage.room.profiles.get(id) if id else None
    stage.screen.draw(lambda: ProfileDialog(stage.room, profile))


def box(stage: Stage, name: str) -> ui.element:
    return stage.screen.one(id=f'parameter-{name}')


async def save(stage: Stage) -> None:
    await fire(stage.screen.button('Save profile'))


def error(stage: Stage, name: str) -> str:
    return text_of(stage.screen.one(id=f'parameter-{name}-error'))


async def test_a_default_that_its_parameter_refuses_is_told_at_the_field() -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'Studio')
        await type_into(box(stage, 'defaults'), 'height=abc')
        await save(stage)

        assert error(stage, 'defaults').startswith('height: Choose 480, 720 or ')
        assert [profile.id for profile in stage.room.profiles.all()] == ['default']


async def test_a_new_profile_is_kept_as_it_was_filled_in() -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), ' Studio ')
        await type_into(box(stage, 'defaults'), 'height=720\nwho=Ada')
        await fire(stage.screen.one(aria_label='Icon film'), 'change')
        await save(stage)
        profile = stage.room.profiles.get('studio')

        assert (profile.label, profile.icon) == ('Studio', 'film')
        assert profile.defaults == {'height': 720, 'who': 'Ada'}
        assert profile.destination == str(stage.room.profiles.default_destination)
        assert stage.screen.notices == ['Saved the profile Studio.']


async def test_a_new_profile_gets_the_next_colour_and_an_odd_one_is_kept() -> None:
    async with staged() as stage:
        opened(stage)
        assert stage.screen.one(aria_label=f'Colour {COLORS[1]}').props['^checked'] is True
        await stage.room.profiles.create({'label': 'Odd', 'color': '#123456', 'icon': 'ghost'})

        opened(stage, 'odd')

        assert stage.screen.one(aria_label='Colour #123456').props['^checked'] is True
        assert stage.screen.one(aria_label='Icon ghost').props['^checked'] is True


async def test_secrets_are_replaced_removed_and_added_and_the_rest_is_kept() -> None:
    async with staged() as stage:
        await stage.room.profiles.update('default', {'secrets': {'KEPT': 'k', 'OLD': 'o', 'CHANGED': 'c'}})
        opened(stage, 'default')
        await fire(stage.screen.button('Remove OLD'))
        await type_into(stage.screen.one(aria_label='New value of CHANGED'), 'c2')
        await fire(stage.screen.button('Add a secret'))
        await type_into(stage.screen.one(aria_label='Name of the new secret'), 'API_KEY')
        await type_into(stage.screen.one(aria_label='Value of the new secret'), 'hunter2')
        await save(stage)

        assert stage.room.profiles.secrets_of('default') == {'KEPT': 'k', 'CHANGED': 'c2', 'API_KEY': 'hunter2'}


async def test_no_secret_is_ever_sent_to_the_browser() -> None:
    async with staged() as stage:
        await stage.room.profiles.update('default', {'secrets': {'API_KEY': 'hunter2'}})
        opened(stage, 'default')
        stage.screen.draw(lambda: profiles_page(stage.room))

        sent = [str(element.props) + str(getattr(element, 'text', '')) for element in stage.screen.all()]
        assert not any('hunter2' in text for text in sent)
        assert f'API_KEY = {MASK}' in stage.screen.texts


async def test_an_added_secret_that_is_removed_again_is_not_kept() -> None:
    async with staged() as stage:
        opened(stage, 'default')
        await fire(stage.screen.button('Add a secret'))
        await type_into(stage.screen.one(aria_label='Name of the new secret'), 'API_KEY')
        await fire(stage.screen.button('Remove the new secret'))
        await save(stage)

        assert stage.room.profiles.get('default').secrets == {}


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('label', '', 'Give a value.'),
        ('destination', 'not/absolute', ''),
        ('defaults', 'no pair', 'Write NAME=value, not “no pair”.'),
    ],
)
async def test_a_wrong_value_is_named_at_its_field_and_nothing_is_saved(name: str, text: str, words: str) -> None:
    async with staged() as stage:
        opened(stage, 'default')
        before = stage.room.profiles.get('default')
        await type_into(box(stage, name), text)
        await save(stage)

        assert error(stage, name)
        assert words in error(stage, name)
        assert stage.room.profiles.get('default') == before
        assert stage.screen.button('Save profile').props.get('disabled') is None


async def test_a_secret_with_a_name_no_environment_takes_is_refused_without_its_value() -> None:
    async with staged() as stage:
        opened(stage, 'default')
        await fire(stage.screen.button('Add a secret'))
        await type_into(stage.screen.one(aria_label='Name of the new secret'), '1 KEY')
        await type_into(stage.screen.one(aria_label='Value of the new secret'), 'hunter2')
        await save(stage)

        alerts = ' '.join(text_of(item) for item in stage.screen.all(role='alert'))
        assert alerts.strip()
        assert 'hunter2' not in alerts


async def test_errors_of_the_save_before_are_gone_with_the_next() -> None:
    async with staged() as stage:
        opened(stage, 'default')
        await type_into(box(stage, 'label'), '')
        await save(stage)
        await type_into(box(stage, 'label'), 'Loft')
        await save(stage)

        assert error(stage, 'label') == ''
        assert stage.room.profiles.get('default').label == 'Loft'


async def test_a_profile_deleted_meanwhile_is_said_in_the_dialog() -> None:
    async with staged() as stage:
        await stage.room.profiles.create({'label': 'Studio'})
        opened(stage, 'studio')
        await stage.room.profiles.delete('studio')
        await save(stage)

        assert any("No profile has the id 'studio'." in text for text in stage.screen.texts)


# The page


def cards(stage: Stage) -> list[str]:
    return [str(card.props['aria-label']) for card in stage.screen.all(css='pipe')]


async def test_the_page_follows_profiles_and_the_only_one_cannot_be_deleted() -> None:
    async with staged() as stage:
        stage.screen.draw(lambda: profiles_page(stage.room))
        assert stage.screen.button('Delete Default').props['disabled'] is True

        await stage.room.profiles.create({'label': 'Studio', 'defaults': {'who': 'Ada'}})

        assert cards(stage) == ['Default', 'Studio']
        assert 'who = Ada' in stage.screen.texts
        assert 'disabled' not in stage.screen.button('Delete Default').props


async def test_a_profile_that_an_event_needs_is_not_asked_about_but_refused() -> None:
    async with staged() as stage:
        await stage.room.profiles.create({'label': 'Studio'})
        await stage.room.editor.create(
            {
                'title': 'Nightly backup',
                'pipeline': 'RunCommand',
                'parameters': {'command': ['true']},
                'profile': 'studio',
                'start': datetime(2040, 1, 7, 9),
                'timezone': 'UTC',
            }
        )
        stage.screen.draw(lambda: profiles_page(stage.room))
        await fire(stage.screen.button('Delete Studio'))

        (notice,) = stage.screen.notices
        assert 'Nightly backup' in notice
        assert cards(stage) == ['Default', 'Studio']


# The login of a destination, and whether it works


async def test_a_login_has_fields_of_its_own_and_becomes_secrets() -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'Studio')
        await type_into(box(stage, 'destination'), 'ftp://host/films')
        await type_into(stage.screen.one(id='login-destination_username'), 'anna')
        await type_into(stage.screen.one(id='login-destination_password'), 'hunter2')
        await save(stage)

        secrets = {'destination_username': 'anna', 'destination_password': 'hunter2'}
        assert stage.room.profiles.secrets_of('studio') == secrets
        assert 'FTP sends the password and the files unencrypted.' in stage.screen.notices


def login_titles(stage: Stage) -> list[str]:
    """The titles of the fields for a login that are shown."""
    labels = [item for item in stage.screen.all(tag='label') if str(item.props.get('for')).startswith('login-')]
    return [own_text(label.default_slot.children[0]) for label in labels if is_shown(label)]


@pytest.mark.parametrize(
    ('address', 'titles'),
    [
        ('', []),
        ('/srv/films', []),
        ('file:///srv', []),
        ('sftp:', []),
        ('ssh://', ['User', 'Password', 'Key file']),
        ('ftp://host', ['User', 'Password']),
        ('webdavs://host', ['User', 'Password']),
        ('smb://host/share', ['User', 'Password']),
        ('S3://bucket', ['Access key', 'Secret key', 'S3 endpoint']),
        ('gs://bucket', ['User', 'Password']),
    ],
)
async def test_only_the_login_that_an_address_can_use_is_asked_for(address: str, titles: list[str]) -> None:
    async with staged() as stage:
        opened(stage)
        assert login_titles(stage) == []
        await type_into(box(stage, 'destination'), address)

        assert login_titles(stage) == titles


async def test_what_was_typed_into_a_login_is_saved_only_where_it_is_used() -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'Studio')
        await type_into(box(stage, 'destination'), 'sftp://host/films')
        await type_into(stage.screen.one(id='login-destination_username'), 'anna')
        await type_into(stage.screen.one(id='login-destination_key_file'), '~/.ssh/films')
        await type_into(box(stage, 'destination'), 'ftp://host/films')
        await save(stage)
        assert stage.room.profiles.secrets_of('studio') == {'destination_username': 'anna'}


async def test_what_was_typed_into_a_login_is_kept_until_the_address_can_use_it_again() -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'Loft')
        await type_into(box(stage, 'destination'), 'sftp://host/films')
        await type_into(stage.screen.one(id='login-destination_username'), 'anna')
        await type_into(box(stage, 'destination'), '/srv')
        await type_into(box(stage, 'destination'), 'sftp://host')
        await save(stage)
        assert stage.room.profiles.secrets_of('loft') == {'destination_username': 'anna'}


async def test_a_saved_login_that_an_address_cannot_use_is_named_and_can_be_removed() -> None:
    async with staged() as stage:
        secrets: dict[str, Any] = {'destination_username': 'anna', 'destination_key_file': '~/.ssh/films'}
        await stage.room.profiles.update('default', {'secrets': secrets, 'destination': 'ftp://host'})
        opened(stage, 'default')
        assert 'Saved, but not used by this address: key file' in stage.screen.texts
        await type_into(box(stage, 'destination'), '/srv')
        assert 'Saved, but not used by this address: user, key file' in stage.screen.texts
        await type_into(box(stage, 'destination'), 'ftp://host')
        await fire(stage.screen.button('Remove'))
        await save(stage)

        assert stage.room.profiles.secrets_of('default') == {'destination_username': 'anna'}


async def test_a_kept_password_is_shown_as_a_mask_and_can_be_removed() -> None:
    async with staged() as stage:
        secrets: dict[str, Any] = {'destination_username': 'anna', 'destination_password': 'hunter2'}
        await stage.room.profiles.update('default', {'secrets': secrets, 'destination': 'ftp://host/films'})
        opened(stage, 'default')
        assert stage.screen.one(id='login-destination_password').props['placeholder'] == MASK
        await fire(stage.screen.button('Remove the password'))
        await save(stage)

        assert stage.room.profiles.secrets_of('default') == {'destination_username': 'anna'}


async def test_a_destination_is_tried_as_it_is_typed(tmp_path: Path) -> None:
    async with staged() as stage:
        opened(stage, 'default')
        await type_into(box(stage, 'destination'), str(tmp_path / 'out'))
        await fire(stage.screen.button('Try it'))
        assert 'A small file was written, read back and removed.' in stage.screen.texts

        await type_into(box(stage, 'destination'), 'memory://films')
        await fire(stage.screen.button('Try it'))

        assert any(text.startswith('Nothing can be kept at memory://.') for text in stage.screen.texts)
        assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('folder', 'is_tried', 'said'),
    [
        ('out', False, 'Saved the profile One. Its destination was not tried: edit it, and press Try it.'),
        ('out', True, 'Saved the profile One.'),
        ('/proc/x', True, 'Saved the profile One. Its destination did not work when you tried it. '),
    ],
)
async def test_a_destination_that_was_not_tried_or_did_not_work_is_saved_with_a_word(
    tmp_path: Path, folder: str, is_tried: bool, said: str
) -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'One')
        await type_into(box(stage, 'destination'), str(tmp_path / folder))
        if is_tried:
            await fire(stage.screen.button('Try it'))
        await save(stage)

        (notice,) = stage.screen.notices
        assert notice.startswith(said)
        assert ('did not work' in said) == ('/proc/x cannot be created' in notice)
        assert stage.room.profiles.get('one').destination == str(tmp_path / folder)


async def test_what_was_changed_after_the_trial_counts_as_not_tried(tmp_path: Path) -> None:
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'One')
        await type_into(box(stage, 'destination'), str(tmp_path / 'a'))
        await fire(stage.screen.button('Try it'))
        await type_into(box(stage, 'destination'), str(tmp_path / 'b'))
        await save(stage)

        assert stage.screen.notices[0].endswith('Its destination was not tried: edit it, and press Try it.')


async def test_a_file_is_no_destination(tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    async with staged() as stage:
        opened(stage)
        await type_into(box(stage, 'label'), 'One')
        await type_into(box(stage, 'destination'), str(tmp_path / 'file'))
        await save(stage)

        assert error(stage, 'destination') == f'{tmp_path / "file"} is a file, not a folder. Choose a folder.'
