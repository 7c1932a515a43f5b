"""What the control room itself remembers."""

from pathlib import Path

from synapse.control_room import ControlRoom
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
