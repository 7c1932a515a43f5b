"""What a card says of an occurrence beside the sentence. Knows no screen."""

from datetime import datetime

from pages.parts.html import WORDS
from pages.scheduler.parts.days import moment_words
from synapse.calendar.why import Why
from synapse.calendar.why_words import lateness
from synapse.language import _, _p

_STATES = {
    'planned': 'planned',
    'due': 'queued',
    'missed': 'missed',
    'overlap': 'skipped',
    'skipped': 'skipped',
    'cancelled': 'cancelled',
    'waiting': 'queued',
    'paused': 'paused',
    'pipeline_missing': 'failed',
    'pipeline_broken': 'failed',
    'profile_gone': 'failed',
    'file_asked': 'warning',
}


def state_of(answer: Why | None) -> str:
    """Return the state whose glyph stands for an answer."""
    if answer is None:
        return 'off'
    if answer.run_state is not None:
        return answer.run_state.value
    return 'succeeded' if answer.reason in ('ran', 'late') else _STATES.get(answer.reason, 'off')


def facts_of(answer: Why) -> list[tuple[str, str]]:
    """Return names and values: when it was planned, when it fired, how late, how it ended, and the policy."""
    facts: list[tuple[str, str]] = []
    if answer.due is not None:
        facts.append((_('Planned'), _moment(answer.due)))
    if answer.fired_at is not None:
        facts.append((_('Fired'), _moment(answer.fired_at, exact=True)))
    if answer.started_at is not None:
        started = _moment(answer.started_at, exact=True)
        words = _('{moment}, {late}', moment=started, late=lateness(answer.late_seconds))
        facts.append((_('Started'), words))
    if answer.run_state is not None:
        words = _('{state}, run #{number}', state=WORDS[answer.run_state], number=answer.run_number)
        facts.append((_('Outcome'), words))
    elif answer.state is not None and answer.run is None:
        facts.append((_('Outcome'), WORDS[answer.state]))
    nearest = [(_('Before'), answer.nearest.before), (_p('moment', 'After'), answer.nearest.after)]
    if answer.due is None:
        facts += [(name, _moment(moment)) for name, moment in nearest if moment is not None]
    if answer.policy:
        facts.append((_('Policy'), answer.policy))
    return facts


def _moment(local: datetime, *, exact: bool = False) -> str:
    """`Wed 14 Oct, 16:00`, or with seconds if they matter."""
    return f'{moment_words(local)}:{local:%S}' if exact or local.second else moment_words(local)
