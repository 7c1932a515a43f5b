"""Putting the components of a calendar file together: newest versions, series that are split, and replaced occurrences.

RFC 5545 lets several components share a UID: a series, the replacements of single occurrences, and changes of all
later occurrences (RECURRENCE-ID with RANGE=THISANDFUTURE, 3.2.13), which end one series and begin another here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from synapse import recurrence
from synapse.errors import Invalid
from synapse.language import _
from synapse.language.formats import moment
from synapse.recurrence.rules import Rule, RuleError, compact_iso, read_rule, write_rule

from . import trust
from .own_zone import NoFixedZone, OwnZone, Piece, pieces_of
from .trust import Sign

RULE_MARK, SPLIT_MARK = '/rule/', '/from/'
"""What follows them in the UID of a series tells the parts of an event that is several series here."""
_COMPARED_DAYS = 3653
_COMPARED_SUB_DAILY = 31
"""For how many days the occurrences of two rules of an event are compared, if one repeats within a day."""

Lost = tuple[str, datetime, str]
"""A UID, and the naive wall time and zone of an occurrence that an unreadable component replaces."""


class Unreadable(Exception):
    """An event cannot be read; the message continues a sentence that starts with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event in a file: a series, a single event, or the replacement of one occurrence of a series."""

    uid: str
    sequence: int
    values: dict[str, Any]
    """As `EventEditor.create` takes them, only those that the file gives. Empty for a cancelled one."""
    recurrence_at: datetime | None = None
    """The naive wall time of the occurrence that it replaces, in `recurrence_zone`: that of the series, if known."""
    recurrence_zone: str = ''
    is_cancelled: bool = False
    own_zone: OwnZone | None = None
    """The zone of a series that only the file knows; then the rule has an UNTIL as `pieces_of` reads it."""
    last_modified: datetime | None = None
    name: str = ''
    """What messages call it."""
    signature: str = ''
    categories: tuple[str, ...] = ()
    doubt: str = ''
    """A sentence, if the file leaves open when it is meant."""

    def is_signed(self, sign: Sign) -> bool:
        """Whether exactly this was exported and signed by the owner of `sign`."""
        meaning = trust.meaning(self.uid, self.sequence, self.replaced, self.values)
        return trust.is_signed(self.signature, meaning, sign)

    @property
    def replaced(self) -> datetime | None:
        """The instant of the occurrence that it replaces."""
        return None if self.recurrence_at is None else recurrence.instant_of(self.recurrence_at, self.recurrence_zone)

    def in_zone(self, zone: str) -> 'Draft':
        """Return it with `recurrence_at` converted to another zone."""
        if self.recurrence_at is None or self.recurrence_zone == zone:
            return self
        wall = in_zone(self.recurrence_at, self.recurrence_zone, zone)
        return replace(self, recurrence_at=wall, recurrence_zone=zone)


def series_among(drafts: Iterable[Draft]) -> Draft | None:
    """Return the series, or the single event, among the drafts of a UID."""
    return next((draft for draft in drafts if draft.recurrence_at is None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component of a file, with what only matters until the components are put together."""

    draft: Draft
    further: tuple[Draft, ...] = ()
    """A single event for each additional date (RDATE)."""
    stamp: datetime | None = None
    is_this_and_future: bool = False

    @property
    def age(self) -> tuple[int, datetime, datetime]:
        """Sorts versions by the order of RFC 5546, 2.1.5."""
        oldest = datetime.min.replace(tzinfo=UTC)
        return self.draft.sequence, self.draft.last_modified or oldest, self.stamp or oldest


Problem = tuple[Draft, str]


