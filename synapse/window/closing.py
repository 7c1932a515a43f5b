"""The question when the window is closed: whether Synapse goes on in the background, or stops with its runs."""

import json
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from synapse.cli.calls import Api, Refused
from synapse.language import _, _n

SCRIPT = Path(__file__).with_name('question.js')
MOST_NAMED = 3
FAILED = (Refused, HTTPException, OSError, ValueError)


def question(api: Api) -> str | None:
    """Return the script that asks, in the words of this language; None if Synapse cannot be reached."""
    try:
        runs = api.get('runs?state=running&limit=500')['runs']
    except FAILED:
        return None
    return f'({SCRIPT.read_text(encoding="utf-8").rstrip()})({json.dumps(words_for(runs))})'


def words_for(runs: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the words of the question.

    :param runs: those that are running, newest first, as the API describes them
    """
    lines = [_('Without the window it goes on with its runs and starts what is planned. If it stops, nothing starts.')]
    if runs:
        named = ', '.join(f'#{run["number"]} {run["pipeline"]}' for run in runs[:MOST_NAMED])
        rest = ' …' if len(runs) > MOST_NAMED else ''
        running = _n(
            '{count} run is running: {named}', '{count} runs are running: {named}', len(runs), named=named + rest
        )
        lines = [running, *lines, _('When it stops, running steps have 10 s to end.')]
    return {
        'title': _('Keep Synapse running in the background?'),
        'lines': lines,
        'stop': _('Stop Synapse'),
        'background': _('Keep running'),
        'stay': _('Cancel'),
    }


def stop(api: Api) -> str:
    """Ask Synapse to stop; returns what is wrong if it does not take that, otherwise nothing."""
    try:
        api.post('stop', {})
    except FAILED as error:
        return _('It was not stopped: {reason}', reason=error)
    return ''
