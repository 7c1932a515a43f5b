"""What a person or a program says about a channel becomes one, or a sentence for each field that does not fit."""

import asyncio
import json
import secrets
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from synapse.errors import Invalid
from synapse.language import N_, _, in_thread, translated
from synapse.sealed import Seal

from .address import checked_address, shown_address, why_refused
from .kinds import default_kinds, kinds
from .records import MAX_LABEL, Channel
from .sending import Standby, why_not_started

MAX_WORDS = 100
TYPED_COMMAND = '/usr/local/bin/tell-me --loud'
LISTED_COMMAND = '["/usr/local/bin/tell-me", "--loud"]'
_FIELDS = frozenset({'id', 'label', 'url', 'command', 'kinds', 'enabled'})
_OUTCOME = ('last_error', 'last_error_at', 'last_sent_at')
_READ_ONLY = frozenset({*_OUTCOME, 'waiting'})
_WORDS = {
    'id': N_('Use letters, digits, - and _, at most 64.'),
    'label': N_('Give a name of at most 80 characters.'),
    'url': N_('Give an address as text.'),
    'kinds': N_('Give a list of kinds.'),
    'enabled': N_('Give true or false.'),
}


class ChannelCheck:
    """Checks channels.

    :param seal: hides their addresses
    """

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self.standby = Standby()

    async def checked(self, item: Any, channels: Mapping[str, Channel]) -> Channel:
        """Return the channel that these values make; what they do not name stays as it is in `channels`.

        :raises Invalid: with a sentence for each invalid field
        """
        if not isinstance(item, Mapping):
            raise invalid({'channel': _('Give an object.')})
        values = {name: value for name, value in item.items() if name not in _READ_ONLY and value is not None}
        unknown = {
            name: _('There is no such field. Use {names}.', names=', '.join(sorted(_FIELDS)))
            for name in values.keys() - _FIELDS
        }
        if unknown:
            raise invalid(unknown)
        before = _known(values, channels)
        url, shown, command = await self._way(values, before)
        start = before or Channel.model_construct(
            id=values.get('id') or secrets.token_hex(6), kinds=default_kinds(), label='', enabled=True
        )
        label = values.get('label', start.label)
        given = {
            'id': start.id,
            'label': label.strip() or _label_of(shown, command) if isinstance(label, str) else label,
            'url': url,
            'shown': shown,
            'command': command,
            'kinds': values.get('kinds', start.kinds),
            'enabled': values.get('enabled', start.enabled),
        }
        try:
            channel = Channel.model_validate(given)
        except ValidationError as error:
            names = [str(part['loc'][0]) for part in error.errors()]
            raise invalid({name: translated(_WORDS[name]) for name in names}) from None
        strange = [kind for kind in channel.kinds if kind not in kinds()]
        if strange:
            known = ', '.join(kinds())
            text = _('{kind!r} is no kind of alert. Use some of {known}.', kind=strange[0], known=known)
            raise invalid({'kinds': text})
        is_same = before is not None and (before.url, before.command) == (url, command)
        kept = {name: getattr(before, name) for name in _OUTCOME} if is_same else {}
        return channel.changed(kinds=tuple(dict.fromkeys(channel.kinds)), **kept)

    async def _way(self, values: Mapping[str, Any], before: Channel | None) -> tuple[str, str, tuple[str, ...]]:
        """Return the sealed address, the shortened one, and the command: either of them is empty."""
        command, url = values.get('command') or (), values.get('url') or ''
        if not isinstance(url, str):
            raise invalid({'url': translated(_WORDS['url'])})
        if command:
            if url:
                raise invalid({'command': _('Give an address or a command, not both.')})
            words = _checked_command(command)
            is_new = before is None or before.command != words
            if is_new and (problem := await in_thread(why_not_started, words[0])):
                raise invalid(
                    {'command': _('{problem} Give the full path of a program that may be run.', problem=problem)}
                )
            return '', '', words
        is_way_kept = before is not None and (before.url or 'command' not in values) and url in ('', before.shown)
        if before is not None and is_way_kept:
            return before.url, before.shown, before.command
        address = checked_address(url)
        if error := await self.standby.check(address):
            raise invalid({'url': why_refused(address, error)})
        return await asyncio.to_thread(self._seal.sealed, address), shown_address(address), ()


def command_words(text: str) -> list[str]:
    """Return the words of a command as a person types it: a line as for a shell, or a list as JSON.

    :raises Invalid: for `command`
    """
    if text.lstrip().startswith('['):
        return _listed(text)
    try:
        words = shlex.split(text)
    except ValueError:
        raise invalid({'command': _('A quote is not closed.')}) from None
    if not words:
        raise invalid({'command': _('Enter a program.')})
    return words


def _listed(text: str) -> list[str]:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise invalid(
            {
                'command': _(
                    'This begins like a list but is none. Write {listed}, or {typed}.',
                    listed=LISTED_COMMAND,
                    typed=TYPED_COMMAND,
                )
            }
        )
    return words


def _known(values: Mapping[str, Any], channels: Mapping[str, Channel]) -> Channel | None:
    """Return the channel that is meant: the one with this id, else the only one with this shortened address."""
    if 'id' in values:
        return channels.get(str(values['id']))
    same = [channel for channel in channels.values() if channel.shown and channel.shown == values.get('url')]
    return same[0] if len(same) == 1 else None


def _checked_command(command: Any) -> tuple[str, ...]:
    if not isinstance(command, list | tuple) or not all(isinstance(word, str) for word in command):
        raise invalid({'command': _('Give a list: the program, then its arguments.')})
    if not command[0].strip() or len(command) > MAX_WORDS or any('\0' in word for word in command):
        raise invalid({'command': _('Give a program, then at most {count} arguments.', count=MAX_WORDS - 1)})
    return tuple(command)


def _label_of(shown: str, command: Sequence[str]) -> str:
    name = command[0].rpartition('/')[2] if command else shown.rstrip('/*')
    return name[:MAX_LABEL] or _('Channel')


def invalid(fields: Mapping[str, str]) -> Invalid:
    return Invalid(_('The channel was not saved.'), fields, _('Fix the named fields.'))