def put_together(
    parts: Sequence[Part], lost: Iterable[Lost], now: datetime, *, most: int
) -> tuple[list[Draft], list[Problem], list[str]]:
    """Return the events of a file, those that cannot be read, and sentences about what was not obvious.

    :param lost: occurrences that are excluded from their series, although nothing replaces them
    :param now: aware; of a series that is split by clock changes, the parts that are over are left out
    :raises Invalid: if that makes more than `most` events
    """
    newest, notes = _newest(parts)
    drafts = {key: part.draft for key, part in newest.items()}
    for part in newest.values():
        for draft in part.further:
            drafts.setdefault((draft.uid, draft.replaced), draft)
    groups: dict[str, list[Draft]] = {}
    for draft in drafts.values():
        groups.setdefault(draft.uid, []).append(draft)
    splits = {key for key, part in newest.items() if part.is_this_and_future}
    missing: dict[str, list[tuple[datetime, str]]] = {}
    for uid, wall, zone in lost:
        missing.setdefault(uid, []).append((wall, zone))
    for uid in groups:
        series_uid, mark, __ = uid.partition(RULE_MARK)
        if mark:  # what replaces an occurrence of the event excludes it from whichever of its rules has it
            others = [(draft.recurrence_at, draft.recurrence_zone) for draft in groups.get(series_uid, [])]
            missing[uid] = missing.get(series_uid, []) + [(at, zone) for at, zone in others if at is not None]
            for change in [draft for draft in groups.get(series_uid, []) if (draft.uid, draft.replaced) in splits]:
                own = _change_for(groups[uid][0], change)
                groups[uid] += own
                splits |= {(uid, draft.replaced) for draft in own}
    found: list[Draft] = []
    problems: list[Problem] = []
    for uid, group in groups.items():
        for whole, replacements in _split(group, splits, problems):
            for series, overrides in _in_fixed_zones(whole, replacements, now, problems, notes):
                found += _excluded(series, overrides, missing.get(uid, []))
            if len(found) > most:
                raise Invalid(_('The file has more than {most:,} events.', most=most), hint=_('Import it in parts.'))
    return found, problems, notes


def _change_for(series: Draft, change: Draft) -> list[Draft]:
    """Return the change of all later occurrences for another rule of the event: it moves them by as much.

    A change with a rule of its own ends the others.
    """
    plan, at = replace(_plan_of(series), exdates=frozenset()), change.in_zone(series.values['timezone']).recurrence_at
    if at is None:
        return []
    following = recurrence.next_after(plan, recurrence.instant_of(at, plan.zone) - recurrence.TICK)
    if not following:
        return []
    wall = recurrence.wall_of(following[0], plan.zone)
    own = replace(change, uid=series.uid, recurrence_at=wall, recurrence_zone=plan.zone)
    if change.is_cancelled or change.values['rrule'] is not None:
        return [replace(own, values={}, is_cancelled=True)]
    shift = in_zone(change.values['start'], change.values['timezone'], plan.zone) - at
    return [replace(own, values=change.values | {'start': wall + shift, 'timezone': plan.zone})]


def _newest(parts: Iterable[Part]) -> tuple[dict[tuple[str, datetime | None], Part], list[str]]:
    newest: dict[tuple[str, datetime | None], Part] = {}
    notes = []
    for part in parts:
        key = part.draft.uid, part.draft.replaced
        other = newest.get(key)
        if other is None or part.age >= other.age:
            newest[key] = part
        if (
            other is not None
            and other.draft.sequence == part.draft.sequence
            and other.draft.values != part.draft.values
        ):
            notes.append(_("'{name}' is in the file twice; the newer version was taken.", name=newest[key].draft.name))
    return newest, notes


_Group = tuple[Draft | None, list[Draft]]
"""A series, and what replaces its occurrences."""


def _split(drafts: Sequence[Draft], splits: set[tuple[str, datetime | None]], problems: list[Problem]) -> list[_Group]:
    """Return the series of a UID, each with the replacements that belong to it."""
    series = series_among(drafts)
    zone = None if series is None else series.values.get('timezone')
    others = [draft if zone is None else draft.in_zone(zone) for draft in drafts if draft is not series]
    if series is None or series.values.get('rrule') is None:
        return [(series, others)]
    overrides = [(at, draft) for draft in others if (at := draft.replaced)]
    cuts = sorted((at, number) for number, (at, draft) in enumerate(overrides) if (draft.uid, at) in splits)
    changes = [overrides[number][1] for __, number in cuts]
    overrides = [(at, draft) for at, draft in overrides if draft not in changes]
    done: list[_Group] = []
    moved = timedelta()
    for (at, __), change in zip(cuts, changes, strict=True):
        if series.own_zone is not None:
            problems.append((change, _('changes all later occurrences in a time zone that only the file knows.')))
            continue
        # RECURRENCE-ID is the time that the occurrence had before any change: RFC 5545, 3.8.4.4.
        zone = series.values['timezone']
        now_at = recurrence.instant_of(recurrence.wall_of(at, zone) + moved, zone)
        try:
            before, rest, shift = _cut(series, change, now_at)
        except RuleError as error:
            problems.append((change, _('changes all later occurrences, which cannot be read: {error}', error=error)))
            before, rest, shift = _ended(series, now_at), None, timedelta()
        moved += shift
        if before is not None:
            done.append((before, [draft for moment, draft in overrides if moment < at]))
        if rest is None:
            return done
        series = rest
        overrides = [(moment, _moved(draft, rest.uid, shift)) for moment, draft in overrides if moment >= at]
    return [*done, (series, [draft for __, draft in overrides])]


