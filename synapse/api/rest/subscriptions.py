"""`/scheduler/subscriptions`: calendars of others that are read every hour."""

from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.subscriptions.records import Subscription

from .reading import Body, Id, router


class NewSubscription(Body):
    """A calendar to subscribe to."""

    url: str
    label: str = ''
    turns_on: bool = False
    """Whether new events are switched on at once, if a rule says all that they run."""


class SubscriptionChanges(Body):
    """The fields to change."""

    url: str = ''
    label: str = ''
    turns_on: bool = False


def subscriptions_api(room: ControlRoom) -> APIRouter:
    api = router()

    def shown(*items: Subscription) -> list[dict[str, Any]]:
        counts, is_reading = room.subscriptions.event_counts(), room.subscriptions.is_reading
        events = {item.id: counts[item.id, True] + counts[item.id, False] for item in items}
        return [item.as_shown() | {'events': events[item.id], 'is_reading': is_reading(item.id)} for item in items]

    @api.get('/scheduler/subscriptions')
    async def list_subscriptions() -> Response:
        """List the subscribed calendars. Their addresses may be secret, and are shortened."""
        return ApiResponse(shown(*room.subscriptions.all()))

    @api.post('/scheduler/subscriptions')
    async def subscribe(values: NewSubscription) -> Response:
        """Subscribe to a calendar at an `https:`, `http:` or `webcal:` address, which is then read every hour.

        The first read begins at once. New events stay disabled; with `turns_on` those are enabled whose work is wholly
        that of a rule. Later changes of what they run, or when, disable them in any case.
        """
        item = await room.subscriptions.add(values.model_dump())
        return ApiResponse(shown(item)[0], 201, {'location': f'/api/v1/scheduler/subscriptions/{item.id}'})

    @api.get('/scheduler/subscriptions/{id}')
    async def get_subscription(id: Id) -> Response:
        """Return one subscribed calendar: `read_at` is its last good read, and `error` why later ones failed."""
        return ApiResponse(shown(room.subscriptions.get(id))[0])

    @api.patch('/scheduler/subscriptions/{id}')
    async def change_subscription(id: Id, values: SubscriptionChanges) -> Response:
        """Change the given fields; another address is read at once."""
        item = await room.subscriptions.update(id, values.model_dump(exclude_unset=True))
        return ApiResponse(shown(item)[0])

    @api.post('/scheduler/subscriptions/{id}/read')
    async def read_subscription(id: Id) -> Response:
        """Read a calendar now. Answers when that is done; `error` says why it could not be read."""
        return ApiResponse(shown(await room.subscriptions.read(id))[0])

    @api.delete('/scheduler/subscriptions/{id}')
    async def unsubscribe(id: Id, events: Literal['keep', 'delete'] = 'keep') -> Response:
        """End a subscription; `events=delete` also deletes the events that came from it."""
        await room.subscriptions.remove(id, events=events)
        return Response(status_code=204)

    return api
