"""Log entries from other programs: one or many at once, all or none."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Request
from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from storage.files import DiskFull
from synapse.api.limits import LogBudget, rate_limit_key
from synapse.control_room import ControlRoom
from synapse.errors import DiskIsFull, Invalid, Malformed, NotFound, NotReady, SynapseError, TooLarge
from synapse.language import N_, _
from synapse.log.log import Entry, Level
from synapse.records import now_utc
from synapse.sentences import sentence_of
from synapse.sizes import limit_size

from .reading import Body

MAX_ENTRIES = 1_000
MAX_FIELD_CHARACTERS = 65_536
MAX_FIELD_DEPTH = 8
MAX_PROBLEMS = 50
MAX_ENTRY_KEYS = 20
MAX_IDEMPOTENCY_KEYS = 1_000
_YIELD_EVERY = 100
_IN_MEMORY = N_('It is shown and kept in memory, but it is not saved')
_SAVED_LATER = N_('It is saved once that is fixed; repeat the request with the same Idempotency-Key to check.')
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)


def _bounded(fields: Any) -> Any:
    if isinstance(fields, dict):
        if _is_deeper(fields, MAX_FIELD_DEPTH):
            raise ValueError(
                _('At most {max_field_depth} nested levels of objects and arrays.', max_field_depth=MAX_FIELD_DEPTH)
            )
        if len(json.dumps(fields)) > MAX_FIELD_CHARACTERS:
            raise ValueError(
                _('At most {max_field_characters:,} characters of JSON.', max_field_characters=MAX_FIELD_CHARACTERS)
            )
    return fields


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(part, levels - 1) for part in parts)


def _moment(value: Any) -> Any:
    """Accept only ISO 8601 with offset: a number may be seconds or milliseconds, and a wall time any zone's."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        is_known = moment.tzinfo is not None and _EARLIEST <= moment <= now_utc() + _AHEAD
    except (TypeError, ValueError, OverflowError):
        is_known = False
    if not is_known:
        raise ValueError(_('Use ISO 8601 with an offset, such as 2026-10-14T14:08:31.204+02:00, from 1970 until now.'))
    return moment


class NewEntry(Body):
    level: Level
    message: str = Field(min_length=1)
    source: str = Field(default='api', min_length=1, max_length=200)
    run: str | None = Field(default=None, max_length=64)
    step: str | None = Field(default=None, max_length=200)
    fields: Annotated[dict[str, Any], BeforeValidator(_bounded)] = Field(default_factory=dict)
    timestamp: Annotated[AwareDatetime | None, BeforeValidator(_moment)] = None


def described() -> dict[str, Any]:
    schema = NewEntry.model_json_schema()
    schema['properties']['level'] = schema.pop('$defs')['Level']
    many = {'type': 'array', 'items': schema, 'maxItems': MAX_ENTRIES}
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': {'oneOf': [schema, many]}}}}}


