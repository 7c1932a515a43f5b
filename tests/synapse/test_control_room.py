"""What the control room itself remembers."""

from pathlib import Path

from storage.documents import Documents
from synapse.control_room import ControlRoom
from synapse.log.log import Level
from synapse.settings import Settings


async def test_the_commands_used_last_are_remembered_over_a_restart(tmp_path: Path) -> None:
    room = ControlRoom.build(Settings(data=tmp_path / 'data'))
    for number in range(12):
        await room.remember_command(f'command {number}')
    await room.remember_command('command 5')

    again = ControlRoom.build(Settings(data=tmp_path / 'data'))

    assert again.recent_commands == room.recent_commands
    assert again.recent_commands[:3] == ('command 5', 'command 11', 'command 10')
    assert len(again.recent_commands) == 10


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
