"""What an import changes about an event, in sentences: what it was, and what it becomes."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from synapse.calendar.events import Event, work_in_words
from synapse.language import _, _n
from synapse.language.formats import moment
from synapse.recurrence import words as rule_words

from .plans import plan_of
from .writing import OPTIONS

MAX_MOMENTS = 3
"""How many occurrences are named that a series gains or loses."""


def differences(event: Event, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each difference, such as `02:30 → 04:30`; secrets are not shown.

    :param values: of the event after the import, those that change
    """
    after = event.model_dump() | dict(values)
    found = (
        []
        if after['title'] == event.title
        else [_('Title: “{before}” → “{after}”', before=event.title, after=after['title'])]
    )
    return (*found, *_of_times(event, after), *_of_work(event, after), *_of_options(event, after))


def _of_times(event: Event, after: Mapping[str, Any]) -> Iterator[str]:
    before, plan = event.plan, plan_of(after)
    if (before.rule, before.zone) != (plan.rule, plan.zone):
        yield _('Before: {before}', before=rule_words.in_words(before))
    elif before.start != plan.start:
        is_same_day = before.start.date() == plan.start.date()
        yield ' → '.join(f'{at:%H:%M}' if is_same_day else _moment(at) for at in (before.start, plan.start))
    else:
        yield from _of_exceptions(_('No longer on'), plan.exdates - before.exdates)
        yield from _of_exceptions(_('Again on'), before.exdates - plan.exdates)
    if event.override_at != after['override_at'] and event.override_at and after['override_at']:
        yield _(
            'Instead of the occurrence on {override_at} → {moment}',
            override_at=_moment(event.override_at),
            moment=_moment(after['override_at']),
        )


def _of_exceptions(words: str, walls: frozenset[datetime]) -> Iterator[str]:
    if walls:
        named = '; '.join(map(_moment, sorted(walls)[:MAX_MOMENTS]))
        if len(walls) > MAX_MOMENTS:
            named = _n('{named} and {count} more', '{named} and {count} more', len(walls) - MAX_MOMENTS, named=named)
        yield f'{words} {named}'


def _of_work(event: Event, after: Mapping[str, Any]) -> Iterator[str]:
    old = event.pipeline, event.parameters, event.profile
    new = after['pipeline'], after['parameters'], after['profile']
    if old != new:
        now = work_in_words(*new)
        gone = [line for line in work_in_words(*old) if line not in now]
        yield _('Ran before: {gone}', gone='; '.join(gone)) if gone else _('What it runs has other parameters')


def _of_options(event: Event, after: Mapping[str, Any]) -> Iterator[str]:
    before = event.model_dump()
    for name in OPTIONS:
        if name == 'enabled':
            continue
        old, new = before[name], after[name]
        new = {**old, **new} if isinstance(old, Mapping) and isinstance(new, Mapping) else new
        if old != new:
            yield f'{name.replace("_", " ").capitalize()}: {_shown(old)} → {_shown(new)}'


def _shown(value: Any) -> str:
    if value is None:
        return _('none')
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _moment(wall: datetime) -> str:
    return f'{moment("MMMEd", wall)} {wall.year}, {wall:%H:%M}'
