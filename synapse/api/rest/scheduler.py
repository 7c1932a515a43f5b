"""`/scheduler`: events, their occurrences, and both as iCalendar."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from synapse.api.events import event_json, moment_of, wall_or_moment
from synapse.api.responses import ApiResponse, HttpError, encode
from synapse.calendar.alarm_clock import Absence
from synapse.calendar.events import Event
from synapse.calendar.series import EditScope
from synapse.calendar.validation import READ_ONLY_FIELDS
from synapse.control_room import ControlRoom
from synapse.errors import Conflict, Invalid, NotFound
from synapse.ical.import_rules import ImportRule
from synapse.language import N_, _, in_thread
from synapse.records import now_utc

from .calendar_file import CALENDAR, CalendarFile
from .reading import Body, Id, caller_of, has_token, router

if TYPE_CHECKING:
    from synapse.ical.import_result import ImportResult
    from synapse.ical.progress import Progress

log = logging.getLogger(__name__)
CRONTAB = 'text/plain'
MAX_DAYS = 400
DEFAULT_SPAN = timedelta(days=31)
"""How far before and after now occurrences are listed by default."""

BATCH_EVENTS = 20

ImportRulesText = Annotated[str | None, Query(max_length=50_000)]
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
    _add_zone_changes(api, room)
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
        body = await in_thread(
            lambda: encode({'events': shown, 'occurrences': [occurrence.as_json() for occurrence in occurrences]})
        )
        return Response(body, media_type=ApiResponse.media_type)

    @api.post('/scheduler/create')
    async def create_event(values: dict[str, Any], request: Request) -> Response:
        """Create an event from its fields without `id`; only `pipeline` and `start` are required."""
        event = await room.editor.create(values, because=_('by {caller}', caller=caller_of(request)))
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


def _add_calendars(api: APIRouter, room: ControlRoom, file: CalendarFile) -> None:
    @api.head('/scheduler/calendar.ics')
    @api.get('/scheduler/calendar.ics')
    async def calendar(request: Request) -> Response:
        """Return all events as an iCalendar file (RFC 5545); 304 if it hasn't changed since it was fetched."""
        return await file.response(request, {'content-disposition': 'attachment; filename="synapse.ics"'})

    @api.post(
        '/scheduler/import',
        openapi_extra={'requestBody': {'content': {CALENDAR: {'schema': {'type': 'string'}}}, 'required': True}},
    )
    async def import_calendar(
        request: Request,
        trust: bool = False,
        dry_run: bool = False,
        all_day: time = time(9),
        rules: ImportRulesText = None,
    ) -> Response:
        """Import the events of an iCalendar file of at most 10 MB; known events are updated.

        An event that cannot be read or run is left out and listed in `refused`; if there is no other, nothing is
        imported and the answer is 422. Events without a time of day run at `all_day`. `notes` say what was read
        otherwise than it is written.

        `rules` say what events without a pipeline run: a JSON list as `PUT /scheduler/import-rules` takes it; without
        it the kept rules apply. What then still has no pipeline is left out and listed in `without_pipeline`; if that
        is all, the answer is 422, too.

        Only events that this Synapse exported stay enabled. Any other event that is new, or changes what runs or when,
        is disabled and listed in `disabled`. `trust=true` keeps events enabled as in the file, and needs the token.
        `dry_run=true` changes nothing and returns what an import would do. Closing the connection cancels an import
        that has not been saved yet.
        """
        _check_import(request, CALENDAR, trust=trust)
        from synapse.ical.assignment import Assignment, by_rules  # takes 30 ms, which the first call does not wait for
        from synapse.ical.import_problems import require_any
        from synapse.ical.importing import import_drafts
        from synapse.ical.progress import ImportCancelled, Progress
        from synapse.ical.reading import read_calendar

        known = await _rules(room, rules)
        text, progress = await request.body(), Progress()
        gone = asyncio.create_task(_cancel_when_gone(request, progress))
        try:
            contents = await in_thread(
                read_calendar, text, zone=room.calendar.zone, all_day_at=all_day, progress=progress
            )
            result = await import_drafts(
                room.calendar,
                room.editor,
                room.catalog,
                contents,
                is_trusted=lambda draft: trust or draft.is_signed(room.auth.sign),
                is_own=lambda draft: draft.is_signed(room.auth.sign),
                assignment=Assignment(rule_for=None if known is None else by_rules(known, room.auth.sign)),
                because=_('imported by {caller}', caller=caller_of(request)),
                is_dry=dry_run,
                progress=progress,
            )
            require_any(result)
        except ImportCancelled:
            log.info(N_('an import by %s was cancelled: the connection was closed'), caller_of(request))
            return Response(status_code=499)  # to nobody
        finally:
            gone.cancel()
        # In a thread: it lists what each of thousands of events would run.
        return Response(await in_thread(_import_json, result), media_type=ApiResponse.media_type)

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
            is_trusted=lambda __: trust,
            because=_('imported by {caller}', caller=caller_of(request)),
            is_dry=dry_run,
        )
        return Response(await in_thread(lambda: encode(result.as_json())), media_type=ApiResponse.media_type)

    @api.get('/scheduler/crontab')
    async def show_crontab() -> Response:
        """Return the enabled events as a crontab; those that no line of cron can stand for are comments."""
        from synapse.crontab.writing import write_crontab

        calendar = room.calendar
        written = await in_thread(write_crontab, calendar.events(), calendar.zone, now=now_utc())
        return Response(written.text, media_type=f'{CRONTAB}; charset=utf-8')


