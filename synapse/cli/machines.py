"""`python main.py machines`: says how the machines of the running control room are, and lets one join, rest or go."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import quote

from synapse import cluster_packages
from synapse.language import _, _n
from synapse.language.formats import moment
from synapse.offers import needs_words
from synapse.recurrence.zones import zone as zone_of
from synapse.sizes import size_of

from .arguments import CommandLine, fail
from .calls import Api
from .client import ask
from .following import say

FOR_ALL = ('show', 'open', 'shut')
"""What is not done to one machine."""
ANSWER_SECONDS, INSTALL_SECONDS = 60.0, 600.0
"""How long an answer may take, and one before which packages come."""


def control_machines(command: CommandLine) -> int:
    """Do what the command says, and print how the machines are then; returns 1 if that fails."""
    if (command.action in FOR_ALL) == bool(command.machine):
        fail(_('Give the name of a machine after drain, resume or remove, and only there.'), 2)
    path = f'machines/{quote(command.machine, safe="")}'

    def answer(api: Api) -> str | None:
        if command.action == 'open':
            return _line_of(api)
        if command.action == 'shut':
            api.post('cluster/shut', {})
        elif command.action == 'remove':
            api.delete(path)
        elif command.action != 'show':
            api.post(f'{path}/{command.action}', {})
        zone = zone_of(api.get('status')['timezone']['name'])
        return '\n'.join(words_of(machine, zone) for machine in api.items('machines'))

    return ask(command.settings, answer, timeout=INSTALL_SECONDS if command.action == 'open' else ANSWER_SECONDS)


def _line_of(api: Api) -> str | None:
    """Let other machines join; return what to type there, or None after saying why they cannot."""
    if not cluster_packages.are_installed():
        say(_('Installing what it needs, a minute or less ...'))
    cluster = api.post('cluster/open', {})
    if not cluster['command']:
        say(cluster['problem'] or _('The scheduler of the cluster is not there yet.'))
        return None
    return str(cluster['command'])


def words_of(machine: Mapping[str, Any], zone: tzinfo) -> str:
    """Return `annex: 2 places, gpu 1, 1 run, CPU 12 %, 3.0 GB of 16.0 GB of memory used, 200 GB of disk free, ...`."""
    if machine['problem']:
        return f'{machine["name"]}: {machine["problem"]}'
    if machine['state'] == 'lost':
        at = datetime.fromisoformat(machine['since']).astimezone(zone)
        since = f'{moment("yMMMd", at)}, {moment("Hm", at)}'
        return f'{machine["name"]}: {_("no contact since {moment}", moment=since)}'
    facts = [
        _n('{count} place', '{count} places', machine['places']),
        *([needs_words(machine['labels'])] if machine['labels'] else []),
        _n('{count} run', '{count} runs', len(machine['runs'])),
    ]
    if machine['state'] == 'draining':
        facts.append(_('gets no new runs'))
    if load := machine['load']:
        percent = _('{percent} %', percent=f'{load["cpu_percent"]:.0f}')
        used, total = size_of(load['memory_used_bytes']), size_of(load['memory_bytes'])
        facts.append(_('CPU {percent}', percent=percent))
        facts.append(_('{used} of {total} of memory used', used=used, total=total))
        facts.append(_('{size} of disk free', size=size_of(load['disk_free_bytes'])))
        facts.append(f'Synapse {machine["version"]}, Python {machine["python"]}')
    return f'{machine["name"]}: {", ".join(facts)}'
