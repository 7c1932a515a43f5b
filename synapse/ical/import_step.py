"""One event that an import creates or changes: what is written, and what a person is shown of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from synapse import recurrence
from synapse.calendar.events import Event
from synapse.records import Record
from synapse.recurrence import words as rule_words

from .differences import differences
from .import_result import ImportedEvent
from .import_rules import WORK, ImportRule
from .plans import plan_of
from .series import Draft
from .writing import OPTIONS


@dataclass(kw_only=True)
class ImportStep:
    """An event to be created or, if there is an `event`, changed.

    :param id: of an event that comes back
    """

    draft: Draft
    values: dict[str, Any]
    stamps: dict[str, Any]
    event: Event | None = None
    id: str = ''
    is_held: bool = False
    rule: str = ''

    def __post_init__(self) -> None:
        self.id = self.id or (secrets.token_hex(6) if self.event is None else self.event.id)

    def as_imported(self, now: datetime, rule: ImportRule | None = None) -> ImportedEvent:
        """:param rule: the one that gave it its work"""
        before = {} if self.event is None else self.event.model_dump()
        given = {name: value for name, value in self.values.items() if value is not None or self.event is not None}
        values = {'parameters': {}, 'profile': None, 'enabled': True} | before | given
        plan = plan_of(values)
        following = recurrence.next_after(plan, now)
        return ImportedEvent(
            id=self.id,
            uid=self.draft.uid,
            replaces=self.draft.replaced,
            is_new=self.event is None,
            title=values.get('title') or values['pipeline'],
            **{name: values[name] for name in ('pipeline', 'parameters', 'profile', 'enabled')},
            sentence=rule_words.in_words(plan),
            next=following[0] if following else None,
            is_held=self.is_held,
            rule=self.rule,
            doubt=self.draft.doubt,
            is_all_of_rule=rule is not None and _is_all_of(rule, values),
            changes=() if self.event is None else differences(self.event, given),
        )

    def all_values(self, series: Mapping[str, str]) -> dict[str, Any]:
        """:param series: the ids of series by UID"""
        values = {**self.values, **self.stamps}
        if self.event is not None:
            return values
        values |= {'uid': self.draft.uid}
        if self.draft.recurrence_at is None:
            return values
        return values | {'override_at': self.draft.recurrence_at, 'override_of': series.get(self.draft.uid)}


def _is_all_of(rule: ImportRule, values: Mapping[str, Any]) -> bool:
    """Whether nothing of what an event runs, or how, comes from anywhere but the rule."""
    usual = {name: Event.model_fields[name].get_default(call_default_factory=True) for name in OPTIONS}
    usual = {name: value.model_dump() if isinstance(value, Record) else value for name, value in usual.items()}
    is_usual = all(values.get(name, value) == value for name, value in usual.items() if name != 'enabled')
    return is_usual and rule.work == {name: values[name] for name in WORK}