async def _rules(room: ControlRoom, text: str | None) -> Sequence[ImportRule] | None:
    """Return the rules of an import; None if there are none at all.

    :raises Invalid: if they cannot be read
    """
    if text is None:
        return room.import_rules.rules or None
    try:
        given = json.loads(text)
        if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
            raise ValueError('not a list of objects')
    except (ValueError, RecursionError):
        hint = _('Give a JSON list like [{"when": "any", "pipeline": "RunCommand", "parameters": {}}].')
        raise Invalid(_('The rules cannot be read.'), {'rules': hint}) from None
    return [await room.import_rules.checked(item) for item in given]


async def _cancel_when_gone(request: Request, progress: 'Progress') -> None:
    while (await request.receive())['type'] != 'http.disconnect':
        pass
    progress.cancel()


def _import_json(result: 'ImportResult') -> bytes:
    """Return its JSON, encoded event by event: all at once would hold up the event loop even in a thread."""
    events = b','.join(encode(event.as_json()) for event in result.events)
    rest = encode(result.model_dump(mode='json', exclude={'events'}))
    return rest[:-1] + b',"events":[' + events + b']}'


def _check_import(request: Request, wanted: str, *, trust: bool) -> None:
    """:raises HttpError: if the body is of another type, or trust is asked for without the token"""
    if trust and not has_token(request):
        raise HttpError(
            403,
            'token_needed',
            _('Only the token can vouch for a file.'),
            _('Send it as "Authorization: Bearer TOKEN", or import without trust and enable the events you reviewed.'),
        )
    media_type = request.headers.get('content-type', '').partition(';')[0].strip().lower()
    if media_type != wanted:
        what = _('a calendar') if wanted == CALENDAR else _('a crontab')
        raise HttpError(
            415,
            'unsupported_media_type',
            _('A body of type {value!r} is not {what}.', value=media_type[:100] or _('unknown'), what=what),
            _('Send the file with Content-Type: {wanted}.', wanted=wanted),
        )


