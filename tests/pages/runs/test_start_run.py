"""What a dropped file or a press starts: which pipeline is offered, where the file goes, whether more is needed."""

from typing import Any

import pytest

from pages.runs.run_form import open_run_form
from pages.runs.start_run import (
    Choice,
    StartCard,
    needs_only,
    starts_with_a_file,
)
from pages.runs.takers import file_parameter, pipeline_to_offer
from synapse.catalog.info import PipelineInfo
from tests.parts.pickers import chosen, pick
from tests.parts.screens import Stage, fire, is_shown, staged

PATH = {'type': 'string', 'format': 'path'}
VIDEO = PATH | {'x-accepts': ['.mp4']}


def pipeline(name: str = 'Clips', **values: Any) -> PipelineInfo:
    given: dict[str, Any] = {'source': '/home/me/clips.py', 'steps': ({'name': 'go', 'title': 'GO'},)} | values
    return PipelineInfo(name=name, title=name, **given)


# Which parameter takes a file


@pytest.mark.parametrize(
    ('schema', 'expected'),
    [
        ({'properties': {'a': PATH, 'b': VIDEO}}, 'b'),
        ({'properties': {'a': {'type': 'string'}, 'b': PATH}, 'required': ['b']}, 'b'),
        ({'properties': {'a': VIDEO, 'b': VIDEO}}, 'a'),
        ({'properties': {'a': {'anyOf': [PATH, {'type': 'null'}]}}}, None),
        ({'properties': {'a': {'anyOf': [PATH, {'type': 'null'}], 'x-accepts': ['.srt']}}}, 'a'),
        ({'properties': {'a': {'type': 'string'}}, 'required': ['a']}, None),
        ({'properties': {'a': {'type': 'string', 'format': 'directory-path'}}, 'required': ['a']}, None),
        ({}, None),
    ],
)
def test_a_dropped_file_goes_into_the_parameter_that_takes_one(schema: dict[str, Any], expected: str | None) -> None:
    assert file_parameter(pipeline(schema=schema)) == expected


def test_what_is_built_in_takes_a_file_only_if_it_says_which() -> None:
    schema = {'properties': {'folder': PATH}, 'required': ['folder']}

    assert file_parameter(pipeline(schema=schema, source='built-in')) is None


def test_a_form_is_asked_for_only_what_no_default_gives() -> None:
    info = pipeline(schema={'required': ['video', 'channel']})

    assert not needs_only(info, 'video', {})
    assert needs_only(info, 'video', {'channel': 'studio'})


def test_a_file_is_enough_only_for_a_pipeline_that_takes_one() -> None:
    takes = pipeline(schema={'properties': {'video': VIDEO}, 'required': ['video']})
    takes_none = pipeline(schema={'properties': {'text': {'type': 'string'}}})

    assert starts_with_a_file(takes, {})
    assert not starts_with_a_file(takes_none, {})


# Which pipeline is offered


def test_the_pipeline_of_the_last_run_is_offered_again() -> None:
    infos = [pipeline('Video', accepts=('.mp4',)), pipeline('Notes')]

    assert pipeline_to_offer(infos, 'Notes') == infos[1]


def test_one_that_is_gone_or_broken_gives_way_to_the_first_that_takes_files() -> None:
    infos = [pipeline('Notes'), pipeline('Video', accepts=('.mp4',)), pipeline('Broken', steps=())]

    assert [pipeline_to_offer(infos, wanted) for wanted in ('Gone', 'Broken', '')] == [infos[1]] * 3


def test_without_a_pipeline_that_can_run_none_is_offered() -> None:
    assert pipeline_to_offer([pipeline('Broken', steps=())], '') is None


# The card


def card(stage: Stage) -> StartCard:
    return stage.screen.draw(lambda: StartCard(stage.room))


def selects(stage: Stage, label: str) -> Any:
    return stage.screen.one(tag='select', aria_label=label)


async def uploaded(stage: Stage, name: str) -> dict[str, Any]:
    async def chunks() -> Any:
        yield b'not really a video'

    item = await stage.room.inbox.receive(name, chunks())
    return {'id': item.id, 'name': item.name, 'size': item.size}


async def test_a_file_that_is_enough_starts_a_run_at_once() -> None:
    async with staged() as stage:
        card(stage)
        assert any('It starts right away.' in text for text in stage.screen.texts)

        await fire(stage.screen.one(css='upload-zone'), 'uploaded', await uploaded(stage, 'clip.mp4'))
        (run,) = await stage.room.runs.page()

        assert (run.pipeline, run.because, run.subject) == ('PublishVideo', 'file drop', 'clip.mp4')


async def test_a_pipeline_without_a_file_offers_its_form() -> None:
    async with staged() as stage:
        card(stage)
        await pick(selects(stage, 'Pipeline'), 'RunCommand')

        assert not is_shown(stage.screen.one(css='upload-zone'))
        await fire(stage.screen.button('Fill in and run'))

        dialog = stage.screen.one(role='dialog', aria_label='New run')
        assert any('no shell' in text.lower() for text in stage.screen.texts)
        assert dialog is not None


async def test_what_a_person_chose_last_is_what_the_card_begins_with_whatever_ran_elsewhere() -> None:
    async with staged() as stage:
        await stage.room.profiles.create({'label': 'Studio'})
        before = card(stage)
        await pick(selects(stage, 'Pipeline'), 'BackupFolder')
        await pick(selects(stage, 'Profile'), 'studio')
        before.delete()
        await stage.end(await stage.run())
        card(stage)

        assert chosen(selects(stage, 'Pipeline')) == 'BackupFolder'
        assert chosen(selects(stage, 'Profile')) == 'studio'
        stage.screen.draw(lambda: open_run_form(stage.room))
        assert 'Folder' in stage.screen.texts


async def test_a_file_goes_to_the_pipeline_that_takes_it_whatever_is_selected() -> None:
    async with staged() as stage:
        card(stage)
        await pick(selects(stage, 'Pipeline'), 'RunCommand')
        zone = stage.screen.one(css='upload-zone')
        assert {'.mp4', '.gz'} <= set(zone.props['data-accepts'].split(','))

        await fire(zone, 'uploaded', await uploaded(stage, 'clip.mp4'))
        (run,) = await stage.room.runs.page()
        await fire(zone, 'uploaded', await uploaded(stage, 'backup.tar.gz'))

        assert run.pipeline == 'PublishVideo'
        assert stage.screen.one(role='dialog', aria_label='New run')
        assert any('backup.tar.gz' in text for text in stage.screen.texts)


async def test_a_profile_that_is_deleted_gives_way_to_another() -> None:
    async with staged() as stage:
        await stage.room.profiles.create({'label': 'Studio'})
        changes: list[str] = []
        choice = stage.screen.draw(lambda: Choice(stage.room, lambda: changes.append('changed')))
        await pick(selects(stage, 'Profile'), 'studio')
        assert choice.profile_id == 'studio'

        await stage.room.profiles.delete('studio')

        assert choice.profile_id == 'default'
        assert changes == ['changed', 'changed']


async def test_a_profile_that_gives_what_is_missing_lets_a_file_start_at_once() -> None:
    async with staged() as stage:
        choice = stage.screen.draw(lambda: Choice(stage.room, lambda: None))
        choice.info = pipeline(schema={'properties': {'video': VIDEO, 'who': {}}, 'required': ['video', 'who']})
        assert choice.profile is not None
        assert not starts_with_a_file(choice.info, choice.profile.defaults)

        await stage.room.profiles.update('default', {'defaults': {'who': 'Ada'}})

        assert choice.profile is not None
        assert choice.profile.defaults == {'who': 'Ada'}
