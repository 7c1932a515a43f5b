"""`python main.py queue`: says how the queue of the running control room is, and pauses, drains or resumes it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from synapse.durations import parse_duration
from synapse.language import _, _n, _p
from synapse.language.formats import moment
from synapse.recurrence.zones import zone as zone_of
from synapse.runs.causes import cause_words

from .arguments import CommandLine, fail
from .calls import Api
from .client import ask

MOST_RUNS, MOST_NAMED = 200, 5
"""How many waiting runs are asked for, and how many are named that wait for the same."""


def control_queue(command: CommandLine) -> int:
    """Do what the command says, and print how the queue is then; returns 1 if that fails."""
    body: dict[str, Any] = {'because': command.because} if command.because else {}
    end: dict[str, Any] = {}
    if command.action in ('pause', 'drain'):
        end = _end(command)
        body |= {'drain': True} if command.action == 'drain' else {}

    def answer(api: Api) -> str | None:
        status = api.get('status')
        zone = zone_of(status['timezone']['name'])
        if (until := end.get('until')) is not None:  # of the wall clock that all pages show
            body['until'] = (until if until.tzinfo else until.replace(tzinfo=zone)).isoformat()
        elif end:
            body.update(end)
        if command.action != 'show':
            status = api.post('queue/resume' if command.action == 'resume' else 'queue/pause', body)
        waiting = api.get(f'runs?state=queued&limit={MOST_RUNS}')['runs'] if status['queue']['waiting'] else []
        return '\n'.join([words_of(status['queue'], zone), *waits_of(waiting)])

    return ask(command.settings, answer)


def words_of(queue: Mapping[str, Any], zone: tzinfo) -> str:
    """Return `Paused until Thu 15 Oct 08:00 by a program: new disk. 1 running, 3 waiting.`"""
    running, waiting, held = queue['running'], queue['waiting'], queue.get('held', 0)
    counts = [_n('{count} running', '{count} running', running), _n('{count} waiting', '{count} waiting', waiting)]
    if held:
        counts.insert(1, _n('{count} paused', '{count} paused', held))
    state: str = _p('state of the queue', 'Open')
    if queue['paused']:
        state = _('Paused') if not queue.get('drain') else _('Drained') if queue['drained'] else _('Draining')
        if queue.get('until'):
            until = moment('MMMEdHm', datetime.fromisoformat(queue['until']).astimezone(zone))
            state = _('{state} until {moment}', state=state, moment=until)
        by, because = cause_words(queue.get('by', '')), cause_words(queue.get('because', ''))
        state = _('{state} by {someone}', state=state, someone=by) if by else state
        state += f': {because}' if because else ''
    return f'{state}. {", ".join(counts)}.'


def waits_of(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return `Run #77 waits for a machine with gpu 1.`, a line for all that wait for the same."""
    numbers: dict[str, list[int]] = {}
    for run in sorted(runs, key=lambda run: int(run['number'])):
        if run.get('waits_for'):
            numbers.setdefault(run['waits_for'], []).append(run['number'])
    return [_waiting(found, what) for what, found in numbers.items()]


def _waiting(numbers: Sequence[int], what: str) -> str:
    names: str = ', '.join(f'#{number}' for number in numbers[:MOST_NAMED])
    if len(numbers) > MOST_NAMED:
        names = _('{names} and others', names=names)
    return _n('Run {names} waits for {what}.', 'Runs {names} wait for {what}.', len(numbers), names=names, what=what)


def _end(command: CommandLine) -> dict[str, Any]:
    if command.length:
        try:
            return {'seconds': parse_duration(command.length)}
        except ValueError:
            fail(_('--for takes a length such as 15m or 1h30m, not {length}.', length=command.length), 2)
    if command.until:
        try:
            return {'until': datetime.fromisoformat(command.until)}
        except ValueError:
            fail(_("--until takes a time such as '2026-10-15 08:00', not {until}.", until=command.until), 2)
    return {}
