"""What differs between two runs, or between a run and the same run now: pure functions, a sentence for each thing."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from pydantic import Field

from synapse.durations import clock
from synapse.language import N_, _, translated
from synapse.records import Record
from synapse.runs.made_of import MOST_INPUTS, InputFile, MadeOf
from synapse.runs.records import RunRecord, StepRun, StepState
from synapse.runs.transitions import label_of
from synapse.sealed import SHOWN, has_sealed, masked
from synapse.sizes import size_of

LESS_SPACE = 0.9
"""Free space is named where less than this fraction of it is left."""
OTHER_SPEED = 1.5
OTHER_SECONDS = 2.0
"""A step took another time if it differs by this factor and by these seconds."""
LONGEST_SHOWN = 60

Document = Mapping[str, Any]
Documents = Mapping[str, Document]


class ChangeKind(StrEnum):
    """What a change is about, in the order in which changes are listed."""

    PARAMETER = 'parameter'
    INPUT = 'input'
    PROFILE = 'profile'
    CODE = 'code'
    PACKAGE = 'package'
    PYTHON = 'python'
    SYNAPSE = 'synapse'
    LIMIT = 'limit'
    DISK = 'disk'
    STEP = 'step'


class Change(Record):
    """One thing that differs. `before` and `after` are null where there is nothing, or where it is not to be shown."""

    kind: ChangeKind
    name: str
    before: Any = None
    after: Any = None
    text: str
    file: str = Field(default='', exclude=True)
    """Of a change of an input: the name of its file."""


class Unknown(Record):
    """What can't be compared, and why."""

    kind: ChangeKind
    text: str


@dataclass(frozen=True, slots=True)
class Side:
    """A run with what it was made of, and the documents that this names."""

    run: RunRecord
    made_of: MadeOf | None
    documents: Documents


Compare = Callable[[Document, Document], Iterable[Change]]


def changes_between(before: Side, after: Side) -> tuple[list[Change], list[Unknown]]:
    """Return what differs, and what can't be compared."""
    if lost := next((side.run for side in (before, after) if side.run.is_recovered), None):
        return [], [lost_of(lost)]
    unknown: list[Unknown] = []
    changes = [*_parameters(before.run, after.run), *_limits(before.run, after.run), *_steps(before.run, after.run)]
    if before.made_of is None or after.made_of is None:
        changes += _another_profile(before.run, after.run)
        unknown += _unrecorded(before, after)
    else:
        old, new = before.made_of, after.made_of
        changes += _inputs(before.run, old, after.run, new)
        changes += _profiles(before, old, after, new, unknown)
        changes += _documents(ChangeKind.CODE, _code, (before, old.code), (after, new.code), unknown)
        changes += _documents(ChangeKind.PACKAGE, _versions, (before, old.versions), (after, new.versions), unknown)
        changes += _disk(old, new)
        if MOST_INPUTS in (len(old.inputs), len(new.inputs)):
            unknown.append(
                Unknown(
                    kind=ChangeKind.INPUT,
                    text=_('Only the first {most} files are compared.', most=MOST_INPUTS),
                )
            )
    order = [*ChangeKind]
    return sorted(changes, key=lambda change: order.index(change.kind)), unknown


def lost_of(run: RunRecord) -> Unknown:
    """What is not known of a run whose record was lost."""
    what = _('parameters, profile, limits, code, packages, input files, free disk')
    text = _('What #{number} was started with, which was lost in a damaged file: {what}.', number=run.number, what=what)
    return Unknown(kind=ChangeKind.PARAMETER, text=text)


def _documents(
    kind: ChangeKind, compare: Compare, old: tuple[Side, str], new: tuple[Side, str], unknown: list[Unknown]
) -> Iterator[Change]:
    """Compare two documents by their keys: equal ones have equal keys."""
    (before, old_key), (after, new_key) = old, new
    if old_key == new_key:
        return
    then, now = before.documents.get(old_key), after.documents.get(new_key)
    if then is None or now is None:
        unknown.append(Unknown(kind=kind, text=translated(_NO_LONGER_KEPT[kind])))
    else:
        yield from compare(then, now)


_NO_LONGER_KEPT = {
    ChangeKind.PROFILE: N_('The values of the profile of then are no longer kept.'),
    ChangeKind.CODE: N_('The files of the code of then are no longer kept.'),
    ChangeKind.PACKAGE: N_('The versions of packages of then are no longer kept.'),
}


def _unrecorded(before: Side, after: Side) -> Iterator[Unknown]:
    for side in (before, after):
        if side.made_of is None:
            number = side.run.number
            text = _(
                'What #{number} was made of was not recorded: code, packages, profile, input files, free disk.',
                number=number,
            )
            if side.run.started_at is None:
                text = _('#{number} has not started, so what it is made of is not known yet.', number=number)
            yield Unknown(kind=ChangeKind.CODE, text=text)


