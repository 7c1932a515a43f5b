"""Profiles: the named identities of runs, a document each; their secrets are in one private file."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from storage.damage import Damage
from storage.documents import Documents
from storage.files import DiskFull
from synapse.language import N_, _, _n, in_thread
from synapse.language.formats import listed

from .bus import Bus, Message
from .destinations import DestinationError, check_destination
from .destinations.address import checked_address, without_login
from .destinations.errors import HostKey
from .destinations.known_hosts import accept
from .destinations.trial import Trial, try_out
from .errors import Conflict, DiskIsFull, Invalid, NotFound
from .profile_secrets import ProfileSecrets, is_of_programs
from .records import Record
from .sentences import sentence_of

MASK = '***'
DEFAULT_ID = 'default'
COLORS = ('#a78bfa', '#22d3ee', '#f472b6', '#bef264', '#93a4bf', '#e0b989')
"""Offered, and assigned in turn: identity colours of the design, which never stand for a state."""

_WORDS = {
    'missing': N_('Give a value.'),
    'string_too_short': N_('Give a value.'),
    'extra_forbidden': N_('A profile has no such field.'),
}
_USERS: Mapping[str, Callable[[int], str]] = {
    'event': lambda count: _n('{count} event', '{count} events', count),
    'watch folder': lambda count: _n('{count} watch folder', '{count} watch folders', count),
}
Problems = Awaitable[Mapping[str, str]]
_SECRET_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]{0,63}')


@dataclass(frozen=True, slots=True)
class ProfileChanged(Message):
    """A profile was `created`, `updated` or `deleted`."""

    change: str
    profile: 'Profile'


class Profile(Record):
    """The identity of a run. Values of `secrets` are always `***`; `Profiles.secrets_of` returns the real ones."""

    id: str
    label: str = Field(min_length=1, max_length=80)
    color: str = COLORS[0]
    icon: str = 'profiles'
    destination: str
    """An absolute folder or an address such as `sftp://host/folder`, without user and password."""
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Values for parameters with these names, in any pipeline."""
    secrets: dict[str, str] = Field(default_factory=dict)

    @field_validator('label', mode='before')
    @classmethod
    def _trimmed(cls, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    @field_validator('color')
    @classmethod
    def _is_color(cls, value: str) -> str:
        if not re.fullmatch(r'#[0-9a-fA-F]{6}', value):
            raise ValueError(_('Give a colour as six hex digits, such as #a78bfa.'))
        return value.lower()

    @field_validator('icon')
    @classmethod
    def _is_icon(cls, value: str) -> str:
        if not re.fullmatch(r'[a-z0-9_-]{1,40}', value):
            raise ValueError(_('Give the name of an icon, in lower case.'))
        return value

    @field_validator('destination')
    @classmethod
    def _is_destination(cls, value: str) -> str:
        try:
            return check_destination(value)
        except DestinationError as error:
            raise ValueError(f'{error.message} {error.hint}'.strip()) from error

    @field_validator('defaults')
    @classmethod
    def _is_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(_('Use only text, numbers, true, false, lists and objects.')) from None
        address = value.get('destination')
        if isinstance(address, str) and without_login(address)[0] != address:
            raise ValueError(_('Enter user and password of a destination in their own fields.'))
        return value


class Profiles:
    """All profiles, in the order of their creation. Use it on the event loop; the disk is written in threads.

    :param in_use: returns what needs a profile, by kind, such as the titles of events; these prevent its deletion
    :param wrong: returns a sentence for each default parameter that pipelines refuse
    """

    def __init__(
        self,
        documents: Documents,
        secrets_path: Path,
        bus: Bus,
        in_use: Callable[[str], Mapping[str, Sequence[str]]] = lambda _: {},
        wrong: Callable[[Mapping[str, Any]], Problems] | None = None,
    ) -> None:
        self._documents = documents
        self._secrets_path = secrets_path
        self._bus = bus
        self._writing = asyncio.Lock()
        self._notices: list[str] = []
        self._secrets = ProfileSecrets(secrets_path, documents.get)
        self._taken_ids: set[str] = set()
        self._profiles = self._read_profiles()
        self._in_use = in_use
        self._wrong = wrong

    @property
    def notices(self) -> list[str]:
        """What could not be read, a sentence each."""
        return [*self._documents.notices, *self._secrets.notices, *self._notices]

    @property
    def damage(self) -> Damage | None:
        """Whether the secrets were found damaged."""
        return self._secrets.damage

    async def start(self) -> None:
        """Create the profile `default` in a new data folder; it delivers to the folder `published` in it."""
        if not self._taken_ids:
            await self._save(Profile(id=DEFAULT_ID, label=_('Default'), destination=str(self.default_destination)), {})

    @property
    def default_destination(self) -> Path:
        return self._secrets_path.parent / 'published'

    @property
    def known_hosts(self) -> Path:
        """The file of the SSH host keys that were accepted for destinations."""
        return self._secrets_path.parent / 'known_hosts'

    def all(self) -> list[Profile]:
        return [*self._profiles.values()]

    def find(self, id: str) -> Profile | None:
        return self._profiles.get(id)

    def get(self, id: str) -> Profile:
        """:raises NotFound: `profile_not_found`"""
        profile = self._profiles.get(id)
        if profile is None:
            raise NotFound(
                'profile_not_found', _('No profile has the id {id!r}.', id=id), _('Pick one of GET /api/v1/profiles.')
            )
        return profile

    def secrets_of(self, id: str) -> dict[str, str]:
        """The real values: only for the process of a run and the scrubber of its log, never to be shown."""
        self.get(id)
        return self._secrets.of(id)

    def in_use(self, id: str) -> bool:
        """Whether something needs this profile, so that it cannot be deleted."""
        return any(self._in_use(id).values())

    async def create(self, data: Mapping[str, Any]) -> Profile:
        """Create a profile; its id comes from `data`, else from its label.

        User and password in its destination become secrets.

        :raises Invalid: with a sentence for each field that does not fit
        :raises Conflict: `profile_exists`, if `data` names an id that is taken
        """
        async with self._writing:
            values = {'destination': '', 'color': COLORS[len(self._profiles) % len(COLORS)], **data}
            id = values.pop('id', None) or self._free_id(str(values.get('label', '')))
            if not isinstance(id, str) or not re.fullmatch(r'[A-Za-z0-9_-]{1,64}', id):
                raise _invalid({'id': _('Use letters, digits, - and _, at most 64.')})
            if id in self._taken_ids:
                raise Conflict(
                    'profile_exists', _('A profile already has the id {id!r}.', id=id), _('Give another id or none.')
                )
            secrets = _merged_secrets({}, values.pop('secrets', {})) | _login_in(values)
            profile = self._checked({**values, 'id': id}, secrets)
            await self._check_defaults(profile.defaults, {})
            await _check_folder(profile)
            await self._save(profile, secrets)
        self._bus.publish(ProfileChanged('created', profile))
        return profile

    async def update(self, id: str, data: Mapping[str, Any]) -> Profile:
        """Change the fields in `data`. In `secrets`, `***` keeps a value, null removes it, and unnamed ones are kept.

        :raises NotFound: `profile_not_found`
        :raises Invalid: with a sentence for each field that does not fit
        """
        async with self._writing:
            before = self.get(id)
            values = dict(data)
            if values.pop('id', id) != id:
                raise _invalid({'id': _('An id cannot be changed. Create another profile instead.')})
            secrets = _merged_secrets(self._secrets.of(id), values.pop('secrets', {})) | _login_in(values)
            profile = self._checked({**before.model_dump(), **values}, secrets)
            await self._check_defaults(profile.defaults, before.defaults)
            if profile.destination != before.destination:
                await _check_folder(profile)
            await self._save(profile, secrets)
        self._bus.publish(ProfileChanged('updated', profile))
        return profile

    async def try_destination(self, id: str | None, data: Mapping[str, Any]) -> Trial:
        """Try a destination as it would be with these changes to a profile; nothing is saved.

        :param id: None for a profile that does not exist yet
        :param data: `destination` and `secrets` as in `update`
        :raises NotFound: `profile_not_found`
        :raises Invalid: if a secret does not fit
        """
        values = {'destination': self.get(id).destination if id is not None else '', **data}
        known = self._secrets.of(id) if id is not None else {}
        secrets = _merged_secrets(known, values.pop('secrets', {})) | _login_in(values)
        address = values['destination'] or str(self.default_destination)
        return await try_out(address, secrets, str(self.known_hosts))

    async def accept_host_key(self, key: HostKey) -> None:
        """Trust the SSH server that shows this key from now on.

        :raises Invalid: if it isn't a key
        """
        try:
            async with self._writing:
                await in_thread(accept, self.known_hosts, key)
        except (ValueError, IndexError):
            raise Invalid(
                _('That is not the key of a host.'), {'key': _('Give the key that a trial has returned.')}
            ) from None

    async def delete(self, id: str) -> None:
        """Delete a profile and its secrets; runs that used it keep its id.

        :raises NotFound: `profile_not_found`
        :raises Conflict: `last_profile`, since a run needs somewhere to deliver to, or `profile_in_use`
        """
        async with self._writing:
            profile = self.get(id)
            if len(self._profiles) == 1:
                raise Conflict(
                    'last_profile',
                    _('{label} is the only profile.', label=profile.label),
                    _('Create another one first.'),
                )
            users = {kind: titles for kind, titles in self._in_use(id).items() if titles}
            if users:
                titles = [title for kind in users.values() for title in kind]
                counts = listed([_USERS[kind](len(found)) for kind, found in users.items()])
                words = {'profile': profile.label, 'counts': counts, 'titles': ', '.join(titles[:3])}
                text = _('{profile} is used by {counts}: {titles}.', **words)
                if (left := len(titles) - 3) > 0:
                    text = _n(
                        '{profile} is used by {counts}: {titles} and {count} more.',
                        '{profile} is used by {counts}: {titles} and {count} more.',
                        left,
                        **words,
                    )
                raise Conflict('profile_in_use', text, _('Give them another profile, or delete them first.'))
            await asyncio.to_thread(self._remove, id)
            self._secrets.take(id, {})
            del self._profiles[id]
            self._taken_ids.discard(id)
            await asyncio.to_thread(self._secrets.settle)
        self._bus.publish(ProfileChanged('deleted', profile))

    def _checked(self, values: dict[str, Any], secrets: Mapping[str, str]) -> Profile:
        if values.get('destination') in ('', None):
            values['destination'] = str(self.default_destination)
        try:
            return Profile.model_validate({**values, 'secrets': dict.fromkeys(secrets, MASK)})
        except ValidationError as error:
            places = {'.'.join(map(str, item['loc'])) or 'profile': item for item in error.errors()}
            raise _invalid({name: sentence_of(item, _WORDS) for name, item in places.items()}) from None

    async def _check_defaults(self, defaults: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Check those that are not as before: a pipeline that has changed since must not prevent other changes."""
        given = {name: value for name, value in defaults.items() if not isinstance(value, str) or value.strip()}
        changed = {name: value for name, value in given.items() if name not in before or before[name] != value}
        problems = await self._wrong(changed) if changed and self._wrong is not None else {}
        if problems:
            raise _invalid({f'defaults.{name}': sentence for name, sentence in problems.items()})

    def _free_id(self, label: str) -> str:
        plain = unicodedata.normalize('NFKD', label).encode('ascii', 'ignore').decode()  # Ação is acao
        stem = re.sub(r'[^a-z0-9]+', '-', plain.lower()).strip('-')[:50] or 'profile'
        names = (stem if count == 1 else f'{stem}-{count}' for count in range(1, len(self._taken_ids) + 2))
        return next(name for name in names if name not in self._taken_ids)

    async def _save(self, profile: Profile, secrets: dict[str, str]) -> None:
        try:
            await asyncio.to_thread(self._write, profile, secrets)
        except DiskFull as error:
            raise DiskIsFull(_('The profile {label} was not saved: the disk is full.', label=profile.label)) from error
        self._secrets.take(profile.id, secrets)
        self._profiles[profile.id] = profile
        self._taken_ids.add(profile.id)
        await asyncio.to_thread(self._secrets.settle)

    def _write(self, profile: Profile, secrets: dict[str, str]) -> None:
        document = profile.model_dump(mode='json', exclude={'secrets'})
        self._secrets.prepare(profile.id, document, secrets)
        self._documents.put(profile.id, document)

    def _remove(self, id: str) -> None:
        self._secrets.prepare(id, None, {})
        self._documents.remove(id)

    def _read_profiles(self) -> dict[str, Profile]:
        profiles = {}
        for document in self._documents.all():
            id = str(document.get('id', ''))
            self._taken_ids.add(id)
            try:
                secrets = dict.fromkeys(self._secrets.of(id), MASK)
                profiles[id] = Profile.model_validate({**document, 'secrets': secrets})
            except ValidationError as error:
                problem = sentence_of(error.errors()[0], _WORDS)
                self._notices.append(
                    _('The profile {id!r} is left out: {problem} Fix it in profiles.json.', id=id, problem=problem)
                )
        return profiles


async def _check_folder(profile: Profile) -> None:
    """:raises Invalid: if a file is where a destination on this machine should be"""
    try:
        await in_thread(checked_address, profile.destination)
    except ValueError as error:
        raise _invalid({'destination': str(error)}) from None


def _login_in(values: dict[str, Any]) -> dict[str, str]:
    """Take user and password out of the destination among the values, and return them as secrets."""
    if not isinstance(values.get('destination'), str):
        return {}
    values['destination'], found = without_login(values['destination'])
    return found


def _merged_secrets(before: Mapping[str, str], change: Any) -> dict[str, str]:
    """The secrets after a change as in the API.

    :raises Invalid: naming each invalid secret, never its value
    """
    if not isinstance(change, Mapping):
        raise _invalid({'secrets': _('Give an object of names and values.')})
    secrets = dict(before)
    problems: dict[str, str] = {}
    for name, value in change.items():
        if not isinstance(name, str) or not _SECRET_NAME.fullmatch(name):
            problems['secrets'] = _('Names of secrets are letters, digits and _, and do not start with a digit.')
        elif value is None:
            secrets.pop(name, None)
        elif value == MASK:
            if name not in before:
                problems[f'secrets.{name}'] = _('It has no value yet. Give one.')
        elif not isinstance(value, str) or not value.strip():
            problems[f'secrets.{name}'] = _('Give some text, or null to remove it.')
        elif is_of_programs(name):
            problems[f'secrets.{name}'] = _(
                'Programs need the variable {name}, and this would take its place for each of them. '
                'Give the secret another name.',
                name=name,
            )
        else:
            secrets[name] = value
    if problems:
        raise _invalid(problems)
    return secrets


def _invalid(fields: dict[str, str]) -> Invalid:
    return Invalid(_('The profile was not saved.'), fields, _('Correct the marked fields.'))