def _in_fixed_zones(
    series: Draft | None, overrides: list[Draft], now: datetime, problems: list[Problem], notes: list[str]
) -> list[_Group]:
    """Return a series in a zone that only the file knows in parts with a fixed offset, any other one as it is."""
    if series is None or series.own_zone is None or series.is_cancelled:
        return [(series, overrides)]
    own, values = series.own_zone, series.values
    try:
        pieces = pieces_of(own, values['start'], values['rrule'], now)
    except (NoFixedZone, RuleError) as error:
        problems.append((series, _('{error} Give it a zone like Europe/Berlin.', error=error)))
        return []
    is_cut = bool(pieces) and recurrence.last(pieces[-1].plan) is not None and _is_endless(series.values['rrule'])
    how = (
        _('as {count} series, each with a fixed offset', count=len(pieces))
        if len(pieces) > 1
        else _('with a fixed offset')
    )
    if is_cut:
        day = moment('yMMMd', pieces[-1].ends)
        how = _('{how}, until {day}: import the file again before then', how=how, day=day)
    notes.append(own.note(series.name, how))
    return [(_piece(series, piece), _within(piece, series, overrides)) for piece in pieces]


def _is_endless(text: str) -> bool:
    rule = read_rule(text)
    return rule.count is None and rule.until is None


def _piece(series: Draft, piece: Piece) -> Draft:
    plan, zone = piece.plan, series.values['timezone']
    exdates = (recurrence.instant_of(wall, zone) for wall in series.values['exdates'])
    walls = (recurrence.wall_of(instant, plan.zone) for instant in exdates if piece.begins <= instant < piece.ends)
    values = series.values | {'start': plan.start, 'timezone': plan.zone, 'rrule': plan.rule}
    values['exdates'] = tuple(sorted(walls))
    return replace(series, uid=_uid_of(series, piece), values=values, own_zone=None, signature='')


def _uid_of(series: Draft, piece: Piece) -> str:
    whole = series.uid.partition(SPLIT_MARK)[0]
    return series.uid if piece.is_first else f'{whole}{SPLIT_MARK}{compact_iso(piece.begins)}'


def _within(piece: Piece, series: Draft, overrides: Iterable[Draft]) -> list[Draft]:
    """Return the replacements of occurrences in a part of a series."""
    uid = _uid_of(series, piece)
    found = (draft for draft in overrides if (at := draft.replaced) is not None and piece.begins <= at < piece.ends)
    return [replace(draft.in_zone(piece.plan.zone), uid=uid) for draft in found]


def _moved(draft: Draft, uid: str, shift: timedelta) -> Draft:
    """Return the replacement of an occurrence of the new series, whose occurrences have moved by `shift`."""
    at = draft.recurrence_at
    return replace(draft, uid=uid, recurrence_at=None if at is None else at + shift)


def _cut(series: Draft, cut: Draft, at: datetime) -> tuple[Draft | None, Draft | None, timedelta]:
    """Return the series before the cut, the one from it on, and by how much its occurrences are moved.

    :param at: the instant from which on `cut` changes all occurrences
    :raises RuleError: if no rule describes the rest
    """
    plan = _plan_of(series)
    first = recurrence.first(replace(plan, exdates=frozenset()))
    before = None if first is None or first >= at else _ended(series, at)
    if cut.is_cancelled:
        return before or replace(series, values={}, is_cancelled=True), None, timedelta()
    wall = recurrence.wall_of(at, plan.zone)
    to = in_zone(cut.values['start'], cut.values['timezone'], plan.zone)
    rest = replace(plan, start=wall, rule=recurrence.rule_continuing_from(plan, at), exdates=frozenset())
    if cut.values['rrule'] is not None:
        plan_after = replace(rest, start=to, rule=cut.values['rrule'])
    else:
        plan_after = recurrence.moved_series(rest, at, to)
    shift = to - wall
    exdates = {wall + shift for wall in series.values['exdates'] if recurrence.instant_of(wall, plan.zone) > at}
    values = series.values | cut.values
    values |= {'start': plan_after.start, 'timezone': plan.zone, 'rrule': plan_after.rule}
    values['exdates'] = tuple(sorted(exdates | set(cut.values['exdates'])))
    whole = series.uid.partition(SPLIT_MARK)[0]
    uid = series.uid if before is None else f'{whole}{SPLIT_MARK}{compact_iso(at.astimezone(UTC))}'
    after = replace(cut, uid=uid, values=values, recurrence_at=None, recurrence_zone='', signature='')
    return before, after, shift


