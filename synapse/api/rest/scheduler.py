"""`/scheduler`: events, their occurrences, and both as iCalendar."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from synapse.api.events import event_json, moment_of
from synapse.api.responses import ApiResponse, HttpError, encode
from synapse.calendar.alarm_clock import Absence
from synapse.calendar.calendar import Calendar
from synapse.calendar.events import Event
from synapse.calendar.series import EditScope
from synapse.calendar.validation import READ_ONLY_FIELDS
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid, NotFound
from synapse.records import now_utc

from .reading import Body, Id, caller_of, has_token, router

CALENDAR = 'text/calendar'
CRONTAB = 'text/plain'
MAX_DAYS = 400
DEFAULT_SPAN = timedelta(days=31)
"""How far before and after now occurrences are listed by default."""

BATCH_EVENTS = 20

Due = Annotated[str | None, Query(max_length=64)]


class RunNow(Body):
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values that replace those of the event for this run."""


class MissedOccurrence(Body):
    event_id: str = Field(max_length=64)
    due: AwareDatetime


class MissedDecision(Body):
    """Whether to run or skip missed occurrences."""

    occurrences: list[MissedOccurrence] = Field(min_length=1, max_length=10_000)
    do: Literal['run', 'skip']


def scheduler_api(room: ControlRoom) -> APIRouter:
    """Build the router; fixed paths come before `{id}`, which would match them."""
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
        """List events, and their occurrences from `start` up to but excluding `end`: local days, or moments.

        Without both, all events are listed, with the occurrences of the last and the next 31 days.
        """
        first, last = _span(start, end, room.calendar.zone)
        events, occurrences = await room.calendar.between(first, last)
        shown = await _events_json(room, events if start or end else room.calendar.events())
        # In a thread: there may be fifty thousand, and other events fall due meanwhile.
        body = await asyncio.to_thread(
            lambda: encode({'events': shown, 'occurrences': [occurrence.as_json() for occurrence in occurrences]})
        )
        return Response(body, media_type=ApiResponse.media_type)

    @api.post('/scheduler/create')
    async def create_event(values: dict[str, Any], request: Request) -> Response:
        """Create an event from its fields without `id`; only `pipeline` and `start` are required."""
        event = await room.editor.create(values, because=f'by {caller_of(request)}')
        return ApiResponse(event_json(room.calendar, event), 201, {'location': f'/api/v1/scheduler/{event.id}'})

    @api.post('/scheduler/preview')
    async def preview(values: dict[str, Any]) -> Response:
        """Preview an event before it is saved; with an `id`, a change to that event."""
        id = values.get('id')
        if id is not None:
            room.calendar.get(str(id))
        wanted = {name: value for name, value in values.items() if name not in READ_ONLY_FIELDS}
        preview = await room.calendar.preview(wanted, id=None if id is None else str(id))
        return ApiResponse(preview.as_json())


