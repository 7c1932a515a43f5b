"""The rules that give imported events their work: which pipeline runs, with which values and as whom.

Most calendars name no pipeline, so a person says once what their events stand for. The rules are kept, and apply to
each file that is imported and each calendar that is subscribed to. The first one that fits counts.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from storage.documents import Documents
from storage.files import StorageError
from synapse.bus import Bus, Message
from synapse.errors import DiskIsFull, Invalid, SynapseError
from synapse.language import _
from synapse.profiles import Profiles
from synapse.records import Record
from synapse.runs.records import RunRequest
from synapse.runs.starting.creation import NewRuns
from synapse.sealed import SHOWN, has_sealed, masked
from synapse.sentences import sentence_of

MAX_RULES = 100
WORK = ('pipeline', 'parameters', 'profile')
"""What a rule decides."""
_DOCUMENT = 'import_rules'


@dataclass(frozen=True, slots=True)
class ImportRulesChanged(Message):
    """Other rules are kept."""


class ImportRule(Record):
    """Gives work to the events whose title contains a text, to those of a category, or to all that name none."""

    when: Literal['title', 'category', 'any']
    text: str = Field(default='', max_length=200)
    """Upper and lower case are the same."""
    pipeline: str = Field(min_length=1, max_length=200)
    parameters: dict[str, Any] = Field(default_factory=dict)
    profile: str | None = None

    @model_validator(mode='after')
    def _has_text(self) -> Self:
        if self.when != 'any' and not self.text.strip():
            raise ValueError(_('Say which events.'))
        return self

    @property
    def words(self) -> str:
        """`Title contains “backup”`."""
        text = self.text.strip()
        return {
            'title': _('Title contains “{text}”', text=text),
            'category': _('Category is “{text}”', text=text),
            'any': _('Any other event'),
        }[self.when]

    @property
    def work(self) -> dict[str, Any]:
        return {'pipeline': self.pipeline, 'parameters': dict(self.parameters), 'profile': self.profile}

    @property
    def fingerprint(self) -> str:
        """Differs for different work."""
        return hashlib.sha256(json.dumps(self.work, sort_keys=True).encode()).hexdigest()[:16]

    def fits(self, title: str, categories: Sequence[str]) -> bool:
        wanted = self.text.strip().casefold()
        if self.when == 'title':
            return wanted in title.casefold()
        return self.when == 'any' or any(wanted == category.strip().casefold() for category in categories)

    def shown(self) -> dict[str, Any]:
        """Return it as JSON without secrets."""
        return self.as_json() | {'parameters': masked(self.parameters)}


def rule_for(rules: Sequence[ImportRule], title: str, categories: Sequence[str]) -> ImportRule | None:
    """Return the rule that counts for an event; one for any event comes after all others."""
    fitting = [rule for rule in rules if rule.fits(title, categories)]
    return next((rule for rule in fitting if rule.when != 'any'), fitting[0] if fitting else None)


class ImportRules:
    """The rules that are kept. Use it on the event loop only."""

    def __init__(self, documents: Documents, *, profiles: Profiles, new_runs: NewRuns, bus: Bus) -> None:
        self.notices: list[str] = []
        self._documents = documents
        self._profiles = profiles
        self._new_runs = new_runs
        self._bus = bus
        self._writing = asyncio.Lock()
        self.rules = self._read()

    async def checked(self, values: Mapping[str, Any]) -> ImportRule:
        """Return the rule with these values, its secrets sealed; dots stand for a secret that a kept rule has.

        :raises Invalid: with a sentence for each invalid field, `parameters.NAME` among them
        """
        try:
            rule = ImportRule.model_validate(dict(values))
        except ValidationError as error:
            fields = {'.'.join(map(str, item['loc'])) or 'text': sentence_of(item) for item in error.errors()}
            raise _invalid(fields) from None
        rule = rule.changed(text=rule.text.strip(), parameters=self._with_kept_secrets(rule))
        if rule.profile is not None and self._profiles.find(rule.profile) is None:
            raise _invalid({'profile': _('No profile has the id {profile!r}.', profile=rule.profile)})
        try:
            checked = await self._new_runs.check(RunRequest(rule.pipeline, rule.parameters, profile=rule.profile))
        except Invalid as error:
            raise _invalid({f'parameters.{name}': sentence for name, sentence in error.fields.items()}) from error
        except SynapseError as error:
            raise _invalid({'pipeline': f'{error.message} {error.hint}'.strip()}) from error
        sealed = {name: checked[name] for name in rule.parameters if has_sealed(checked.get(name))}
        return rule.changed(parameters={**rule.parameters, **sealed})

    async def set(self, rules: Sequence[Mapping[str, Any]]) -> tuple[ImportRule, ...]:
        """Keep these rules instead of the present ones.

        :raises Invalid: for the first invalid one, see `checked`
        :raises DiskIsFull: if they could not be saved; the present ones stay
        """
        if len(rules) > MAX_RULES:
            raise Invalid(
                _('At most {max_rules} rules are kept.', max_rules=MAX_RULES), {'rules': _('Remove some first.')}
            )
        async with self._writing:
            checked = tuple([self._kept(values) or await self.checked(values) for values in rules])
            document = {'items': [rule.as_json() for rule in checked]}
            try:
                await asyncio.to_thread(self._documents.put, _DOCUMENT, document)
            except StorageError as error:
                raise DiskIsFull(_('The rules could not be saved: {error}', error=error)) from error
            self.rules = checked
        self._bus.publish(ImportRulesChanged())
        return checked

    def _kept(self, values: Mapping[str, Any]) -> ImportRule | None:
        """Return the kept rule with these values: it needs no check, and may have become invalid since."""
        return next((rule for rule in self.rules if values in (rule.as_json(), rule.shown())), None)

    def _with_kept_secrets(self, rule: ImportRule) -> dict[str, Any]:
        kept = next((item for item in self.rules if (item.when, item.text) == (rule.when, rule.text.strip())), None)
        known = {} if kept is None else kept.parameters
        return {
            name: known[name] if value == SHOWN and name in known else value for name, value in rule.parameters.items()
        }

    def _read(self) -> tuple[ImportRule, ...]:
        saved: Any = (self._documents.get(_DOCUMENT) or {}).get('items')
        found = []
        for item in saved if isinstance(saved, list) else []:
            try:
                found.append(ImportRule.model_validate(item))
            except ValidationError:
                self.notices.append(_('A rule for imports could not be read and is left out. See it on Settings.'))
        return tuple(found)


def _invalid(fields: dict[str, str]) -> Invalid:
    return Invalid(_('This rule is not possible.'), fields, _('Fix the named fields.'))
