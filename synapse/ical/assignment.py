"""Which work the events of a file get by the rules of a person, and what is new in them since they were last read.

What a person has changed by hand stays until the file or the rule says something else: so each event remembers what
both said last, in `Event.imported`.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from synapse.calendar.events import Event

from .import_rules import WORK, ImportRule, rule_for
from .series import Draft, series_among
from .trust import Sign

RuleFor = Callable[[Draft], ImportRule | None]
HOW = frozenset({'misfire', 'overlap', 'retry', 'timeout_seconds'})
"""What a file may say about how something runs."""
WHEN = frozenset({'start', 'timezone', 'rrule', 'exdates'})
_Key = tuple[str, datetime | None]


def by_rules(rules: Sequence[ImportRule], sign: Sign) -> RuleFor:
    """Return what finds the rule for an event of a file; what was exported here keeps its work."""
    return lambda draft: None if draft.is_signed(sign) else rule_for(rules, draft.name, draft.categories)


@dataclass(kw_only=True)
class Assignment:
    """The work of the events of one file.

    :param rule_for: returns the rule for an event; None if there are no rules at all
    :param source: the id of the subscribed calendar that the file is, if it is one
    :param others: the ids of the other ones
    :param turned_on: the events, by UID and replaced occurrence, that a person has reviewed and switches on
    """

    rule_for: RuleFor | None = None
    source: str = ''
    others: Collection[str] = ()
    turned_on: Collection[_Key] = ()
    _rules: dict[_Key, ImportRule] = field(default_factory=dict)
    _read: dict[_Key, dict[str, str]] = field(default_factory=dict)

    def assigned(self, drafts: Sequence[Draft], known: Event | None, *, named: str | None) -> Sequence[Draft]:
        """Return the events of a UID with the work of their rule: overrides inherit that of their series.

        :param known: their series in the calendar
        :param named: the pipeline that the file names
        """
        self._read |= {_key(draft): _fingerprints(draft) for draft in drafts}
        series = series_among(drafts)
        rule = self._rule(series or drafts[0], known, named) if series is not None or known is None else None
        if rule is None:
            return drafts
        self._rules |= {_key(draft): rule for draft in drafts}
        return [_with_work(draft, rule if draft is series or series is None else None) for draft in drafts]

    def _rule(self, head: Draft, known: Event | None, named: str | None) -> ImportRule | None:
        is_made_here = known is not None and not known.uid
        if self.rule_for is None or head.is_cancelled or is_made_here:
            return None
        rule = self.rule_for(head)
        has_work = bool(named) or (known is not None and not _rule_part(known))
        return None if rule is not None and rule.when == 'any' and has_work else rule

    def is_turned_on(self, draft: Draft) -> bool:
        return _key(draft) in self.turned_on

    def rule_of(self, draft: Draft) -> ImportRule | None:
        return self._rules.get(_key(draft))

    def is_all_of_a_person(self, draft: Draft) -> bool:
        """Whether a rule says all that the event runs, and the file only when."""
        return self.rule_of(draft) is not None and HOW.isdisjoint(draft.values)

    def is_new_rule(self, draft: Draft, event: Event) -> bool:
        rule = self.rule_of(draft)
        return rule is not None and rule.fingerprint != _rule_part(event)

    def news(self, draft: Draft, event: Event) -> frozenset[str]:
        """Return the names of the values of a draft that are news: all but what file or rule have said before."""
        names = frozenset(draft.values)
        if self.source:
            told = set(event.imported.partition('.')[0].split(','))
            parts = self._read.get(_key(draft), {})
            known = {field for field, part in parts.items() if part in told}
            names = frozenset(name for name in names if _field_of(name) not in known)
        if self.rule_of(draft) is None:
            return names
        work = frozenset(WORK).intersection(draft.values) if self.is_new_rule(draft, event) else frozenset()
        return names.difference(WORK) | work

    def memory(self, draft: Draft) -> dict[str, Any]:
        """Return the fields of an event by which the next import knows what it was told."""
        rule = self.rule_of(draft)
        if rule is None and not self.source:
            return {}
        read = ','.join(self._read.get(_key(draft), {}).values())
        told = f'{read}.{"" if rule is None else rule.fingerprint}'
        return {'imported': told} | ({'source': self.source} if self.source else {})

    def is_foreign(self, group: Mapping[datetime | None, Event]) -> bool:
        """Whether events of this UID were made here or belong to another calendar: then this one leaves them alone."""
        if not self.source:
            return False
        series = group.get(None)
        is_made_here = series is not None and not series.uid
        return is_made_here or any(event.source in self.others for event in group.values())

    def owns(self, event: Event) -> bool:
        """Whether the event goes if the file no longer has it."""
        return not self.source or event.source == self.source


def _key(draft: Draft) -> _Key:
    return draft.uid, draft.replaced


def _with_work(draft: Draft, rule: ImportRule | None) -> Draft:
    if draft.is_cancelled:
        return draft
    values = {name: value for name, value in draft.values.items() if name not in WORK}
    return replace(draft, values=values if rule is None else values | rule.work)


def _field_of(name: str) -> str:
    """Return what a person changes as one: an exception makes sense only for the times that it is one of."""
    return 'when' if name in WHEN else name


def _fingerprints(draft: Draft) -> dict[str, str]:
    """Return the short digest of each field that a file says something about."""
    told: dict[str, list[Any]] = {'when': [draft.recurrence_at]}
    for name, value in sorted(draft.values.items()):
        told.setdefault(_field_of(name), []).append(value)
    texts = {field: json.dumps([field, *values], sort_keys=True, default=str) for field, values in told.items()}
    return {field: hashlib.sha256(text.encode()).hexdigest()[:10] for field, text in texts.items()}


def _rule_part(event: Event) -> str:
    return event.imported.partition('.')[2]
