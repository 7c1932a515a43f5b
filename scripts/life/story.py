"""A month in a made-up workshop: who is in it, what is planned, and what a person does between."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from scripts.life.room import Deed, MovedRoom, stop_when
from storage.files import make_private_folder
from synapse.builtin.sample import make_sample_video
from synapse.recurrence.wall_time import instant_of, wall_of
from synapse.runs.records import RunRecord

PIPELINES = Path(__file__).parent / 'pipelines'
NOTES = {
    'index.md': '# Notes\n\n- [Garden](garden.md)\n- [Workbench](workbench.md)\n- [Heating](heating.md)\n',
    'garden.md': '# Garden\n\nPrune the apple tree before March. Water: see [Heating](heating.md) for the pump.\n',
    'workbench.md': '# Workbench\n\nThe vice needs new jaws. Back to the [index](index.md).\n',
    'heating.md': '# Heating\n\nBleed the radiators in October. The pump is described in [Garden](garden.md).\n',
}
PROFILES: tuple[Mapping[str, Any], ...] = (
    {'label': 'Studio', 'color': '#22d3ee', 'icon': 'film', 'secrets': {'UPLOAD_KEY': 'made-up-for-the-demo'}},
    {'label': 'Household', 'color': '#f59e0b', 'icon': 'bolt'},
    {'label': 'Archive', 'color': '#10b981', 'icon': 'folder'},
)


class Story:
    """The files, profiles and events of the workshop, and what happens when.

    :param home: a folder for the files that its runs work on
    :param first: the first day; `zone` is that of the calendar
    """

    def __init__(self, home: Path, first: date, zone: str) -> None:
        self._first, self._zone = first, zone
        self._notes, self._readings, self._videos = (home / name for name in ('notes', 'readings', 'videos'))
        self._delivered = home / 'delivered'
        self._broken: RunRecord | None = None

    def day_of(self, moment: datetime) -> date:
        """The day that the calendar has at this instant."""
        return wall_of(moment, self._zone).date()

    def moment(self, day: date, hour: int, minute: int = 0) -> datetime:
        """The instant of a wall time."""
        return instant_of(datetime.combine(day, time(hour, minute)), self._zone)

    # Before the first day

    def write_files(self, pipelines: Path) -> None:
        """The files of the workshop, and its own pipelines."""
        for folder in (pipelines, self._notes, self._readings, self._videos):
            make_private_folder(folder)
        for source in PIPELINES.glob('*.py'):
            shutil.copyfile(source, pipelines / source.name)
        for name, text in NOTES.items():
            (self._notes / name).write_text(text, encoding='utf-8')
        make_sample_video(self._videos / 'planing-the-oak-top.mp4')

    async def plan(self, room: MovedRoom) -> None:
        """Make the profiles and put the events on the calendar."""
        for profile in PROFILES:
            destination = str(self._delivered / str(profile['label']).lower())
            await room.room.profiles.create({**profile, 'destination': destination})
        for event in self._events():
            await room.room.editor.create(event)

    def _events(self) -> list[dict[str, Any]]:
        readings, notes = {'folder': str(self._readings)}, {'notes': str(self._notes)}
        video = {'video': str(self._videos / 'planing-the-oak-top.mp4'), 'height': 480, 'quality': 'draft'}
        return [
            self._event(
                'Nightly backup', 'BackupFolder', 2, 30, 'FREQ=DAILY',
                parameters={'folder': str(self._notes), 'keep': 7}, profile='archive', misfire={'policy': 'latest'},
            ),
            self._event(
                'Meter readings', 'CollectReadings', 6, 0, 'FREQ=DAILY',
                parameters=readings, profile='household', misfire={'policy': 'skip'},
            ),
            self._event(
                'Check links', 'CheckLinks', 8, 30, 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR',
                parameters=notes, misfire={'policy': 'all', 'limit': 2},
            ),
            self._event(
                'Energy of the week', 'EnergyReport', 16, 0, 'FREQ=WEEKLY;BYDAY=FR',
                parameters=readings, profile='household',
            ),
            self._event('Verify readings', 'VerifyReadings', 4, 0, 'FREQ=WEEKLY;BYDAY=SU', parameters=readings),
            self._event('Sky at noon', 'TimeLapse', 12, 0, 'FREQ=WEEKLY;BYDAY=WE,SU', profile='studio'),
            self._event(
                'Energy of the month', 'EnergyReport', 18, 0, 'FREQ=MONTHLY;BYMONTHDAY=-1',
                parameters=readings | {'days': 31}, profile='household',
            ),
            self._event(
                'Note the versions', 'RunCommand', 9, 15, 'FREQ=MONTHLY;BYDAY=2TU',
                parameters={'command': [sys.executable, '-VV']},
            ),
            self._event(
                'Clip of the week', 'PublishVideo', 11, 0, 'FREQ=WEEKLY;INTERVAL=2;BYDAY=SA',
                parameters=video, profile='studio', overlap='queue',
            ),
            self._event(
                'Clip of every day', 'PublishVideo', 20, 0, 'FREQ=DAILY',
                parameters=video, profile='studio', enabled=False,
            ),
        ]  # fmt: skip

    def _event(self, title: str, pipeline: str, hour: int, minute: int, rule: str, **values: Any) -> dict[str, Any]:
        start = datetime.combine(self._first, time(hour, minute))
        return {'title': title, 'pipeline': pipeline, 'start': start, 'timezone': self._zone, 'rrule': rule} | values

    # What happens between

    def deeds(self, now: datetime) -> list[tuple[datetime, Deed]]:
        """What a person or the machine does, by its moment; `now` is when the story ends."""
        today = self.day_of(now)

        def at(days: int, hour: int, minute: int = 0) -> datetime:
            return self.moment(today - timedelta(days=days), hour, minute)

        deeds: list[tuple[datetime, Deed]] = [
            (at(25, 17, 10), self._report),
            (at(23, 7, 40), self._lose_a_note),
            (at(21, 9, 5), self._bring_it_back),
            (at(18, 23), lambda room: room.sleep(at(17, 9, 20))),
            (at(17, 9, 30), self._leave_missed),
            (at(13, 21), lambda room: room.be_off(at(11, 10, 15))),
            (at(11, 10, 20), self._leave_missed),
            (at(9, 14, 50), self._stop_a_video),
            (at(6, 19, 30), self._verify),
            (at(2, 7, 50), self._lose_a_note),
            (at(2, 12, 5), self._check),
            (at(2, 12, 25), self._bring_it_back),
            (at(1, 1, 0), lambda room: room.sleep(at(1, 7, 10))),
            (at(1, 15, 40), self._stop_a_video),
            (now - timedelta(minutes=50), self._verify),
            (now - timedelta(minutes=25), self._report),
            (now - timedelta(minutes=20), self._plan_ahead),
        ]
        return sorted(deeds, key=lambda pair: pair[0])

    async def _report(self, room: MovedRoom) -> None:
        readings = {'folder': str(self._readings)}
        await room.carry_out('EnergyReport', readings, profile='household', because='How is it going so far?')

    async def _verify(self, room: MovedRoom) -> None:
        await room.carry_out('VerifyReadings', {'folder': str(self._readings)}, because='Before the file is sent')

    async def _lose_a_note(self, room: MovedRoom) -> None:
        await asyncio.to_thread((self._notes / 'heating.md').unlink)

    async def _check(self, room: MovedRoom) -> None:
        await room.carry_out('CheckLinks', {'notes': str(self._notes)}, because='Something looks wrong in the notes')

    async def _bring_it_back(self, room: MovedRoom) -> None:
        await asyncio.to_thread((self._notes / 'heating.md').write_text, NOTES['heating.md'], encoding='utf-8')
        failed = await room.room.runs.page(state='failed', pipeline='CheckLinks', limit=1)
        if failed:
            await room.room.runs.retry(failed[0].id, because='The note is back')
            await room.settled()

    async def _stop_a_video(self, room: MovedRoom) -> None:
        video = {'video': str(self._videos / 'planing-the-oak-top.mp4'), 'quality': 'good'}
        run = await room.room.runs.create('PublishVideo', video, profile='studio', because='For the shop window')

        def renders(run: RunRecord) -> bool:
            return (step := run.active_step) is not None and step.name == 'render' and step.progress > 0

        await stop_when(room, run, renders, 'The wrong clip')

    async def _leave_missed(self, room: MovedRoom) -> None:
        missed = await room.room.calendar.open_missed()
        await room.room.calendar.answer_missed([(row.event_id, row.due) for row in missed], 'skip')

    async def _plan_ahead(self, room: MovedRoom) -> None:
        editor, tomorrow = room.room.editor, self.day_of(room.clock.now()) + timedelta(days=1)
        once = self._event('Clip for the fair', 'PublishVideo', 10, 0, '', profile='studio')
        start = datetime.combine(tomorrow + timedelta(days=2), time(10, 0))
        video = {'video': str(self._videos / 'planing-the-oak-top.mp4'), 'captions': 'burn'}
        await editor.create(once | {'rrule': None, 'start': start, 'parameters': video})
        readings = next(event for event in room.room.calendar.events() if event.title == 'Meter readings')
        dues = room.room.calendar.next_due(readings.id, 4)
        await editor.move(readings.id, dues[1], datetime.combine(tomorrow + timedelta(days=1), time(7, 45)))
        await editor.delete(readings.id, scope='one', due=dues[3], because='The meter is exchanged')
