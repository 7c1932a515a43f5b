"""`/backup`: the whole data folder as one file, made while the program runs, and prepared for a restore."""

import logging

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import FileResponse, Response

from synapse.api.responses import ApiResponse
from synapse.backup.contents import EVERYTHING, Choice
from synapse.control_room import ControlRoom
from synapse.language import N_

from .reading import Body, caller_of, router

log = logging.getLogger(__name__)


class Order(Body):
    include: tuple[Choice, ...] = EVERYTHING
    passphrase: str | None = None


class FromInbox(Body):
    file: str = Field(pattern=r'^inbox:[A-Za-z0-9_-]{1,64}$')


class Opening(Body):
    passphrase: str | None = None


def backup_api(room: ControlRoom) -> APIRouter:
    api, backups = router(), room.backups

    @api.get('/backup')
    async def list_backups() -> Response:
        """List the backups, what is being done, and how large each part of a new one would be before it is packed."""
        sizes, work = await backups.sizes(), backups.work
        return ApiResponse(
            {
                'backups': [backup.as_shown() for backup in await backups.all()],
                'sizes': {'always': sizes.always, **{str(choice): sizes.of_one(choice) for choice in Choice}},
                'work': None if work is None else {'what': work.what, 'stage': work.stage, 'percent': work.percent},
                'prepared': None if backups.prepared is None else backups.prepared.as_json(),
            }
        )

    @api.post('/backup')
    async def create_backup(request: Request, order: Order | None = None) -> Response:
        """Make a backup and read it back; it is answered when that is done, and goes on if the caller leaves.

        `include` says which of the large parts are in it, `runs`, `inbox` and `others`; all by default. The secrets are
        encrypted with the `passphrase`, or left out without one.
        """
        order = order or Order()
        log.info(N_('a backup was asked for by %s'), caller_of(request))
        backup = await backups.create(choices=order.include, passphrase=order.passphrase)
        return ApiResponse(backup.as_shown(), 201, {'location': f'/api/v1/backup/{backup.name}'})

    @api.post('/backup/cancel')
    async def cancel_backup() -> Response:
        """Stop what is being done, a backup or a restore; nothing of it is left."""
        backups.cancel()
        return Response(status_code=204)

    @api.post('/backup/import')
    async def import_backup(values: FromInbox) -> Response:
        """Check an uploaded file, `inbox:ID`, and keep it as a backup."""
        return ApiResponse((await backups.take(values.file.removeprefix('inbox:'))).as_shown(), 201)

    @api.delete('/backup/restore')
    async def forget_restore(request: Request) -> Response:
        """Have the next start use what is there now, after all."""
        if await backups.forget_restore():
            log.info(N_('the restore was taken back by %s'), caller_of(request))
        return Response(status_code=204)

    @api.get('/backup/{name}')
    async def download_backup(name: str) -> Response:
        """Download a backup."""
        path = await backups.path(name)
        return FileResponse(path, filename=path.name, media_type='application/gzip')

    @api.delete('/backup/{name}')
    async def delete_backup(name: str, request: Request) -> Response:
        """Delete a backup."""
        await backups.delete(name)
        log.info(N_('the backup %s was deleted by %s'), name, caller_of(request))
        return Response(status_code=204)

    @api.post('/backup/{name}/restore')
    async def restore_backup(name: str, request: Request, values: Opening | None = None) -> Response:
        """Check and unpack a backup. The next start uses it, and sets aside what is there now."""
        log.warning(N_('the restore of %s was asked for by %s'), name, caller_of(request))
        restored = await backups.restore(name, passphrase=(values or Opening()).passphrase)
        return ApiResponse(restored.as_json() | {'takes_effect': 'at the next start'}, 202)

    return api
