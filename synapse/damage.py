"""Files of the data folder that were found damaged: what was recovered and what may be missing.

They are recovered by what opens them, in `storage`. Here that is kept until a person has read it, so that a restart
says it neither twice nor never.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError, computed_field

from storage.damage import MARK, Damage
from storage.database import is_suspect
from storage.documents import Documents
from storage.files import StorageError
from synapse.bus import Bus, Message
from synapse.errors import NotFound
from synapse.language import N_, _, own, translated
from synapse.records import Record, now_utc

log = logging.getLogger(__name__)

MAX_REPORTS = 50
LOOK_SECONDS = 5.0
DATABASES = ('runs.db', 'logs.db')
NAMES = {
    'runs.db': N_('the history of runs'),
    'logs.db': N_('the log'),
    'events.json': N_('the calendar'),
    'profiles.json': N_('the file of profiles'),
    'secrets.json': N_('the secrets of profiles'),
    'secrets.key': N_('the key of secret parameters'),
    'settings.json': N_('the settings'),
    'watches.json': N_('the file of watch folders'),
    'alerts.json': N_('the file of alerts'),
    'zones.json': N_('the file of time-zone rules'),
    'queue.json': N_('the queue'),
    'tokens.json': N_('the file of tokens'),
    'token': N_('the token of programs'),
    'secret.key': N_('the key of sign-in links'),
    'sessions.json': N_('the file of sign-ins'),
    'feed': N_('the secret address of the calendar'),
    'damage.json': N_('the file of damage reports'),
}
RESTORED = 'restored.json'
"""Not damaged: it says that the whole folder came back from a backup."""
_DOCUMENT = 'reports'


class DamageReport(Record):
    """One file that was found damaged at a start."""

    id: str
    file: str
    kept_as: str = ''
    """The name under which the damaged file is kept in the data folder; empty if there is none."""
    recovered: str = ''
    missing: str = ''
    """What may be missing; empty if nothing is."""
    hint: str = ''
    found_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def title(self) -> str:
        """`Damaged and recovered: the calendar`."""
        if self.file == RESTORED:
            return _('Restored from a backup')
        name = translated(NAMES.get(self.file, self.file))
        if self.missing:
            return _('Damaged, and part may be missing: {name}', name=name)
        return _('Damaged and recovered: {name}', name=name)


@dataclass(frozen=True, slots=True)
class DamageChanged(Message):
    """Damaged files were found, or a report was dismissed; `left` is what isn't dismissed, newest first."""

    found: Sequence[DamageReport]
    left: Sequence[DamageReport]


@dataclass(frozen=True, slots=True)
class DamageFound(Message):
    """A file that is opened after the others was damaged."""

    damage: Damage


class DamageReports:
    """What is not dismissed yet. Use it on the event loop only, but for `add`.

    :param data: the data folder
    """

    def __init__(self, documents: Documents, data: Path, bus: Bus, *, now: Callable[[], datetime] = now_utc) -> None:
        self._documents = documents
        self._data = data
        self._bus = bus
        self._now = now
        saved = documents.get(_DOCUMENT)
        self._has_looked = saved is not None and documents.damage is None
        self._told = {*(saved or {}).get('asides', ())}
        """The names of all damaged files that were ever found and are still kept."""
        self._reports = [*_reports_in(saved or {})]
        self._found: list[DamageReport] = []
        self._watching: asyncio.Task[None] | None = None
        self._saving: set[asyncio.Task[None]] = set()
        bus.subscribe(DamageFound, lambda message: self._found_later(message.damage))

    @property
    def all(self) -> Sequence[DamageReport]:
        """Newest first."""
        return self._reports[::-1]

    def add(self, found: Iterable[Damage | None]) -> None:
        """Keep what was found at this start, and what an interrupted one had set aside without a report; saves it."""
        damages = [damage for damage in (*found, self._documents.damage) if damage is not None]
        asides = {path.name for path in self._data.glob(f'*{MARK}*') if not path.name.endswith(('-wal', '-shm'))}
        if self._has_looked:
            unsaid = asides - self._told - {damage.kept_as for damage in damages}
            damages += [_unsaid(name) for name in sorted(unsaid)]
        for damage in damages:
            self._keep(damage)
        self._told = asides
        self._save()

    def start(self) -> None:
        """Publish what was found, and look from time to time for damage that shows while the program runs."""
        self._publish()
        self._watching = asyncio.get_running_loop().create_task(self._watch(), name='damage')

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, *self._saving, return_exceptions=True)
        self._documents.close()

    async def dismiss(self, id: str) -> None:
        """Remove a report; the damaged file is kept.

        :raises NotFound: `damage_not_found`
        """
        left = [report for report in self._reports if report.id != id]
        if len(left) == len(self._reports):
            raise NotFound(
                'damage_not_found', _('No report of damage has the id {id!r}.', id=id), _('It may be dismissed.')
            )
        self._reports = left
        await asyncio.to_thread(self._save)
        self._publish()

    def _found_later(self, damage: Damage) -> None:
        self._keep(damage)
        self._publish()
        saving = asyncio.get_running_loop().create_task(asyncio.to_thread(self._save), name='damage report')
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)

    async def _watch(self) -> None:
        told: set[str] = set()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name in DATABASES:
                if name not in told and await asyncio.to_thread(is_suspect, self._data / name):
                    told.add(name)
                    self._found_later(_shown_now(name))

    def _keep(self, damage: Damage) -> None:
        report = DamageReport(
            id=secrets.token_hex(6),
            file=damage.file,
            kept_as=damage.kept_as,
            recovered=own(damage.recovered),
            missing=own(damage.missing),
            hint=own(damage.hint),
            found_at=self._now(),
        )
        self._found.append(report)
        self._told |= {report.kept_as} - {''}
        self._reports = [*self._reports, report][-MAX_REPORTS:]

    def _publish(self) -> None:
        found, self._found = self._found, []
        self._bus.publish(DamageChanged(found, self.all))

    def _save(self) -> None:
        reports = [report.model_dump(mode='json', exclude={'title'}) for report in self._reports]
        document = {'items': reports, 'asides': sorted(self._told)}
        try:
            if document != self._documents.get(_DOCUMENT):
                self._documents.put(_DOCUMENT, document)
        except StorageError as error:
            log.warning(_('the reports of damaged files could not be saved: %s'), error)


def _reports_in(document: Mapping[str, Any]) -> Iterator[DamageReport]:
    for item in document.get('items', ()):
        try:
            yield DamageReport.model_validate(item)
        except ValidationError as error:
            log.warning(_('a report of a damaged file could not be read and is left out: %s'), error)


def _unsaid(aside: str) -> Damage:
    missing = _('What was recovered of it then is not known: that start was interrupted.')
    return Damage(aside.partition(MARK)[0], aside, '', missing, _('Look through what it held.'))


def _shown_now(name: str) -> Damage:
    missing = _('Some of it cannot be read. The rest is used as it is, and the calendar goes on.')
    return Damage(name, '', '', missing, _('Restart Synapse: the start recovers what can be read into a new file.'))
