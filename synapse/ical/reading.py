"""Reading events from an iCalendar file (RFC 5545), without access to disk or pipelines.

Our own files have everything in the VEVENT, with `X-SYNAPSE-` properties for what iCalendar doesn't define. Files of
other programs name the pipeline in a line of the description, such as `pipeline: BackupFolder`, or as the title.

A file is read as far as possible: an event that cannot be read is named, and the others are returned. `series` puts
the components together.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any

from synapse import recurrence
from synapse.errors import Invalid, Malformed, TooLarge
from synapse.language import N_, Nn_, _, counted, translated
from synapse.language.formats import listed
from synapse.records import now_utc

from .exceptions import excluded_by_rules
from .lines import Component, read_components
from .plans import plan_of
from .progress import Progress
from .properties import categories, sequence, uid_for, utc, work
from .rules import excluded_plans, rule_from, rules_of
from .series import RULE_MARK, Draft, Lost, Part, Unreadable, put_together
from .shown import is_clock_change, kept_plan
from .times import Times, is_day, with_days_only

MAX_BYTES = 10_000_000
MAX_DRAFTS = 20_000
MAX_TITLE = 200
"""Characters of a title, as `Event` takes them; longer ones are shortened."""
MAX_TOLD = 100
"""How many notes are kept."""
MORNING = time(9)
TRUNCATED = N_('The file ends in the middle; what follows is missing.')

_OTHERS = {
    'VTODO': Nn_('{count} to-do', '{count} to-dos'),
    'VJOURNAL': Nn_('{count} journal entry', '{count} journal entries'),
    'VFREEBUSY': Nn_('{count} time that is free or busy', '{count} times that are free or busy'),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An event that could not be read."""

    uid: str
    name: str
    reason: str
    """A sentence that starts with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a file, as far as it can be read."""

    drafts: tuple[Draft, ...] = ()
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about what was read otherwise than it is written."""
    is_whole: bool = True
    """Whether all that the file has can be told from it: what a damaged one lacks may not be gone."""
    is_truncated: bool = False
    """Whether the file ends in the middle; the first note says so."""
    has_whole_days: bool = False
    """Whether some events have no time of day."""


def read_calendar(
    text: bytes,
    *,
    zone: str,
    all_day_at: time = MORNING,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Contents:
    """Return the events of a file, each once. Takes some seconds for 10 MB: call this in a thread.

    :param zone: the zone of times without one, unless the file sets a default
    :param all_day_at: when events without a time of day run
    :param now: aware; of a series in a zone that only the file knows, the parts that are over are left out
    :raises TooLarge: over 10 MB
    :raises Malformed: if it isn't a calendar
    :raises Invalid: if it has more than `MAX_DRAFTS` events and additional dates
    :raises ImportCancelled: if it was cancelled
    """
    if len(text) > MAX_BYTES:
        message = _(
            'The file has {value:.1f} MB; the limit is {value_2:.0f} MB.',
            value=len(text) / 1000000.0,
            value_2=MAX_BYTES / 1000000.0,
        )
        raise TooLarge('calendar_too_large', message, _('Export fewer events.'))
    parts: list[Part] = []
    lost: list[Lost] = []
    unread: list[Unread] = []
    notes: dict[str, None] = {}
    is_truncated = False
    count_up = _counter(text, progress or Progress())
    calendars = read_components(text, count_up)
    kinds = Counter(part.name for calendar in calendars for part in calendar.parts)
    count = 0
    for calendar in calendars:
        is_truncated |= calendar.is_truncated
        reader = _Reader(calendar, zone, all_day_at, count_up)
        for part in reader.parts():
            parts.append(part)
            count += 1 + len(part.further)
            if count > MAX_DRAFTS:
                message = _(
                    'The file has more than {max_drafts:,} events and additional dates, the most that are kept.',
                    max_drafts=MAX_DRAFTS,
                )
                raise Invalid(message, hint=_('Export a shorter time, or fewer calendars at once.'))
        unread += reader.unread
        lost += reader.lost
        notes |= reader.notes
    drafts, problems, more_notes = put_together(parts, lost, now or now_utc(), most=MAX_DRAFTS)
    unread += [Unread(uid=draft.uid, name=draft.name, reason=f"'{draft.name}' {error}") for draft, error in problems]
    notes |= dict.fromkeys(more_notes)
    if not kinds['VEVENT'] and not kinds.keys().isdisjoint(_OTHERS):
        notes[_others_note(kinds)] = None
    return Contents(
        drafts=tuple(drafts),
        unread=tuple(unread),
        notes=(*([translated(TRUNCATED)] if is_truncated else []), *notes)[:MAX_TOLD],
        is_whole=not any(calendar.is_cut for calendar in calendars),
        is_truncated=is_truncated,
        has_whole_days=_whole_days_note(all_day_at) in notes,
    )


def _counter(text: bytes, progress: Progress) -> Callable[[str], None]:
    """Return what counts an event when it is parsed, and again when it is understood, which each take half the time."""
    total = 2 * text.count(b'BEGIN:VEVENT')
    done = itertools.count(1)

    def count_up(name: str) -> None:
        if name == 'VEVENT':
            progress.at('read', min(next(done), total) // 2, total // 2)

    return count_up


def _others_note(kinds: Mapping[str, int]) -> str:
    others = [counted(forms, kinds[kind]) for kind, forms in _OTHERS.items() if kinds[kind]]
    return _('The file has no events, only {others}, which are not imported.', others=listed(others))


def _whole_days_note(at: time) -> str:
    return _('Events without a time of day run at {at:%H:%M}.', at=at)


class _Reader:
    """Reads one calendar of a file; `unread`, `lost` and `notes` are complete once `parts` has been consumed."""

    def __init__(
        self, calendar: Component, zone: str, all_day_at: time, count_up: Callable[[str], None] = lambda __: None
    ) -> None:
        if calendar.text('VERSION') == '1.0':
            raise Malformed('not_a_calendar', _('This is vCalendar 1.0.'), _('Export it as iCalendar 2.0 (.ics).'))
        self.unread: list[Unread] = []
        self.lost: list[Lost] = []
        self.notes: dict[str, None] = {}
        self._calendar = calendar
        self._count_up = count_up
        self._is_cancelled = calendar.text('METHOD').upper() == 'CANCEL'
        self._all_day_at = all_day_at
        self._times = Times(calendar, zone, all_day_at, self._note)

    def parts(self) -> Iterator[Part]:
        """Yield each event that can be read."""
        for line in self._calendar.broken:
            if line.startswith('END:'):
                self._note(_('The file ends a {line} that it did not begin, which was left out.', line=line[4:]))
        components = self._calendar.parts
        components.reverse()
        while components:  # what has been read is not kept
            component = components.pop()
            if component.name == 'VEVENT' and not is_clock_change(component):
                yield from self._event(component)
                self._count_up('VEVENT')

    def _event(self, component: Component) -> list[Part]:
        name = _short(component.text('SUMMARY') or component.text('UID') or _('An event without a title'))
        uid = component.text('UID') or uid_for(component)
        try:
            return list(self._read(component, uid, name))
        except Unreadable as error:
            self.unread.append(Unread(uid=uid, name=name, reason=f"'{name}' {error}"))
            self._lose(component, uid)
            return []

    def _lose(self, component: Component, uid: str) -> None:
        """Note the occurrence that an unreadable event replaces: it must not run as if it had never been moved."""
        replaced = component.first('RECURRENCE-ID')
        if replaced is not None and not replaced.parameters.get('RANGE'):
            try:
                self.lost.append((uid, *self._times.replaced(replaced, component)))
            except Unreadable:
                return

    def _read(self, component: Component, uid: str, name: str) -> Iterator[Part]:
        if component.is_cut:
            raise Unreadable(_('has no end; the file may be truncated. Export it again.'))
        if component.broken:
            raise Unreadable(_('has a line that cannot be read: {line}', line=component.broken[0][:80]))
        component = with_days_only(component)
        replaced = component.first('RECURRENCE-ID')
        is_cancelled = self._is_cancelled or component.text('STATUS').upper() == 'CANCELLED'
        at, zone = (None, '') if replaced is None else self._times.replaced(replaced, component)
        splits = replaced is not None and replaced.parameters.get('RANGE', '').upper() == 'THISANDFUTURE'
        values, rules = ({}, []) if is_cancelled else self._values(component)
        excluding: list[recurrence.Plan] = []
        if at is not None and not splits and rules and component.first('X-SYNAPSE-OPTIONS') is None:
            self._note(_("'{name}' replaces one occurrence and has a rule of its own, which was left out.", name=name))
            rules = []
        kept = None if is_cancelled else kept_plan(component)
        if kept is not None:
            values |= {'start': kept.start, 'timezone': kept.zone}
            rules = [] if kept.rule is None else [rule_from(kept.rule, kept.zone)]
        if not is_cancelled:
            values['rrule'] = rules[0] if rules else None
            excluding = excluded_plans(component, values, self._times.own_zone_of(component))
            plans = [replace(plan_of(values), rule=rule) for rule in rules]
            exdates = self._times.exdates(component, plan_of(values), excluded_by_rules(plans, excluding))
            values['exdates'] = tuple(sorted({*exdates, *kept.exdates})) if kept else exdates
        draft = Draft(
            uid=uid,
            sequence=sequence(component),
            values=values,
            recurrence_at=at,
            recurrence_zone=zone,
            is_cancelled=is_cancelled,
            own_zone=self._times.own_zone_of(component) if rules else None,
            last_modified=utc(component, 'LAST-MODIFIED'),
            name=name,
            signature=component.text('X-SYNAPSE-SIGNATURE'),
            categories=categories(component),
            doubt='' if is_cancelled or kept else self._doubt(component, values),
        )
        stamp = utc(component, 'DTSTAMP')
        has_further = not (is_cancelled or kept or at is not None)
        further = tuple(self._times.further(component, draft, excluding)) if has_further else ()
        yield Part(draft=draft, further=further, stamp=stamp, is_this_and_future=splits)
        if len(rules) > 1:
            self._note(
                _("'{name}' repeats by {rules} rules; each is an event of its own.", name=name, rules=len(rules))
            )
        for number, rule in enumerate(rules[1:], 2):
            more = replace(draft, uid=f'{uid}{RULE_MARK}{number}', values={**values, 'rrule': rule}, signature='')
            yield Part(draft=more, stamp=stamp)

    def _values(self, component: Component) -> tuple[dict[str, Any], list[str]]:
        """Return the values of an event but for its rules and exceptions, and its rules."""
        start = component.first('DTSTART')
        if start is None:
            raise Unreadable(_('has no start (DTSTART).'))
        wall, zone = self._times.moment(start, start.raw)
        if is_day(start.raw):
            wall = datetime.combine(wall, self._all_day_at)
            self._note(_whole_days_note(self._all_day_at))
        self._times.compare(start, wall)
        values: dict[str, Any] = {'start': wall, 'timezone': zone}
        title = self._title(component)
        own = self._times.own_zone_of(component)
        rules = rules_of(component, wall, zone, own)
        if own is not None and not rules:
            name = component.text('SUMMARY') or component.text('UID')
            self._note(own.note(_short(name), _('with a fixed offset')))
        return values | ({'title': title} if title else {}) | work(component), rules

    def _title(self, component: Component) -> str:
        title = component.text('SUMMARY')
        if len(title) <= MAX_TITLE:
            return title
        self._note(
            _(
                "The title of '{title}' has {title_2:,} characters; it was shortened to {max_title}.",
                title=_short(title),
                title_2=len(title),
                max_title=MAX_TITLE,
            )
        )
        return f'{title[: MAX_TITLE - 1].rstrip()}…'

    def _doubt(self, component: Component, values: dict[str, Any]) -> str:
        start = component.first('DTSTART')
        return '' if start is None else self._times.doubt(start, values['start'], values['timezone'])

    def _note(self, sentence: str) -> None:
        self.notes[sentence] = None


def _short(name: str) -> str:
    return name if len(name) <= 80 else f'{name[:79]}…'
