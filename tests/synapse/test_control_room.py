"""What the control room itself remembers."""

from pathlib import Path

import pytest

from storage.documents import Documents
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.log.log import Level
from synapse.settings import Settings
from tests.parts.hosts import eventually
from tests.synapse.runs.test_runs import room_in


async def test_the_commands_used_last_are_remembered_over_a_restart(tmp_path: Path) -> None:
    room = ControlRoom.build(Settings(data=tmp_path / 'data'))
    for number in range(12):
        await room.remember_command(f'command {number}')
    await room.remember_command('command 5')

    again = ControlRoom.build(Settings(data=tmp_path / 'data'))

    assert again.recent_commands == room.recent_commands
    assert again.recent_commands[:3] == ('command 5', 'command 11', 'command 10')
    assert len(again.recent_commands) == 10


DRAWS = """
from typing import Literal
from synapse import Pipeline, Run, step

class Draws(Pipeline):
    rows: {kind}
    needed: str
    sizes: list[int] = []

    @step
    def draw(self, run: Run): ...
"""


async def test_a_default_that_no_pipeline_takes_is_refused_with_the_words_of_its_parameter(tmp_path: Path) -> None:
    pipelines = tmp_path / 'data' / 'pipelines'
    pipelines.mkdir(parents=True)
    (pipelines / 'draws.py').write_text(DRAWS.replace('{kind}', 'int'))
    async with room_in(tmp_path / 'data') as room:
        with pytest.raises(Invalid) as caught:
            await room.profiles.create({'label': 'A', 'defaults': {'rows': 'abc', 'sizes': [1, 'x'], 'other': 'abc'}})
        assert caught.value.fields == {
            'defaults.rows': 'Write a whole number.',
            'defaults.sizes': 'Item 2: Write a whole number.',
        }

        kept = await room.profiles.create({'label': 'B', 'defaults': {'rows': 700, 'other': 'abc'}})
        with pytest.raises(Invalid):
            await room.profiles.update(kept.id, {'defaults': {'rows': 'tall'}})
        assert room.profiles.get(kept.id).defaults['rows'] == 700


async def test_a_default_for_one_of_two_pipelines_and_one_that_is_unchanged_are_kept(tmp_path: Path) -> None:
    pipelines = tmp_path / 'data' / 'pipelines'
    pipelines.mkdir(parents=True)
    (pipelines / 'draws.py').write_text(DRAWS.replace('{kind}', 'int'))
    (pipelines / 'words.py').write_text(DRAWS.replace('{kind}', 'Literal["low"]').replace('Draws', 'Words'))
    async with room_in(tmp_path / 'data') as room:
        kept = await room.profiles.create({'label': 'A', 'defaults': {'rows': 'low'}})
        (pipelines / 'words.py').unlink()
        await eventually(lambda: room.catalog.find('Words') is None, 20)

        await room.profiles.update(kept.id, {'label': 'Renamed', 'defaults': {'rows': 'low'}})
        assert room.profiles.get(kept.id).label == 'Renamed'


async def test_what_was_chosen_last_is_remembered_over_a_restart(tmp_path: Path) -> None:
    room = ControlRoom.build(Settings(data=tmp_path / 'data'))
    assert room.chosen == ('', '')
    await room.remember_choice('BackupFolder', 'studio')

    assert ControlRoom.build(Settings(data=tmp_path / 'data')).chosen == ('BackupFolder', 'studio')


async def test_an_alert_that_cannot_be_read_is_reported_in_the_log(tmp_path: Path) -> None:
    (tmp_path / 'data').mkdir()
    documents = Documents(tmp_path / 'data' / 'alerts.json')
    documents.put('alerts', {'items': [{'key': 'odd'}]})
    documents.close()

    room = ControlRoom.build(Settings(data=tmp_path / 'data'))
    await room.start()
    try:
        warnings = [entry.message for entry in room.log.ring if entry.level is Level.WARNING]
    finally:
        await room.stop()

    assert any(message.startswith('An alert could not be read') for message in warnings)