def _ended(series: Draft, at: datetime) -> Draft:
    plan = _plan_of(series)
    exdates = tuple(wall for wall in series.values['exdates'] if recurrence.instant_of(wall, plan.zone) < at)
    rule = recurrence.rule_ending_before(plan, at)
    return replace(series, values={**series.values, 'rrule': rule, 'exdates': exdates}, signature='')


def _excluded(series: Draft | None, overrides: Sequence[Draft], missing: Iterable[tuple[datetime, str]]) -> list[Draft]:
    """Return all drafts, with the replaced and the missing occurrences excluded from the series."""
    if series is None:
        return [*overrides]
    if series.values.get('rrule') is None:
        return [series, *overrides]
    zone = series.values['timezone']
    walls = {draft.recurrence_at for draft in overrides} | {in_zone(wall, own, zone) for wall, own in missing}
    if not walls:
        return [series]
    exdates = tuple(sorted({*series.values['exdates'], *(wall for wall in walls if wall is not None)}))
    return [replace(series, values={**series.values, 'exdates': exdates}), *overrides]


def rules_as_one(rules: Sequence[str], start: datetime, zone: str) -> list[str]:
    """Return fewer rules with the same occurrences: two that differ in one list, such as the weekdays, are joined.

    >>> rules_as_one(['FREQ=WEEKLY;BYDAY=MO', 'FREQ=WEEKLY;BYDAY=WE'], datetime(2026, 10, 5, 16), 'Europe/Berlin')
    ['FREQ=WEEKLY;BYDAY=MO,WE']

    :raises Unreadable: if occurrences would be doubled, or a rule cannot be read
    """
    try:
        read = [read_rule(rule) for rule in dict.fromkeys(rules)]
    except RuleError as error:
        raise Unreadable(_('has a rule that cannot be read: {error}', error=error)) from error
    read = _fewest(read)
    texts = [write_rule(rule) for rule in read]
    days = _COMPARED_SUB_DAILY if any(rule.freq.is_sub_daily for rule in read) else _COMPARED_DAYS
    begin = recurrence.instant_of(start, zone)
    end = begin + timedelta(days=days)
    found = {text: {*recurrence.occurrences(recurrence.Plan(start, zone, text), begin, end)} for text in texts}
    texts = _without_contained(texts, found)
    for one, two in combinations(texts, 2):
        if not found[one].isdisjoint(found[two]):
            raise Unreadable(_('has two rules with common occurrences. Make each a separate series.'))
    return texts


def _without_contained(texts: Sequence[str], found: Mapping[str, Collection[datetime]]) -> list[str]:
    """Return the rules but for those whose occurrences one without end has, too, such as a weekly beside a daily one.

    :param found: the occurrences of each that are compared
    """
    kept = list(texts)
    for text in texts:
        others = [found[other] for other in kept if other != text and _is_endless(other)]
        if found[text] and any(set(found[text]) <= set(other) for other in others):
            kept.remove(text)
    return kept


def _fewest(rules: list[Rule]) -> list[Rule]:
    for one, two in combinations(rules, 2):
        joined = _joined(one, two)
        if joined is not None:
            return _fewest([joined, *(rule for rule in rules if rule not in (one, two))])
    return rules


def _joined(one: Rule, two: Rule) -> Rule | None:
    """Return the rule of both; None if no single rule has just their occurrences.

    Without BYSETPOS and COUNT the lists of a rule are independent conditions: RFC 5545, 3.3.10.
    """
    if one.positions or two.positions or one.count or two.count:
        return None
    names = [item.name for item in fields(Rule) if getattr(one, item.name) != getattr(two, item.name)]
    if len(names) != 1 or not isinstance(getattr(one, names[0]), tuple):
        return None
    lists = getattr(one, names[0]), getattr(two, names[0])
    joined: dict[str, Any] = {names[0]: tuple(sorted({*lists[0], *lists[1]}))}
    return replace(one, **joined) if all(lists) else None


def _plan_of(draft: Draft) -> recurrence.Plan:
    values = draft.values
    return recurrence.Plan(
        start=values['start'], zone=values['timezone'], rule=values['rrule'], exdates=frozenset(values['exdates'])
    )


def in_zone(wall: datetime, zone: str, wanted: str) -> datetime:
    """Return a naive wall time of one zone as that of another."""
    return wall if zone == wanted else recurrence.wall_of(recurrence.instant_of(wall, zone), wanted)