def _add_feed(api: APIRouter, room: ControlRoom, file: CalendarFile) -> None:
    def shown(request: Request) -> dict[str, Any]:
        return {'url': room.auth.feed_address(room.settings.url_for(request.scope.get('synapse.address')))}

    @api.get('/scheduler/feed')
    async def show_feed(request: Request) -> Response:
        """Return the secret address that calendar programs can subscribe to; null if there is none."""
        return ApiResponse(shown(request))

    @api.post('/scheduler/feed')
    async def new_feed(request: Request) -> Response:
        """Create a new secret address; the previous one stops working."""
        await in_thread(room.auth.new_feed)
        return ApiResponse(shown(request), 201)

    @api.delete('/scheduler/feed')
    async def revoke_feed() -> Response:
        """Revoke the secret address."""
        await in_thread(room.auth.revoke_feed)
        return Response(status_code=204)

    @api.head('/scheduler/feed/{secret}.ics')
    @api.get('/scheduler/feed/{secret}.ics')
    async def feed(secret: str, request: Request) -> Response:
        """Return the calendar as iCalendar. The secret in the path is the only credential."""
        if not room.auth.is_feed(secret):
            raise NotFound('feed_not_found', _('This calendar address was revoked.'), _('Subscribe to the new one.'))
        return await file.response(request)


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
                _('One of these occurrences was already answered.'),
                _('GET /api/v1/scheduler/missed lists the unanswered ones.'),
            )
        runs = await room.calendar.answer_missed(keys, decision.do)
        return ApiResponse({'runs': [run.as_json() for run in runs]})


def _add_zone_changes(api: APIRouter, room: ControlRoom) -> None:
    @api.get('/scheduler/zone-changes')
    async def zone_changes() -> Response:
        """List the changes of time-zone rules that moved events and are not dismissed, newest first.

        Each event keeps its wall time: `was` and `due` are the first coming instant that moved, before and now.
        """
        return ApiResponse({'changes': [change.as_json() for change in room.zone_changes.all]})

    @api.delete('/scheduler/zone-changes/{change}')
    async def dismiss_zone_change(change: Id) -> Response:
        """Dismiss a change of time-zone rules."""
        await room.zone_changes.dismiss(change)
        return Response(status_code=204)


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
        change = await room.editor.update(
            id, values, scope=scope, due=_due(due), because=_('by {caller}', caller=caller_of(request))
        )
        event = change.event or room.calendar.get(id)
        return ApiResponse(event_json(room.calendar, event))

    @api.delete('/scheduler/{id}')
    async def delete_event(id: Id, request: Request, scope: EditScope = 'all', due: Due = None) -> Response:
        """Delete an event, its occurrence at `due`, or that and all later ones."""
        await room.editor.delete(id, scope=scope, due=_due(due), because=_('by {caller}', caller=caller_of(request)))
        return Response(status_code=204)

    @api.get('/scheduler/{id}/why')
    async def why(id: Id, at: Annotated[str, Query(max_length=64)]) -> Response:
        """Say why this event did or did not run at a moment, or what will happen then, in one sentence.

        `at` is a moment, or a wall time in the zone of the event. Without seconds it stands for that minute. `reason`
        is a word for programs; `nearest` has the occurrences before and after.
        """
        answer = await room.answers.why(id, wall_or_moment(at, 'at'))
        return ApiResponse(answer.as_json())

    @api.post('/scheduler/{id}/run')
    async def run_event(id: Id, order: RunNow | None = None) -> Response:
        """Start a run of this event now, in addition to its schedule."""
        run = await room.calendar.run_now(id, parameters=(order or RunNow()).parameters)
        return ApiResponse(run.as_json(), 201, {'location': f'/api/v1/runs/{run.id}'})


async def _events_json(room: ControlRoom, events: Sequence[Event]) -> list[dict[str, Any]]:
    """In batches, since computing the next moments of thousands of events holds the event loop for seconds."""
    shown = []
    for first in range(0, len(events), BATCH_EVENTS):
        shown += [event_json(room.calendar, event) for event in events[first : first + BATCH_EVENTS]]
        await asyncio.sleep(0)
    return shown


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
        raise Invalid(_('This time is out of range.'), {'start': _('Use a time closer to now.')}) from None
    if last <= first:
        raise Invalid(_('The end must be after the start.'), {'end': _('Use a later end, or an earlier start.')})
    if is_too_long:
        raise Invalid(
            _('The span is longer than {max_days} days.', max_days=MAX_DAYS),
            {'end': _('Request at most {max_days} days at once.', max_days=MAX_DAYS)},
        )
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
