"""`/scheduler`: what is planned, what became of it, and both as iCalendar."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from synapse.api.events import event_json, moment_of
from synapse.api.responses import ApiResponse, HttpError, encode
from synapse.calendar.alarm_clock import Absence
from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event, Occurrence
from synapse.calendar.series import EditScope
from synapse.calendar.validation import ANSWERED
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid, NotFound
from synapse.ical.importing import import_drafts
from synapse.ical.reading import read_calendar
from synapse.ical.trust import Sign
from synapse.ical.writing import write_calendar
from synapse.records import now_utc

from .reading import Body, Id, caller_of, has_token, router

CALENDAR = 'text/calendar'
MAX_DAYS = 400
AROUND = timedelta(days=31)
"""What is listed before and after now, where nothing else is asked for."""

AT_ONCE = 20

Due = Annotated[str | None, Query(max_length=64)]


class RunNow(Body):
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Other values for this one run."""


class MissedOccurrence(Body):
    event_id: str = Field(max_length=64)
    due: AwareDatetime


class MissedDecision(Body):
    """What is to be done about occurrences that were missed."""

    occurrences: list[MissedOccurrence] = Field(min_length=1, max_length=10_000)
    do: Literal['run', 'skip']


def scheduler_api(room: ControlRoom) -> APIRouter:
    """What has a name of its own comes before `{id}`, which would take it for the id of an event."""
    api = router()
    _add_list(api, room)
    file = CalendarFile(room.calendar, room.auth.sign)
    _add_calendars(api, room, file)
    _add_feed(api, room, file)
    _add_missed(api, room)
    _add_events(api, room)
    return api


