"""A run as a row of the list: what `static/run_list.js` shows of it."""

from typing import Any

from pages.parts.html import look_of
from pages.parts.words import (
    day_and_clock_of,
    millis,
    moment_of,
    pipeline_color,
    pipeline_title,
    profile_label,
    time_so_far,
    title_of,
)
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.runs.causes import cause_words
from synapse.runs.records import RunRecord, RunState

from .run_words import state_in_list


def row_of(room: ControlRoom, run: RunRecord) -> dict[str, Any]:
    title = title_of(room, run)
    pipeline = pipeline_title(room, run.pipeline) if run.subject else ''
    words = state_in_list(room, run)
    if run.state is RunState.QUEUED and not run.is_stopping:
        words = _('Waiting since {time}', time=moment_of(room, run.created_at))
    since = None if run.state.is_final or run.held_at else run.started_at
    active, begun = run.active_step, run.started_at
    return {
        'number': run.number,
        'id': run.id,
        'href': f'/runs/{run.number}',
        'look': look_of(run.state),
        'title': title,
        'color': pipeline_color(room, run.pipeline),
        'facts': ' · '.join(filter(None, [pipeline, profile_label(room, run.profile), cause_words(run.because)])),
        'state': words,
        'percent': None if active is None else round(active.progress, 1),
        'took': '' if since else time_so_far(run),
        'since': millis(since) if since else None,
        'when': day_and_clock_of(room, begun) if begun else '',
    }
