"""A calendar file that a person is about to import, under the rules that are kept."""

from collections.abc import Collection
from datetime import datetime, time

from synapse.control_room import ControlRoom
from synapse.ical.assignment import Assignment, by_rules
from synapse.ical.import_result import ImportResult
from synapse.ical.importing import import_drafts
from synapse.ical.progress import Progress
from synapse.ical.reading import MORNING, Contents, read_calendar
from synapse.language import _, in_thread

Key = tuple[str, datetime | None]
"""UID, and the moment of the occurrence if the event replaces one."""


class FileImport:
    """
    :param text: the file; it is read once, so what a person was shown is what is imported
    :param progress: told how far it is, and cancels it
    """

    def __init__(self, room: ControlRoom, text: bytes, progress: Progress) -> None:
        self.all_day_at = MORNING
        """When events without a time of day run."""
        self._room = room
        self._text = text
        self._progress = progress
        self._rules = room.import_rules.rules
        self._read: tuple[time, Contents] | None = None

    @property
    def has_whole_days(self) -> bool:
        """Whether some events have no time of day; known once it was read."""
        return self._read is not None and self._read[1].has_whole_days

    async def contents(self) -> Contents:
        """:raises SynapseError: if the file cannot be read"""
        at = self.all_day_at
        if self._read is None or self._read[0] != at:
            zone = self._room.calendar.zone
            self._read = (
                at,
                await in_thread(read_calendar, self._text, zone=zone, all_day_at=at, progress=self._progress),
            )
        return self._read[1]

    async def plan(self) -> ImportResult:
        """Return what would be done with the present rules, which `keep` then takes.

        :raises SynapseError: if there is nothing that can be imported
        """
        self._rules = self._room.import_rules.rules
        return await self._imported(frozenset(), is_dry=True)

    async def keep(self, is_on: Collection[Key]) -> ImportResult:
        """Import the file.

        :param is_on: the events that the person has seen and wants switched on
        """
        return await self._imported(is_on, is_dry=False)

    async def _imported(self, is_on: Collection[Key], *, is_dry: bool) -> ImportResult:
        room = self._room
        return await import_drafts(
            room.calendar,
            room.editor,
            room.catalog,
            await self.contents(),
            is_trusted=lambda draft: (draft.uid, draft.replaced) in is_on or draft.is_signed(room.auth.sign),
            is_own=lambda draft: draft.is_signed(room.auth.sign),
            assignment=Assignment(rule_for=by_rules(self._rules, room.auth.sign), turned_on=is_on),
            because=_('imported on the Settings page'),
            is_dry=is_dry,
            progress=self._progress,
        )
