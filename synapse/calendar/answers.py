"""Gathers what is known of an event at a moment, and has `why` answer."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from storage.ledger import Ledger
from synapse import recurrence
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid, NotFound
from synapse.inbox import inputs
from synapse.language import _, in_this_language
from synapse.profiles import Profiles
from synapse.recurrence.words import zone_words
from synapse.runs.records import RunRecord
from synapse.runs.runs import Runs

from .event_store import EventStore
from .events import Event, Occurrence
from .plan_history import PlanHistory
from .series import overrides_of
from .why import Asked, Facts, Obstacle, Why, why

AROUND = timedelta(seconds=2)
"""What stopped so shortly before or after a moment is told of it."""


class Answers:
    """Says why events did or did not run. Used on the event loop only.

    :param zone: that of the machine; where an event has another one, the sentence names it
    """

    def __init__(
        self,
        *,
        event_store: EventStore,
        ledger: Ledger,
        history: PlanHistory,
        runs: Runs,
        catalog: Catalog,
        profiles: Profiles,
        zone: str,
        now: Callable[[], datetime],
    ) -> None:
        self._event_store = event_store
        self._ledger = ledger
        self._history = history
        self._runs = runs
        self._catalog = catalog
        self._profiles = profiles
        self._zone = zone
        self._now = now

    async def why(self, id: str, at: datetime) -> Why:
        """Return why this event did or did not run at a moment, or what will happen then.

        :param at: an aware moment, or a naive wall time in the zone of the event
        :raises NotFound: `event_not_found`
        :raises Invalid: if the moment is outside the years that rules know
        """
        event = self._event_store.get(id)
        try:
            asked = Asked.of(at, event.timezone)
        except (ValueError, OverflowError) as error:
            raise Invalid(_('This moment is out of range.'), {'at': f'{error}'}) from error
        except recurrence.RuleError as error:
            raise Invalid(_('The event cannot be read.'), {error.field: error.sentence}) from error
        row, run = await self._accounted(event, asked)
        until = max(asked.end, (row and row.fired_at) or asked.end)
        facts = Facts(
            event=event,
            now=self._now(),
            row=row,
            run=run,
            plans=await self._history.plans_of(id),
            stops=await self._history.stops_between(asked.at - AROUND, until + AROUND),
            overrides=overrides_of(self._event_store.events, id),
            obstacle=self._obstacle(event),
            is_queue_paused=self._runs.is_queue_paused,
        )
        try:
            # In a thread: a rule that hardly ever matches is searched for a hundred years.
            found = await asyncio.to_thread(in_this_language(why), asked, facts)
        except recurrence.RuleError as error:
            raise Invalid(_('The event cannot be read.'), {error.field: error.sentence}) from error
        if event.timezone == self._zone:
            return found
        times = _('Times are {zone}.', zone=zone_words(event.timezone))
        return found.changed(sentence=f'{found.sentence} {times}')

    async def _accounted(self, event: Event, asked: Asked) -> tuple[Occurrence | None, RunRecord | None]:
        found = await asyncio.to_thread(self._ledger.of_event, event.id, asked.at, asked.end)
        if found is None:
            return None, None
        row = Occurrence.model_validate(found[0])
        unfinished = {run.id: run for run in [*self._runs.live(), *self._runs.waiting()]}
        run = unfinished.get(row.run or '')
        return row, run or (None if found[1] is None else RunRecord.model_validate(found[1]))

    def _obstacle(self, event: Event) -> Obstacle | None:
        """Return why it could not run as things are now."""
        info = self._catalog.find(event.pipeline)
        if info is None:
            # Translators: goes on after: It is due Fri 9 October 14:00, but
            text = _(
                'its pipeline {pipeline} is missing. Put its file back, or choose another one.',
                pipeline=event.pipeline,
            )
            return Obstacle('pipeline_missing', text)
        if not info.is_runnable:
            reason = (info.error or {}).get('message') or _('it has an error')
            text = _('its pipeline {pipeline} cannot run: {reason}', pipeline=info.title, reason=reason)
            return Obstacle('pipeline_broken', text)
        if event.profile is not None:
            try:
                self._profiles.get(event.profile)
            except NotFound:
                text = _('its profile {profile} is gone. Choose another one.', profile=event.profile)
                return Obstacle('profile_gone', text)
        if inputs.ASK in event.parameters.values():
            return Obstacle('file_asked', _('its file has to be chosen each time: press Run now then.'))
        return None