# Parameters and files


def _parameters(before: RunRecord, after: RunRecord) -> Iterator[Change]:
    yield from _differing(_without_folder(before), _without_folder(after), '')


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        one, two = old.get(name), new.get(name)
        if one == two:
            continue
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            yield from _differing(one, two, f'{prefix}{name}.')
            continue
        is_secret = has_sealed(one) or has_sealed(two)
        text = f'{prefix}{name}: {shown(one)} → {shown(two)}'
        text = _('{name} was changed', name=f'{prefix}{name}') if is_secret else text
        sides = [SHOWN if is_secret and value else masked(value) for value in (one, two)]
        yield Change(kind=ChangeKind.PARAMETER, name=f'{prefix}{name}', before=sides[0], after=sides[1], text=text)


def shown(value: Any) -> str:
    """Return a value as sentences show it, shortened."""
    if value is None or value in ('', [], {}):
        return _('nothing')
    if isinstance(value, bool):
        return _('yes') if value else _('no')
    text = ' '.join(map(str, value)) if isinstance(value, list) else str(value)
    text = ' '.join(text.split())
    return text if len(text) <= LONGEST_SHOWN else f'{text[: LONGEST_SHOWN - 1].rstrip()}…'


def _without_folder(run: RunRecord) -> dict[str, Any]:
    """Return the parameters with only the names of files that the run took over, which are in a folder of its own."""
    return {name: _named(value, run) for name, value in run.parameters.items()}


def _named(value: Any, run: RunRecord) -> Any:
    if isinstance(value, str) and run.id in value:
        return re.sub(rf'^.*[/\\]{re.escape(run.id)}[/\\](?:work[/\\]inputs[/\\])?', '', value)
    if isinstance(value, list):
        return [_named(item, run) for item in value]
    return {name: _named(item, run) for name, item in value.items()} if isinstance(value, Mapping) else value


def _inputs(before: RunRecord, old: MadeOf, after: RunRecord, new: MadeOf) -> Iterator[Change]:
    then, now = _by_place(before, old.inputs), _by_place(after, new.inputs)
    for place in dict.fromkeys([*then, *now]):
        name, path, is_own = place
        one, two = then.get(place), now.get(place)
        file = PurePath(path).name
        text = _what_changed(file, one, two, is_own=is_own)
        # A file of another name is another value of its parameter, which is listed already.
        if text and ((one and two) or _is_same(before, after, name)):
            sides = {'before': _facts(one), 'after': _facts(two)}
            yield Change(kind=ChangeKind.INPUT, name=name, **sides, text=text, file=file)


def _by_place(run: RunRecord, files: tuple[InputFile, ...]) -> dict[tuple[str, str, bool], InputFile]:
    return {(file.name, _named(file.path, run), run.id in file.path): file for file in files}


def _is_same(before: RunRecord, after: RunRecord, name: str) -> bool:
    return bool(_named(before.parameters.get(name), before) == _named(after.parameters.get(name), after))


def _facts(file: InputFile | None) -> dict[str, Any] | None:
    return {'size': file.size, 'changed_at': file.as_json()['changed_at']} if file else None


def _what_changed(name: str, one: InputFile | None, two: InputFile | None, *, is_own: bool) -> str:
    if one is None or two is None:
        return _('{name} is gone', name=name) if two is None else _('{name} was not there then', name=name)
    if one.size != two.size:
        sizes = f'{size_of(one.size)} → {size_of(two.size)}'
        return _('{name} has another size: {sizes}', name=name, sizes=sizes)
    if one.digest != two.digest:
        return _('{name} has other content of the same size', name=name)
    if not is_own and one.changed_at != two.changed_at:
        return _('{name} was written again; its size, beginning and end are the same', name=name)
    return ''


# Profile, code, versions, disk


def _another_profile(before: RunRecord, after: RunRecord) -> Iterator[Change]:
    one, two = before.profile, after.profile
    if one != two:
        text = _('Profile: {before} → {after}', before=shown(one), after=shown(two))
        yield Change(kind=ChangeKind.PROFILE, name='profile', before=one, after=two, text=text)


def _profiles(before: Side, old: MadeOf, after: Side, new: MadeOf, unknown: list[Unknown]) -> Iterator[Change]:
    name = after.run.profile
    if before.run.profile != name:
        yield from _another_profile(before.run, after.run)
    elif old.profile and not new.profile:
        yield Change(kind=ChangeKind.PROFILE, name='profile', before=name, text=_('Profile {name} is gone', name=name))
    else:

        def compare(then: Document, now: Document) -> Iterator[Change]:
            return _profile(then, now, str(name), unknown)

        yield from _documents(ChangeKind.PROFILE, compare, (before, old.profile), (after, new.profile), unknown)


