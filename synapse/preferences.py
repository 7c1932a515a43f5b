"""What a person chose in Settings about language, week and time zone; kept with the other settings."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError, field_validator

from storage.documents import Documents
from storage.files import StorageError

from .bus import Bus, Message
from .errors import DiskIsFull, Invalid
from .language import AUTO, ENGLISH, LANGUAGES, _, language, speak
from .records import Record
from .recurrence.rules import RuleError
from .recurrence.zones import zone as zone_of
from .sentences import WHOLE, sentence_of

WEEK_STARTS = {'monday': 0, 'saturday': 5, 'sunday': 6}
"""The numbers of the days, 0 for Monday."""
_DOCUMENT = 'preferences'


class Preferences(Record):
    """`auto` leaves it to the browser, the language or the machine."""

    language: str = AUTO
    week_start: Literal['auto', 'monday', 'sunday', 'saturday'] = AUTO  # type: ignore[assignment]
    timezone: str = AUTO
    """An IANA name; counts from the next start on."""

    @field_validator('language')
    @classmethod
    def _is_spoken(cls, value: str) -> str:
        if value not in (AUTO, *LANGUAGES):
            raise ValueError(_('Choose one of {names}.', names=', '.join((AUTO, *LANGUAGES))))
        return value

    @field_validator('timezone')
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value != AUTO:
            try:
                zone_of(value)
            except RuleError as error:
                raise ValueError(str(error)) from error
        return value

    @property
    def first_weekday(self) -> int:
        """The day a week begins with for whoever is looking, 0 for Monday."""
        if self.week_start != AUTO:
            return WEEK_STARTS[self.week_start]
        if language() == ENGLISH:  # Babel takes longer to import than a page to draw
            return 0
        from .language.formats import first_weekday

        return first_weekday()


@dataclass(frozen=True, slots=True)
class PreferencesChanged(Message):
    """A person chose something else."""

    before: Preferences
    now: Preferences


class SavedPreferences:
    """Use it on the event loop only.

    :param documents: the settings
    :param is_language_fixed: whether `--language` says what is spoken, whatever is chosen here
    """

    def __init__(self, documents: Documents, bus: Bus, *, is_language_fixed: bool) -> None:
        self._documents, self._bus = documents, bus
        self._changing = asyncio.Lock()
        self.is_language_fixed = is_language_fixed
        self.now = _saved_in(documents.get(_DOCUMENT) or {})
        if not is_language_fixed and self.now.language != AUTO:
            speak(self.now.language)

    async def change(self, **values: Any) -> None:
        """Choose something else, at once for all who look.

        :raises Invalid: with a sentence for each value that does not fit
        :raises DiskIsFull: if it could not be saved; nothing has changed then
        """
        async with self._changing:
            before = self.now
            try:
                now = Preferences.model_validate({**before.model_dump(), **values})
            except ValidationError as error:
                fields = {str((item['loc'] or [WHOLE])[0]): sentence_of(item) for item in error.errors()}
                raise Invalid(_('This was not saved.'), fields) from error
            try:
                await asyncio.to_thread(self._documents.put, _DOCUMENT, now.as_json())
            except StorageError as error:
                raise DiskIsFull(_('This could not be saved: {reason}', reason=error)) from error
            self.now = now
        if now.language != before.language and not self.is_language_fixed:
            speak(now.language)
        if now != before:
            self._bus.publish(PreferencesChanged(before, now))


def chosen_zone(documents: Documents) -> str | None:
    """Return the time zone that was chosen in these settings, None for that of the machine."""
    name = _saved_in(documents.get(_DOCUMENT) or {}).timezone
    return None if name == AUTO else name


def _saved_in(document: Mapping[str, Any]) -> Preferences:
    """Return what can be read of it; the rest is as if nothing had been chosen."""
    found = Preferences()
    for name in Preferences.model_fields.keys() & document.keys():
        try:
            found = Preferences.model_validate({**found.model_dump(), name: document[name]})
        except ValidationError:
            continue
    return found
