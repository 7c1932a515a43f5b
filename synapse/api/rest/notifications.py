"""`/notifications`: where alerts go out of the browser."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import _

from .reading import Id, router


def notifications_api(room: ControlRoom) -> APIRouter:
    api = router()

    @api.get('/notifications')
    async def get_notifications() -> Response:
        """List all channels, with their addresses shortened and why the last message was not sent, and all kinds."""
        return ApiResponse(room.notifications.as_shown())

    @api.put('/notifications')
    async def put_notifications(values: dict[str, Any]) -> Response:
        """Have exactly these `channels`, each with `{id, label, url, command, kinds, enabled}`.

        `url` is an address of Apprise, or instead there is a `command`, a list of words. A channel with a known `id`
        keeps what is not given, and its address if that comes back as it was shown. `address` is where links lead.
        """
        channels, address = values.pop('channels', None), values.pop('address', None)
        values.pop('kinds', None)
        fields = dict.fromkeys(values, _('There is no such field. Use channels and address.'))
        if channels is not None and not isinstance(channels, list):
            fields['channels'] = _('Give a list of channels.')
        if address is not None and not isinstance(address, str):
            fields['address'] = _('Give an address as text.')
        if channels is None and address is None:
            fields['channels'] = _('Give a list of channels.')
        if fields:
            raise Invalid(_('The channels were not saved.'), fields, _('Fix the named fields.'))
        if address is not None:
            await room.notifications.set_address(address)
        if channels is not None:
            await room.notifications.replace(channels)
        return ApiResponse(room.notifications.as_shown())

    @api.post('/notifications/{id}/test')
    async def test_channel(id: Id) -> Response:
        """Send a test message; whether it arrives is in `last_error` and `last_sent_at` a moment later."""
        room.notifications.test_soon(id)
        return ApiResponse({'id': id}, 202)

    return api