def _profile(then: Document, now: Document, profile: str, unknown: list[Unknown]) -> Iterator[Change]:
    if then.get('key') != now.get('key'):
        text = _('Whether the profile was changed: the key of this data folder is another one since then.')
        unknown.append(Unknown(kind=ChangeKind.PROFILE, text=text))
        return
    if then.get('destination') != now.get('destination'):
        text = _('The destination of profile {profile} was changed', profile=profile)
        yield Change(kind=ChangeKind.PROFILE, name='destination', text=text)
    for field, noun in (
        ('defaults', N_('The default {name} of profile {profile}')),
        ('secrets', N_('The secret {name} of profile {profile}')),
    ):
        for name, fate in _fates(then.get(field, {}), now.get(field, {})):
            text = _said(fate, translated(noun).format(name=name, profile=profile))
            yield Change(kind=ChangeKind.PROFILE, name=f'{field}.{name}', text=text)


def _code(then: Document, now: Document) -> Iterator[Change]:
    for path, how in _fates(then, now):
        sides = {'before': then.get(path), 'after': now.get(path)}
        yield Change(kind=ChangeKind.CODE, name=path, **sides, text=_said(how, PurePath(path).name))


def _fates(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, 'new' if name not in old else 'gone' if name not in new else 'changed'


def _said(fate: str, name: str) -> str:
    if fate == 'new':
        return _('{name} is new', name=name)
    return _('{name} is gone', name=name) if fate == 'gone' else _('{name} was changed', name=name)


def _versions(then: Document, now: Document) -> Iterator[Change]:
    for kind, title in ((ChangeKind.PYTHON, 'Python'), (ChangeKind.SYNAPSE, 'Synapse')):
        one, two = then.get(kind), now.get(kind)
        if one != two:
            yield Change(kind=kind, name=str(kind), before=one, after=two, text=f'{title} {one} → {two}')
    old, new = then.get('packages', {}), now.get('packages', {})
    for name, how in _fates(old, new):
        one, two = old.get(name), new.get(name)
        text = f'{name} {one} → {two}' if one and two else _said(how, f'{name} {two or one}')
        yield Change(kind=ChangeKind.PACKAGE, name=name, before=one, after=two, text=text)


def _disk(old: MadeOf, new: MadeOf) -> Iterator[Change]:
    one, two = old.free_bytes, new.free_bytes
    if one is not None and two is not None and two < LESS_SPACE * one:
        text = _('Free disk: {before} → {after}', before=size_of(one), after=size_of(two))
        yield Change(kind=ChangeKind.DISK, name='free_bytes', before=one, after=two, text=text)


# Limits and steps


def _limits(before: RunRecord, after: RunRecord) -> Iterator[Change]:
    for name, title in (
        ('timeout_seconds', _('The time it may take, in seconds')),
        ('stop_signal', _('Its stop signal')),
        ('grace_seconds', _('The seconds it has to stop')),
    ):
        one, two = getattr(before, name), getattr(after, name)
        if one != two:
            text = f'{title}: {shown(one)} → {shown(two)}'
            yield Change(kind=ChangeKind.LIMIT, name=name, before=one, after=two, text=text)


def _steps(before: RunRecord, after: RunRecord) -> Iterator[Change]:
    names = [step.name for step in before.steps], [step.name for step in after.steps]
    if names[0] != names[1]:
        text = _(
            'Steps: {before} → {after}',
            before=', '.join(label_of(name, before.pipeline) for name in names[0]),
            after=', '.join(label_of(name, after.pipeline) for name in names[1]),
        )
        yield Change(kind=ChangeKind.STEP, name='steps', before=names[0], after=names[1], text=text)
    known = {step.name: step for step in before.steps}
    for step in after.steps:
        one, two = _seconds(known.get(step.name)), _seconds(step)
        if one is None or two is None or step.is_kept or not _is_other_time(one, two, step):
            continue
        text = _(
            '{step} took {after}, before that {before}',
            step=label_of(step.name, after.pipeline),
            after=clock(two),
            before=clock(one),
        )
        yield Change(kind=ChangeKind.STEP, name=step.name, before=round(one, 3), after=round(two, 3), text=text)


def _seconds(step: StepRun | None) -> float | None:
    return step.worked_seconds(step.finished_at) if step is not None and step.finished_at is not None else None


def _is_other_time(one: float, two: float, step: StepRun) -> bool:
    if step.state is not StepState.SUCCEEDED and two < one:
        return False  # it did not get to its end
    return abs(one - two) >= OTHER_SECONDS and max(one, two) >= OTHER_SPEED * min(one, two)