def _add_calendars(api: APIRouter, room: ControlRoom, file: 'CalendarFile') -> None:
    @api.get('/scheduler/calendar.ics')
    async def calendar() -> Response:
        """Return all events as an iCalendar file (RFC 5545)."""
        return _calendar(await file.text(), {'content-disposition': 'attachment; filename="synapse.ics"'})

    @api.post(
        '/scheduler/import',
        openapi_extra={'requestBody': {'content': {CALENDAR: {'schema': {'type': 'string'}}}, 'required': True}},
    )
    async def import_calendar(
        request: Request, trust: bool = False, dry_run: bool = False, all_day: time = time(9)
    ) -> Response:
        """Import the events of an iCalendar file of at most 10 MB; known events are updated.

        An event that cannot be read or run is left out and listed in `refused`; if there is no other, nothing is
        imported and the answer is 422. Events without a time of day run at `all_day`. `notes` say what was read
        otherwise than it is written.

        Only events that this Synapse exported stay enabled. Any other event that is new, or changes what runs or when,
        is disabled and listed in `disabled`. `trust=true` keeps events enabled as in the file, and needs the token.
        `dry_run=true` changes nothing and returns what an import would do.
        """
        _check_import(request, CALENDAR, trust=trust)
        from synapse.ical.importing import import_drafts  # takes 30 ms, which the first call does not wait for
        from synapse.ical.reading import read_calendar

        text = await request.body()
        contents = await asyncio.to_thread(read_calendar, text, zone=room.calendar.zone, all_day_at=all_day)
        result = await import_drafts(
            room.calendar,
            room.editor,
            room.catalog,
            contents,
            is_trusted=lambda draft: trust or draft.is_signed(room.auth.sign),
            because=f'imported by {caller_of(request)}',
            is_dry=dry_run,
        )
        # In a thread: it lists what each of thousands of events would run.
        return Response(await asyncio.to_thread(lambda: encode(result.as_json())), media_type=ApiResponse.media_type)

    @api.post(
        '/scheduler/import-crontab',
        openapi_extra={'requestBody': {'content': {CRONTAB: {'schema': {'type': 'string'}}}, 'required': True}},
    )
    async def import_crontab(
        request: Request, trust: bool = False, dry_run: bool = False, users: bool | None = None
    ) -> Response:
        """Import the jobs of a crontab as events of RunCommand; a job that was imported before is not doubled.

        Each event has the next five moments as Synapse computes them and as cron does. `problems` are the lines that no
        event can stand for. `users=true` says that each line names a user, as in `/etc/crontab`; by default it is found
        out. The events are disabled, unless `trust=true` is sent with the token.
        """
        _check_import(request, CRONTAB, trust=trust)
        from synapse.crontab.importing import import_crontab

        text = (await request.body()).decode(errors='replace')
        result = await import_crontab(
            room.calendar,
            room.editor,
            room.catalog,
            text,
            has_users=users,
            is_trusted=lambda _: trust,
            because=f'imported by {caller_of(request)}',
            is_dry=dry_run,
        )
        return Response(await asyncio.to_thread(lambda: encode(result.as_json())), media_type=ApiResponse.media_type)


def _check_import(request: Request, wanted: str, *, trust: bool) -> None:
    """:raises HttpError: if the body is of another type, or trust is asked for without the token"""
    if trust and not has_token(request):
        raise HttpError(
            403,
            'token_needed',
            'Only the token can vouch for a file.',
            'Send it as "Authorization: Bearer TOKEN", or import without trust and enable the events you reviewed.',
        )
    media_type = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if media_type != wanted:
        what = 'a calendar' if wanted == CALENDAR else 'a crontab'
        raise HttpError(
            415,
            'unsupported_media_type',
            f'A body of type {media_type[:100] or "unknown"!r} is not {what}.',
            f'Send the file with Content-Type: {wanted}.',
        )


def _add_feed(api: APIRouter, room: ControlRoom, file: 'CalendarFile') -> None:
    def shown() -> dict[str, Any]:
        return {'url': room.auth.feed_address(room.settings.url)}

    @api.get('/scheduler/feed')
    async def show_feed() -> Response:
        """Return the secret address that calendar programs can subscribe to; null if there is none."""
        return ApiResponse(shown())

    @api.post('/scheduler/feed')
    async def new_feed() -> Response:
        """Create a new secret address; the previous one stops working."""
        await asyncio.to_thread(room.auth.new_feed)
        return ApiResponse(shown(), 201)

    @api.delete('/scheduler/feed')
    async def revoke_feed() -> Response:
        """Revoke the secret address."""
        await asyncio.to_thread(room.auth.revoke_feed)
        return Response(status_code=204)

    @api.get('/scheduler/feed/{secret}.ics')
    async def feed(secret: str) -> Response:
        """Return the calendar as iCalendar. The secret in the path is the only credential."""
        if not room.auth.is_feed(secret):
            raise NotFound('feed_not_found', 'This calendar address was revoked.', 'Subscribe to the new one.')
        return _calendar(await file.text(), {})