class NewEntries:
    """Logs the entries of requests, and remembers for a while which idempotency key made which entries."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._budget = LogBudget()
        self._known: OrderedDict[tuple[str, str], range] = OrderedDict()

    async def take(self, request: Request, key: str | None) -> Entry | list[Entry]:
        """Log the entries of a request and wait until they are on disk: one for an object, a list for an array.

        :param key: repeating it for the same caller returns the same entries and logs nothing
        :raises TooMany: if this caller has to wait
        :raises Invalid: if anything is invalid; nothing is logged then
        :raises DiskIsFull: or `NotReady`, if they cannot be saved
        """
        caller = rate_limit_key(request.scope)
        self._budget.take_bytes(caller, len(await request.body()))
        given = await _given(request)
        items = given if isinstance(given, list) else [given]
        if len(items) > MAX_ENTRIES:
            raise TooLarge(
                'too_large',
                _('There are {items:,} entries.', items=len(items)),
                _('Send at most {max_entries:,} at once.', max_entries=MAX_ENTRIES),
            )
        self._budget.take_entries(caller, len(items))
        entries = await self._entries(items, is_many=items is given, key=(caller, key) if key else None)
        return entries if items is given else entries[0]

    async def _entries(self, items: Sequence[Any], *, is_many: bool, key: tuple[str, str] | None) -> list[Entry]:
        if key is not None and (known := await self._known_entries(key)):
            return known
        new = await _EntryReader(self._room, is_many=is_many).read(items)
        if not new:
            return []
        _check_disk(self._room)
        await self._room.log.room_to_write()
        entries = self._room.log.extend(entry.model_dump() for entry in new)
        if key is not None:
            self._remember(key, entries)
        if not await self._room.log.saved(entries[-1].seq):
            raise _refused(self._room, _IN_MEMORY, _SAVED_LATER)
        return entries

    async def _known_entries(self, key: tuple[str, str]) -> list[Entry] | None:
        """The entries that an earlier request with this key made; None if there was none or they were deleted."""
        seqs = self._known.get(key)
        if seqs is None:
            return None
        log = self._room.log
        if not await log.saved(seqs[-1]):
            raise _refused(self._room, _IN_MEMORY, _SAVED_LATER)
        found = await log.query(after=seqs[0] - 1, before=seqs[-1] + 1, limit=len(seqs), oldest_first=True)
        return found if len(found) == len(seqs) else None

    def _remember(self, key: tuple[str, str], entries: Sequence[Entry]) -> None:
        self._known[key] = range(entries[0].seq, entries[-1].seq + 1)
        if len(self._known) > MAX_IDEMPOTENCY_KEYS:
            self._known.popitem(last=False)


async def _given(request: Request) -> Any:
    try:
        given = await request.json()
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict | list):
        raise Malformed(
            'malformed', _('The body is not a JSON object or array.'), _('Send {"level": "info", "message": "…"}.')
        )
    return given


class _EntryReader:
    """Validates the entries of one body and collects the first fifty problems, by `index.field` in an array."""

    def __init__(self, room: ControlRoom, *, is_many: bool) -> None:
        self._room = room
        self._is_many = is_many
        self._problems: dict[str, str] = {}
        self._steps: dict[str, frozenset[str]] = {}

    async def read(self, items: Sequence[Any]) -> list[NewEntry]:
        entries = []
        for index, item in enumerate(items):
            if index % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)  # a full batch takes long enough to be felt on a page
            if len(self._problems) < MAX_PROBLEMS and (entry := await self._entry(index, item)) is not None:
                entries.append(entry)
        if self._problems:
            hint = _('Nothing was logged.') if self._is_many else _('Correct the named fields.')
            raise Invalid(_('Some values are invalid.'), self._problems, hint)
        return entries

    async def _entry(self, index: int, item: Any) -> NewEntry | None:
        try:
            if not isinstance(item, dict):
                raise ValueError(_('This is not a JSON object.'))
            if len(item) > MAX_ENTRY_KEYS:
                raise ValueError(
                    _(
                        'An entry has the fields {model_fields}, and no others.',
                        model_fields=', '.join(NewEntry.model_fields),
                    )
                )
            entry = NewEntry.model_validate(item)
        except ValidationError as error:
            for problem in error.errors(include_input=False, include_url=False):
                self._add(index, str(problem['loc'][0])[:100], sentence_of(problem))
            return None
        except ValueError as error:
            self._add(index, '', str(error))
            return None
        if entry.run is not None or entry.step is not None:
            await self._check_run(index, entry)
        return entry

    async def _check_run(self, index: int, entry: NewEntry) -> None:
        if entry.run is None:
            self._add(index, 'run', _('A step belongs to a run: name the run.'))
            return
        try:
            steps = await self._steps_of(entry.run)
        except NotFound as error:
            self._add(index, 'run', f'{error.message} {error.hint}')
            return
        if entry.step is not None and entry.step not in steps:
            self._add(index, 'step', _('The run {run} has no step of this name.', run=entry.run))

    async def _steps_of(self, run: str) -> frozenset[str]:
        if run not in self._steps:
            self._steps[run] = frozenset(step.name for step in (await self._room.runs.get(run)).steps)
        return self._steps[run]

    def _add(self, index: int, field: str, sentence: str) -> None:
        place = f'{index}.{field}' if self._is_many else field
        self._problems[place.strip('.')] = sentence


def _check_disk(room: ControlRoom) -> None:
    """Refuse before the disk is full: the last of it is reserved for runs."""
    least = room.settings.min_free_bytes
    if 0 < room.status.disk_free < least:
        raise DiskIsFull(
            _(
                'Nothing was logged: less than {size} are free on the disk of the log.',
                size=limit_size(least),
            )
        )
    if room.log.save_error is not None:
        raise _refused(room, _('Nothing was logged'), _('Try again later.'))


def _refused(room: ControlRoom, what: str, hint: str) -> SynapseError:
    error = room.log.save_error
    if isinstance(error, DiskFull):
        return DiskIsFull(_('{what}: {reason}', what=what, reason=error), _('Free some space. {hint}', hint=hint))
    return NotReady(
        'log_not_saved', _('{what}: {reason}', what=what, reason=error or _('Synapse is shutting down.')), hint
    )
