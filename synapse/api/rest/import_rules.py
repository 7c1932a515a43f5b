"""`/scheduler/import-rules`: what events run that come from calendars of others."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from synapse.api.responses import ApiResponse
from synapse.control_room import ControlRoom
from synapse.ical.import_rules import MAX_RULES

from .reading import Body, router


class Rules(Body):
    """All rules, in their order; see `ImportRule`."""

    rules: list[dict[str, Any]] = Field(max_length=MAX_RULES)


def import_rules_api(room: ControlRoom) -> APIRouter:
    api = router()

    def shown() -> dict[str, Any]:
        return {'rules': [rule.shown() for rule in room.import_rules.rules]}

    @api.get('/scheduler/import-rules')
    async def list_rules() -> Response:
        """List the rules that give imported events their work."""
        return ApiResponse(shown())

    @api.put('/scheduler/import-rules')
    async def keep_rules(values: Rules) -> Response:
        """Keep these rules instead of the present ones: `{when, text, pipeline, parameters, profile}` each.

        `when` is `title` (contains `text`), `category` (is `text`) or `any`, which only counts for events that fit no
        other rule and name no pipeline. Of several rules that fit, the first counts.
        """
        await room.import_rules.set(values.rules)
        return ApiResponse(shown())

    return api
