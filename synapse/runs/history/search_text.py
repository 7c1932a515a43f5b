"""What a run is searched by: its names and values as people see them, and nothing that is secret."""

from collections.abc import Iterator, Mapping
from typing import Any

from storage.logs.text import folded
from synapse.catalog.catalog import Catalog
from synapse.profiles import Profiles
from synapse.scrubber import Scrubber, masked, secret_values
from synapse.sealed import is_sealed

LONGEST = 4_000
LONGEST_PART = 1_000
_LOOKED_AT = 20_000
"""What hides secrets looks at more than is kept: a password must not be cut away from the address that tells it."""

_ALSO_CALLED = {'queued': 'waiting', 'cancelled': 'stopped'}
"""What people read for these states."""


class SearchTexts:
    """Makes these texts, in any thread, once `renew` was called on the event loop."""

    def __init__(self, catalog: Catalog, profiles: Profiles) -> None:
        self._catalog, self._profiles = catalog, profiles
        self._secrets: dict[str, list[str]] = {}
        self._scrubber = Scrubber()

    def renew(self) -> None:
        """Leave out the present secrets of all profiles from now on."""
        secrets = {profile.id: secret_values(self._profiles.secrets_of(profile.id)) for profile in self._profiles.all()}
        if secrets != self._secrets:
            scrubber = Scrubber()
            scrubber.hide('profiles', [value for values in secrets.values() for value in values])
            self._secrets, self._scrubber = secrets, scrubber

    def __call__(self, run: Mapping[str, Any]) -> str:
        """Return the text of a run as a document, without case."""
        return folded('\n'.join(filter(None, map(self._cleaned, self._parts(run))))[:LONGEST])

    def _cleaned(self, part: str) -> str:
        return self._scrubber.text(masked(part[:_LOOKED_AT]))[:LONGEST_PART]

    def _parts(self, run: Mapping[str, Any]) -> Iterator[str]:
        name = str(run['pipeline'])
        yield str(run.get('subject') or '')
        yield from (self._catalog.title_of(name), name, str(run.get('profile') or ''), str(run.get('because') or ''))
        yield str(run['id'])
        yield str(run.get('machine') or '')
        yield self._state(run)
        yield str((run.get('question') or {}).get('text') or '')
        error = run.get('error') or {}
        yield from (str(error.get(part) or '') for part in ('reason', 'message'))
        yield from (str(artifact['name']) for artifact in run.get('artifacts') or ())
        hidden = self._hidden_names(name)
        for parameter, value in run.get('parameters', {}).items():
            if parameter not in hidden:
                yield ' '.join(_words(value))

    def _state(self, run: Mapping[str, Any]) -> str:
        state = str(run['state'])
        failed = next((step['name'] for step in run.get('steps') or () if step['state'] == 'failed'), None)
        if state == 'failed' and failed is not None:
            state = f'failed at {self._step_title(str(run["pipeline"]), failed)} {failed}'
        return f'{state} {_ALSO_CALLED.get(state, "")}'

    def _step_title(self, pipeline: str, step: str) -> str:
        info = self._catalog.find(pipeline)
        return next((str(item['title']) for item in info.steps if item['name'] == step), '') if info is not None else ''

    def _hidden_names(self, pipeline: str) -> set[str]:
        info = self._catalog.find(pipeline)
        fields = info.schema.get('properties', {}) if info is not None else {}
        return {name for name, field in fields.items() if field.get('writeOnly') or field.get('format') == 'password'}


def _words(value: Any) -> Iterator[str]:
    """The texts in a value. Of a mapping only the names: it is often an environment, and its values tokens."""
    if isinstance(value, str):
        yield '' if is_sealed(value) else value
    elif isinstance(value, Mapping):
        yield from map(str, value)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _words(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