def _add_list(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/list')
    async def list_events(start: Due = None, end: Due = None) -> Response:
        """Events and their occurrences from `start` on and before `end`: days of this machine, or moments."""
        first, last = _span(start, end, room.calendar.zone)
        events, occurrences = await room.calendar.between(first, last)
        shown = await _events_json(room, events)
        # There may be fifty thousand of them, and meanwhile things fall due.
        body = await asyncio.to_thread(
            lambda: encode({'events': shown, 'occurrences': [occurrence.as_json() for occurrence in occurrences]})
        )
        return Response(body, media_type=ApiResponse.media_type)

    @api.post('/scheduler/create')
    async def create_event(values: dict[str, Any], request: Request) -> Response:
        """An event without its id; of its fields only `pipeline` and `start` are needed."""
        event = await room.editor.create(values, because=f'by {caller_of(request)}')
        return ApiResponse(event_json(room.calendar, event), 201, {'location': f'/api/v1/scheduler/{event.id}'})

    @api.post('/scheduler/preview')
    async def preview(values: dict[str, Any]) -> Response:
        """What an event would do, before it is saved; with an `id` what a change of that event would do."""
        id = values.get('id')
        if id is not None:
            room.calendar.get(str(id))
        wanted = {name: value for name, value in values.items() if name not in ANSWERED}
        preview = await room.calendar.preview(wanted, id=None if id is None else str(id))
        return ApiResponse(preview.as_json())


def _add_calendars(api: APIRouter, room: ControlRoom, file: 'CalendarFile') -> None:
    @api.get('/scheduler/calendar.ics')
    async def calendar() -> Response:
        """All events as iCalendar (RFC 5545), as a file."""
        return _calendar(await file.text(), {'content-disposition': 'attachment; filename="synapse.ics"'})

    @api.post(
        '/scheduler/import',
        openapi_extra={'requestBody': {'content': {CALENDAR: {'schema': {'type': 'string'}}}, 'required': True}},
    )
    async def import_calendar(request: Request, trust: bool = False, dry_run: bool = False) -> Response:
        """Take over the events of an iCalendar file of at most 1 MB; those that are here already are brought up to
        date. All of it or nothing.

        Only what this Synapse exported itself stays switched on. All else that is new, or changes what runs or when,
        is kept switched off (`disabled`) until somebody enables it; with `trust=true` as the file says, which needs
        the token. With `dry_run=true` nothing is kept.
        """
        if trust and not has_token(request):
            raise HttpError(
                403,
                'token_needed',
                'Only the token can vouch for a file.',
                'Send it as "Authorization: Bearer TOKEN", or import without trust and enable what you looked at.',
            )
        media_type = request.headers.get('content-type', '').partition(';')[0].strip().lower()
        if media_type != CALENDAR:
            raise HttpError(
                415,
                'unsupported_media_type',
                f'A body of type {media_type[:100] or "unknown"!r} is no calendar.',
                f'Send an .ics file with Content-Type: {CALENDAR}.',
            )
        text = await request.body()
        drafts = await asyncio.to_thread(read_calendar, text, zone=room.calendar.zone)
        result = await import_drafts(
            room.calendar,
            room.editor,
            room.catalog,
            drafts,
            is_trusted=lambda draft: trust or draft.is_signed(room.auth.sign),
            because=f'imported by {caller_of(request)}',
            is_dry=dry_run,
        )
        # It says of thousands of events what each would run.
        return Response(await asyncio.to_thread(lambda: encode(result.as_json())), media_type=ApiResponse.media_type)


def _add_feed(api: APIRouter, room: ControlRoom, file: 'CalendarFile') -> None:
    def shown() -> dict[str, Any]:
        return {'url': room.auth.feed_address(room.settings.url)}

    @api.get('/scheduler/feed')
    async def show_feed() -> Response:
        """The secret address that other calendars subscribe to, null while there is none."""
        return ApiResponse(shown())

    @api.post('/scheduler/feed')
    async def new_feed() -> Response:
        """A new secret address; the one before leads nowhere any more."""
        await asyncio.to_thread(room.auth.new_feed)
        return ApiResponse(shown(), 201)

    @api.delete('/scheduler/feed')
    async def revoke_feed() -> Response:
        await asyncio.to_thread(room.auth.revoke_feed)
        return Response(status_code=204)

    @api.get('/scheduler/feed/{secret}.ics')
    async def feed(secret: str) -> Response:
        """The calendar for whoever knows the secret: the gate asks for nothing else here."""
        if not room.auth.is_feed(secret):
            raise NotFound('feed_not_found', 'This address of the calendar was revoked.', 'Subscribe to the new one.')
        return _calendar(await file.text(), {})


def _add_missed(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/missed')
    async def missed() -> Response:
        """What was missed or run late and nobody has answered for, newest first, and why nothing could fire."""
        occurrences = await room.calendar.open_missed()
        return ApiResponse(
            {
                'occurrences': [occurrence.as_json() for occurrence in occurrences],
                'absence': _absence_json(room.calendar.last_absence),
            }
        )

    @api.post('/scheduler/missed')
    async def answer_missed(decision: MissedDecision) -> Response:
        """Run missed occurrences after all, or let them be; answers the new runs."""
        keys = [(item.event_id, item.due) for item in decision.occurrences]
        waiting = {_key(occurrence) for occurrence in await room.calendar.open_missed()}
        if any(key not in waiting for key in keys):
            raise Conflict(
                'already_answered',
                'One of these does not wait for an answer.',
                'GET /api/v1/scheduler/missed says which ones do.',
            )
        runs = await room.calendar.answer_missed(keys, decision.do)
        return ApiResponse({'runs': [run.as_json() for run in runs]})


def _add_events(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/{id}')
    async def get_event(id: Id) -> Response:
        return ApiResponse(event_json(room.calendar, room.calendar.get(id)))

    @api.patch('/scheduler/{id}')
    async def change_event(
        id: Id, values: dict[str, Any], request: Request, scope: EditScope = 'all', due: Due = None
    ) -> Response:
        """Change what is given: all of the event, or of a series the occurrence at `due`, or that and all later ones.
        Answers the event that stands for what was changed, which is a new one unless all of it was."""
        change = await room.editor.update(id, values, scope=scope, due=_due(due), because=f'by {caller_of(request)}')
        event = change.event or room.calendar.get(id)
        return ApiResponse(event_json(room.calendar, event))

    @api.delete('/scheduler/{id}')
    async def delete_event(id: Id, request: Request, scope: EditScope = 'all', due: Due = None) -> Response:
        await room.editor.delete(id, scope=scope, due=_due(due), because=f'by {caller_of(request)}')
        return Response(status_code=204)

    @api.post('/scheduler/{id}/run')
    async def run_event(id: Id, order: RunNow | None = None) -> Response:
        """A run of this event, now and besides its plan."""
        run = await room.calendar.run_now(id, parameters=(order or RunNow()).parameters)
        return ApiResponse(run.as_json(), 201, {'location': f'/api/v1/runs/{run.id}'})


class CalendarFile:
    """All events as iCalendar. Written anew only if one has changed: those who subscribe ask again and again."""

    def __init__(self, calendar: Calendar, sign: Sign) -> None:
        self._calendar = calendar
        self._sign = sign
        self._writing = asyncio.Lock()
        self._of: object = None
        self._text = b''

    async def text(self) -> bytes:
        async with self._writing:
            now, events = now_utc(), self._calendar.events()
            # A calendar has the clock changes up to this year, so that with the year it is another one.
            of = now.year, [(event.id, event.sequence, event.updated_at) for event in events]
            if of != self._of:
                self._text = await asyncio.to_thread(write_calendar, events, now=now, sign=self._sign)
                self._of = of
            return self._text


async def _events_json(room: ControlRoom, events: Sequence[Event]) -> list[dict[str, Any]]:
    """Some at a time: the next moments of thousands take seconds, on the event loop."""
    shown = []
    for first in range(0, len(events), AT_ONCE):
        shown += [event_json(room.calendar, event) for event in events[first : first + AT_ONCE]]
        await asyncio.sleep(0)
    return shown


def _calendar(text: bytes, headers: dict[str, str]) -> Response:
    return Response(text, headers=headers, media_type=f'{CALENDAR}; charset=utf-8')


def _span(start: str | None, end: str | None, zone: str) -> tuple[datetime, datetime]:
    """:raises Invalid: if it is no span, or too long a one"""
    first = None if start is None else moment_of(start, 'start', zone=zone)
    last = None if end is None else moment_of(end, 'end', zone=zone)
    try:
        if first is None:
            first = now_utc() - AROUND if last is None else last - 2 * AROUND
        if last is None:
            last = now_utc() + AROUND if start is None else first + 2 * AROUND
        is_too_long = last - first > timedelta(days=MAX_DAYS)
    except OverflowError:
        raise Invalid('That is beyond all calendars.', {'start': 'Ask for a time nearer to now.'}) from None
    if last <= first:
        raise Invalid('The end has to be after the start.', {'end': 'Ask for a later end, or an earlier start.'})
    if is_too_long:
        raise Invalid(f'That are more than {MAX_DAYS} days.', {'end': f'Ask for at most {MAX_DAYS} days at once.'})
    return first, last


def _due(text: str | None) -> datetime | None:
    return None if text is None else moment_of(text, 'due')


def _key(occurrence: Occurrence) -> tuple[str, datetime]:
    return occurrence.event_id, occurrence.due


def _absence_json(absence: Absence | None) -> dict[str, str] | None:
    if absence is None:
        return None
    return {
        'from': absence.start.isoformat(),
        'until': absence.end.isoformat(),
        'why': absence.why,
        'sentence': absence.sentence,
    }
