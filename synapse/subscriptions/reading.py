"""One read of a subscribed calendar: what its server has now becomes events, in one write."""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from synapse.auth import Auth
from synapse.calendar.calendar import Calendar
from synapse.calendar.editor import EventEditor
from synapse.catalog.catalog import Catalog
from synapse.errors import Invalid, Malformed
from synapse.ical.assignment import Assignment, by_rules
from synapse.ical.import_result import ImportResult
from synapse.ical.import_rules import ImportRule
from synapse.ical.importing import import_drafts
from synapse.ical.reading import Contents, read_calendar
from synapse.language import N_, _

from .fetching import FITTING_ADDRESS, LATER, Fetched, NotRead, fetch
from .records import EVERY, Counts, Subscription

CHECK = N_('Check that its address is the one that its program offers for subscriptions.')
_WEB_PAGE = re.compile(
    rb'(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|\?xml[^>]*>\s*<(!doctype\s+html|html))', re.I
)
_PASSWORD = re.compile(rb'<input[^>]{1,500}type\s*=\s*["\']?password|<title>[^<]{0,200}(sign|log)[ -]?in', re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a read needs of the control room."""

    calendar: Calendar
    editor: EventEditor
    catalog: Catalog
    auth: Auth

    async def read(
        self,
        subscription: Subscription,
        rules: Sequence[ImportRule],
        *,
        others: Collection[str],
        fetched: Callable[[], object],
        now: datetime,
        anew: bool = False,
    ) -> Subscription:
        """Return the calendar as it was read; its events are saved then.

        A crash in between is harmless: the next read finds the events, and changes nothing.

        :param others: the ids of the other calendars, whose events it leaves alone
        :param fetched: called before anything is saved
        :param now: aware
        :param anew: import it even if nothing has changed since the last read
        :raises SynapseError: if it cannot be read or imported; then nothing has changed
        """
        known, _, ruled = subscription.seen.partition('.')
        is_comparable = bool(known) and ruled == _digest_of(rules) and not anew
        known_by = (subscription.etag, subscription.last_modified) if is_comparable else ('', '')
        answer = await fetch(subscription.url, etag=known_by[0], last_modified=known_by[1])
        if answer.text is None:
            return _stamped(subscription, answer, empty_since=None)
        seen = f'{hashlib.sha256(answer.text).hexdigest()[:32]}.{_digest_of(rules)}'
        if seen == subscription.seen and not anew:
            return _stamped(subscription, answer, empty_since=None)
        contents = await asyncio.to_thread(_contents_of, answer.text, subscription.place, self.calendar.zone)
        if self._is_doubtful(subscription, contents, now):
            # Of what is not believed nothing is remembered, so that it is sent again.
            return subscription.changed(empty_since=subscription.empty_since or now)
        fetched()
        result = await self._imported(subscription, contents, rules, others)
        return _stamped(subscription, answer, seen=seen, counts=_counts_of(result), empty_since=None)

    def _is_doubtful(self, subscription: Subscription, contents: Contents, now: datetime) -> bool:
        """Whether the calendar had events, and suddenly has none: more often a fault of its server than meant."""
        since = subscription.empty_since
        if contents.drafts or contents.unread or (since is not None and now >= since + EVERY):
            return False
        return any(event.source == subscription.id for event in self.calendar.events())

    async def _imported(
        self, subscription: Subscription, contents: Contents, rules: Sequence[ImportRule], others: Collection[str]
    ) -> ImportResult:
        return await import_drafts(
            self.calendar,
            self.editor,
            self.catalog,
            contents,
            is_trusted=lambda _: False,
            assignment=Assignment(rule_for=by_rules(rules, self.auth.sign), source=subscription.id, others=others),
            turns_on=subscription.turns_on,
            because=_('read from the calendar {label}', label=subscription.label),
        )


def _contents_of(text: bytes, place: str, zone: str) -> Contents:
    """:raises NotRead: if it is no calendar, or only the beginning of one"""
    if not text.strip():
        raise NotRead(_('{place} sent an empty answer instead of a calendar.', place=place), LATER)
    if _WEB_PAGE.match(text):
        what = _('a sign-in page') if _PASSWORD.search(text) else _('a web page')
        raise NotRead(_('{place} sent {what} instead of a calendar.', place=place, what=what), FITTING_ADDRESS)
    try:
        contents = read_calendar(text, zone=zone)
    except Malformed as error:
        if b'BEGIN:VCALENDAR' not in text.upper():
            raise NotRead(_('What {place} sent is not a calendar.', place=place), CHECK) from error
        why = error.message.replace('The file', 'It')  # reads better in English; elsewhere it stays a file
        raise NotRead(_('The calendar that {place} sent cannot be read. {why}', place=place, why=why), LATER) from error
    except Invalid as error:
        why = error.message.replace('The file', f'The calendar of {place}')
        raise NotRead(why, _('Subscribe to a smaller one.')) from error
    if contents.is_truncated:
        raise NotRead(
            _('{place} sent only the beginning of the calendar: its END:VCALENDAR is missing.', place=place), LATER
        )
    return contents


def _stamped(subscription: Subscription, fetched: Fetched, **values: object) -> Subscription:
    etag, modified = fetched.etag or subscription.etag, fetched.last_modified or subscription.last_modified
    if fetched.text is not None:
        etag, modified = fetched.etag, fetched.last_modified
    return subscription.changed(etag=etag, last_modified=modified, **values)


def _digest_of(rules: Sequence[ImportRule]) -> str:
    text = json.dumps([rule.as_json() for rule in rules], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _counts_of(result: ImportResult) -> Counts:
    return Counts(**{name: len(getattr(result, name)) for name in Counts.model_fields})