def _add_missed(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/missed')
    async def missed() -> Response:
        """List unanswered occurrences that were missed or run late, newest first, and why nothing could fire."""
        occurrences = await room.calendar.open_missed()
        return ApiResponse(
            {
                'occurrences': [occurrence.as_json() for occurrence in occurrences],
                'absence': _absence_json(room.calendar.last_absence),
            }
        )

    @api.post('/scheduler/missed')
    async def answer_missed(decision: MissedDecision) -> Response:
        """Run missed occurrences after all, or skip them; returns the new runs."""
        keys = [(item.event_id, item.due) for item in decision.occurrences]
        waiting = {(item.event_id, item.due) for item in await room.calendar.open_missed()}
        if any(key not in waiting for key in keys):
            raise Conflict(
                'already_answered',
                'One of these occurrences was already answered.',
                'GET /api/v1/scheduler/missed lists the unanswered ones.',
            )
        runs = await room.calendar.answer_missed(keys, decision.do)
        return ApiResponse({'runs': [run.as_json() for run in runs]})


def _add_events(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/{id}')
    async def get_event(id: Id) -> Response:
        """Return one event with its next five moments."""
        return ApiResponse(event_json(room.calendar, room.calendar.get(id)))

    @api.patch('/scheduler/{id}')
    async def change_event(
        id: Id, values: dict[str, Any], request: Request, scope: EditScope = 'all', due: Due = None
    ) -> Response:
        """Change the given fields of all of an event, of its occurrence at `due`, or of that and all later ones.

        Returns the event that now holds the change, which is a new one unless `scope` is `all`.
        """
        change = await room.editor.update(id, values, scope=scope, due=_due(due), because=f'by {caller_of(request)}')
        event = change.event or room.calendar.get(id)
        return ApiResponse(event_json(room.calendar, event))

    @api.delete('/scheduler/{id}')
    async def delete_event(id: Id, request: Request, scope: EditScope = 'all', due: Due = None) -> Response:
        """Delete an event, its occurrence at `due`, or that and all later ones."""
        await room.editor.delete(id, scope=scope, due=_due(due), because=f'by {caller_of(request)}')
        return Response(status_code=204)

    @api.post('/scheduler/{id}/run')
    async def run_event(id: Id, order: RunNow | None = None) -> Response:
        """Start a run of this event now, in addition to its schedule."""
        run = await room.calendar.run_now(id, parameters=(order or RunNow()).parameters)
        return ApiResponse(run.as_json(), 201, {'location': f'/api/v1/runs/{run.id}'})


class CalendarFile:
    """All events as iCalendar, cached until one changes, since subscribers poll it."""

    def __init__(self, calendar: Calendar, sign: Callable[[bytes], str]) -> None:
        self._calendar = calendar
        self._sign = sign
        self._writing = asyncio.Lock()
        self._of: object = None
        self._text = b''

    async def text(self) -> bytes:
        async with self._writing:
            now, events = now_utc(), self._calendar.events()
            # The year is part of the key, since the file holds the clock changes up to it.
            of = now.year, [(event.id, event.sequence, event.updated_at) for event in events]
            if of != self._of:
                from synapse.ical.writing import write_calendar

                self._text = await asyncio.to_thread(write_calendar, events, now=now, sign=self._sign)
                self._of = of
            return self._text


async def _events_json(room: ControlRoom, events: Sequence[Event]) -> list[dict[str, Any]]:
    """In batches, since computing the next moments of thousands of events holds the event loop for seconds."""
    shown = []
    for first in range(0, len(events), BATCH_EVENTS):
        shown += [event_json(room.calendar, event) for event in events[first : first + BATCH_EVENTS]]
        await asyncio.sleep(0)
    return shown


def _calendar(text: bytes, headers: dict[str, str]) -> Response:
    return Response(text, headers=headers, media_type=f'{CALENDAR}; charset=utf-8')


def _span(start: str | None, end: str | None, zone: str) -> tuple[datetime, datetime]:
    """:raises Invalid: if the span is empty or too long"""
    first = None if start is None else moment_of(start, 'start', zone=zone)
    last = None if end is None else moment_of(end, 'end', zone=zone)
    try:
        if first is None:
            first = now_utc() - DEFAULT_SPAN if last is None else last - 2 * DEFAULT_SPAN
        if last is None:
            last = now_utc() + DEFAULT_SPAN if start is None else first + 2 * DEFAULT_SPAN
        is_too_long = last - first > timedelta(days=MAX_DAYS)
    except OverflowError:
        raise Invalid('This time is out of range.', {'start': 'Use a time closer to now.'}) from None
    if last <= first:
        raise Invalid('The end must be after the start.', {'end': 'Use a later end, or an earlier start.'})
    if is_too_long:
        raise Invalid(f'The span is longer than {MAX_DAYS} days.', {'end': f'Request at most {MAX_DAYS} days at once.'})
    return first, last


def _due(text: str | None) -> datetime | None:
    return None if text is None else moment_of(text, 'due')


def _absence_json(absence: Absence | None) -> dict[str, str] | None:
    if absence is None:
        return None
    return {
        'from': absence.start.isoformat(),
        'until': absence.end.isoformat(),
        'why': absence.why,
        'sentence': absence.sentence,
    }
