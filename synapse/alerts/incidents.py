"""What an alert says of each kind of incident; `watch` decides when. Speaks the language it is called in."""

import shlex

from synapse.calendar.events import Occurrence
from synapse.damage import DamageReport
from synapse.language import _, _n, joined, own
from synapse.language.formats import number
from synapse.runs.ending import names_of
from synapse.runs.messages import LeftoversFound
from synapse.runs.records import RunRecord, Silence, Stall
from synapse.runs.transitions import label_of
from synapse.sentences import with_stop
from synapse.subscriptions.records import Subscription

from .alerts import AlertKind, Incident

MAX_SUBJECT = 48
MAX_TEXT = 400
MISSED, DISK, HELD, STOPPED, MOVED = 'missed', 'disk', 'held', 'stopped', 'moved'
SILENT, STALLED = 'silent', 'stalled'


def damage_incident(report: DamageReport) -> Incident:
    return Incident(
        key=key_of_damage(report),
        kind=AlertKind.FILE_DAMAGED,
        title=report.title,
        text=cut(sentences(report.recovered, report.missing, report.hint)),
        look='failed' if report.missing else 'warning',
        target='/',
        verb=_('Open dashboard'),
        crowd='damage',
    )


def key_of_damage(report: DamageReport) -> str:
    return f'damage {report.id}'


def unreadable_incident(calendar: Subscription) -> Incident:
    return Incident(
        key=key_of_calendar(calendar),
        kind=AlertKind.CALENDAR_UNREADABLE,
        title=_('The calendar {title} cannot be read', title=short(calendar.label)),
        text=joined(cut(calendar.error), _('Its events stay as they were.')),
        look='warning',
        target='/settings',
        verb=_('Open settings'),
    )


def key_of_calendar(calendar: Subscription) -> str:
    return f'calendar {calendar.id}'


def move_incident(sentence: str, *titles: str) -> Incident:
    sentence = own(sentence)
    return Incident(
        key=MOVED,
        kind=AlertKind.EVENTS_MOVED,
        title=sentence.partition(':')[0],
        text=cut(joined(sentence, _('Each keeps its wall time: {titles}', titles=', '.join(titles)))),
        look='warning',
        target='/scheduler',
        verb=_('Open calendar'),
    )


def silence_incident(run: RunRecord, silence: Silence, name: str) -> Incident:
    return Incident(
        key=f'{SILENT} {run.id}',
        kind=AlertKind.RUN_SILENT,
        title=_('{title} does not answer', title=short(name)),
        text=sentences(silence.message, silence.hint),
        look='warning',
        target=f'/runs/{run.number}',
        verb=_('Open run #{number}', number=run.number),
        run_number=run.number,
        crowd=f'runs of {run.pipeline}',
    )


def stall_incident(run: RunRecord, stall: Stall, key: str, name: str) -> Incident:
    return Incident(
        key=key,
        kind=AlertKind.RUN_STALLED,
        title=_('{title}: {step} is silent', title=short(name), step=label_of(stall.step, run.pipeline)),
        text=cut(sentences(stall.message, stall.hint)),
        look='warning',
        target=f'/runs/{run.number}',
        verb=_('Open run #{number}', number=run.number),
        run_number=run.number,
        crowd=f'runs of {run.pipeline}',
    )


def space_incident(run: RunRecord, name: str) -> Incident:
    return Incident(
        key=key_of_space(run),
        kind=AlertKind.SPACE_NEEDED,
        title=_('{title} has to wait', title=short(name)),
        text=cut(
            _(
                'Run #{number} needs {waits_for}. It starts by itself once that is there.',
                number=run.number,
                waits_for=run.waits_for,
            )
        ),
        look='warning',
        target=f'/runs/{run.number}',
        verb=_('Open run #{number}', number=run.number),
        run_number=run.number,
        crowd=f'runs of {run.pipeline}',
    )


def key_of_space(run: RunRecord) -> str:
    return f'space {run.pipeline}'


def incident_of_leftovers(message: LeftoversFound) -> Incident:
    """A program of an earlier start that could not be ended: a retry would work beside it."""
    run, count = message.run, len(message.leftovers)
    command = shlex.join(['sudo', 'kill', '-9', *(str(left.pid) for left in message.leftovers)])
    return Incident(
        key=f'left {run.id if run else ""}',
        kind=AlertKind.PROGRAMS_LEFT,
        title=_working(count, run),
        text=_n(
            'Synapse could not end {names}. Before you retry, end it in a terminal: {command}',
            'Synapse could not end {names}. Before you retry, end them in a terminal: {command}',
            count,
            names=names_of(message.leftovers),
            command=command,
        ),
        look='failed',
        target=f'/runs/{run.number}' if run else '/runs',
        verb=_('Open run #{number}', number=run.number) if run else _('Open runs'),
        run_number=run.number if run else 0,
    )


def _working(count: int, run: RunRecord | None) -> str:
    if run is None:
        return _n('A program of an earlier start still works', '{count} programs of an earlier start still work', count)
    return _n(
        'A program of run #{number} still works',
        '{count} programs of run #{number} still work',
        count,
        number=run.number,
    )


def hold_incident(notice: str) -> Incident:
    return Incident(
        key=HELD,
        kind=AlertKind.QUEUE_HELD,
        title=_('The queue is held: the disk is full'),
        text=joined(notice, _('Free some space, then waiting runs start by themselves.')),
        look='failed',
        target='/settings',
        verb=_('Free space'),
    )


def asking(title: str, step: str) -> str:
    return _('{title} asks at {step}', title=title, step=step) if step else _('{title} asks', title=title)


def ended(title: str, step: str, *, has_failed: bool) -> str:
    words = {'title': title, 'step': step}
    if has_failed:
        return _('{title} failed at {step}', **words) if step else _('{title} failed', title=title)
    return _('{title} was interrupted at {step}', **words) if step else _('{title} was interrupted', title=title)


def sentences(*parts: str) -> str:
    """Join the parts, each ending in a full stop if another one follows."""
    said = [part for part in parts if part.strip()]
    return joined(*map(with_stop, said[:-1]), *said[-1:])


def cut(text: str) -> str:
    """The beginning of a text that is too long for an alert; one that is not can still be said in another language."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT]


def short(text: str) -> str:
    """A subject cut to leave room for what happened: a command may be a whole program."""
    line = ' '.join(text.split())
    if line == text and len(line) <= MAX_SUBJECT:
        return text
    return line if len(line) <= MAX_SUBJECT else f'{line[: MAX_SUBJECT - 1].rstrip()}…'


def key_of_missed(occurrence: Occurrence) -> str:
    return f'{MISSED} {occurrence.event_id}'


def size_words(count: float) -> str:
    if count >= 1e9:
        return _('{size} GB', size=number(count / 1e9, digits=1))
    return _('{size} MB', size=number(count / 1e6, digits=0))
