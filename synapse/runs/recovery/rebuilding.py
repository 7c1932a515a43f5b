"""Runs whose rows were lost in a damaged `runs.db`: rebuilt from their folders and from what the log says of them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.run_rescue import mend_runs
from storage.runs import RunStore, insert_runs
from synapse.language import LANGUAGES, _, _n, translated
from synapse.records import Problem
from synapse.runs.lines.lifecycle_log import (
    ENDED,
    ENDED_AFTER,
    FAILED_IN,
    FAILED_IN_AFTER,
    QUEUED,
    SOURCE,
    STARTED,
    UNQUEUED,
)
from synapse.runs.records import Artifact, RunRecord, RunState, StepRun, StepState

_AT_ONCE = 500
_WHAT = r'(?P<pipeline>\w+)(?:, (?P<subject>.*?))?'
_BECAUSE = r'(?: \((?P<because>.*)\))?'


Entries = list[Mapping[str, Any]]


def lost() -> Problem:
    """Return what is wrong with a run that was rebuilt."""
    return Problem(
        message=_('The record of this run was lost in a damaged file. This one was made of its log and its folder.'),
        hint=_('Its parameters are not known: start it again with those that you need.'),
    )


def rebuild(store: RunStore, ledger: Ledger, logs: LogStore, folder: Path) -> str:
    """Add the runs and rows of the ledger that can be told from the rest; return how many, empty for none.

    :param folder: of all run folders
    """
    with store.transaction() as connection:
        mend_runs(connection, _is_record)
    known, numbers = _known_in(store)
    lost = {id: entries for id, entries in _told_of(logs, known).items() if entries}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name not in known:
            lost.setdefault(path.name, [])
    first = min(numbers, default=0)
    runs: list[RunRecord] = []
    for id, entries in lost.items():
        has_folder = (folder / id).is_dir()
        run = _run_of(id, entries, folder / id if has_folder else None, _row_of(ledger, id))
        if has_folder or run.number > first:  # earlier ones were removed long ago
            runs.append(run)
    _save(store, _numbered(runs, numbers))
    rows = _rebuild_rows(store, ledger)
    if not runs and not rows:
        return ''
    if not rows:
        return _n(
            '{count} run rebuilt from the log and from folders.',
            '{count} runs rebuilt from the log and from folders.',
            len(runs),
        )
    return _n(
        '{count} run rebuilt from the log and from folders, and {moments} of the calendar from runs.',
        '{count} runs rebuilt from the log and from folders, and {moments} of the calendar from runs.',
        len(runs),
        moments=_n('{count} moment', '{count} moments', rows),
    )


def _is_record(text: str) -> bool:
    try:
        RunRecord.model_validate(json.loads(text))
    except ValueError:
        return False
    return True


def _known_in(store: RunStore) -> tuple[set[str], set[int]]:
    with store.reading() as connection:
        rows = connection.execute('SELECT id, number FROM runs UNION ALL SELECT id, number FROM traces').fetchall()
    return {id for id, _ in rows}, {number for _, number in rows}


def _told_of(logs: LogStore, known: set[str]) -> dict[str, Entries]:
    """Return what the log says of the runs that are not known, by id, oldest first."""
    found: dict[str, Entries] = {}
    for entry in logs.iterate(source=SOURCE):
        if entry['run'] and entry['run'] not in known:
            found.setdefault(entry['run'], []).append(entry)
    return {id: entries for id, entries in found.items() if _is_queued(entries[0])}


def _row_of(ledger: Ledger, id: str) -> Mapping[str, Any]:
    return ledger.of_run(id) or {}


def _run_of(id: str, entries: Entries, folder: Path | None, row: Mapping[str, Any]) -> RunRecord:
    queued = _found(_queued(), entries[0]) if entries else None
    said = queued.groupdict() if queued else {}
    times = [_moment(entry['timestamp']) for entry in entries] or [_changed_at(folder)]
    state = next((state for entry in reversed(entries) if (state := _end_in(entry))), RunState.INTERRUPTED)
    started = [_moment(entry['timestamp']) for entry in entries if _found(_started(), entry)]
    return RunRecord(
        id=id,
        number=int(said.get('number') or 0),
        pipeline=said.get('pipeline') or _pipeline_in(folder) or 'Unknown',
        profile=row.get('profile'),
        parameters={},
        state=state,
        because=said.get('because') or '',
        subject=said.get('subject') or '',
        event_id=row.get('event_id'),
        due=row.get('due'),
        steps=_steps_in(entries),
        artifacts=_artifacts_in(folder),
        error=lost(),
        is_recovered=True,
        created_at=times[0],
        started_at=started[0] if started else None,
        finished_at=times[-1],
    )


@cache
def _queued() -> list[re.Pattern[str]]:
    return _patterns(QUEUED, pipeline=_WHAT, because=_BECAUSE)


@cache
def _started() -> list[re.Pattern[str]]:
    return _patterns(STARTED)


@cache
def _ends() -> list[tuple[RunState, list[re.Pattern[str]]]]:
    """Return how the log says that a run has ended; what says more comes first."""
    texts = [(RunState.FAILED, FAILED_IN_AFTER), (RunState.FAILED, FAILED_IN), (RunState.CANCELLED, UNQUEUED)]
    texts += [*ENDED_AFTER.items(), *ENDED.items()]
    return [(state, _patterns(text)) for state, text in texts]


def _patterns(marked: str, **values: str) -> list[re.Pattern[str]]:
    """Return patterns of a text in all languages: the log is in that of its time."""
    found = []
    for chosen in LANGUAGES:
        pattern = re.escape(translated(marked, chosen))
        for name in re.findall(r'\{(\w+)\}', marked):
            pattern = pattern.replace(re.escape(f'{{{name}}}'), values.get(name, rf'(?P<{name}>.*?)'))
        found.append(re.compile(pattern, re.S))
    return found


def _found(patterns: list[re.Pattern[str]], entry: Mapping[str, Any]) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.fullmatch(entry['message']))), None)


def _is_queued(entry: Mapping[str, Any]) -> bool:
    return _found(_queued(), entry) is not None


def _end_in(entry: Mapping[str, Any]) -> RunState | None:
    return next((state for state, patterns in _ends() if _found(patterns, entry)), None)


def _steps_in(entries: Entries) -> tuple[StepRun, ...]:
    steps: dict[str, StepRun] = {}
    for entry in entries:
        rule, name = (entry['fields'] or {}).get('rule'), entry['step']
        if not rule or not name:
            continue
        at = _moment(entry['timestamp'])
        if rule == 'started':
            steps[name] = StepRun(name=name, state=StepState.CANCELLED, attempt=1, started_at=at, finished_at=at)
        elif rule in [*StepState]:
            before = steps.get(name, StepRun(name=name))
            progress = 100.0 if rule == StepState.SUCCEEDED else before.progress
            steps[name] = before.changed(state=StepState(rule), progress=progress, finished_at=at)
    return tuple(steps.values())


def _artifacts_in(folder: Path | None) -> tuple[Artifact, ...]:
    root = folder / 'artifacts' if folder else None
    if root is None or not root.is_dir():
        return ()
    return tuple(
        Artifact(
            name=path.relative_to(root).as_posix(),
            size=path.stat().st_size,
            media_type=guess_type(path.name)[0] or 'application/octet-stream',
        )
        for path in sorted(root.rglob('*'))
        if path.is_file() and not path.is_symlink()
    )


def _pipeline_in(folder: Path | None) -> str:
    try:
        return str(json.loads(((folder or Path()) / 'checkpoint.json').read_bytes())['pipeline'])
    except (OSError, ValueError, KeyError, TypeError):
        return ''


def _numbered(runs: Sequence[RunRecord], taken: set[int]) -> Iterator[RunRecord]:
    """Yield the runs with their numbers, or new ones where theirs are not known, oldest first."""
    taken = set(taken)
    following = max([*taken, *(run.number for run in runs)], default=0) + 1
    for run in sorted(runs, key=lambda run: run.created_at):
        number = run.number
        if not number or number in taken:
            number, following = following, following + 1
        taken.add(number)
        yield run.changed(number=number)


def _save(store: RunStore, runs: Iterator[RunRecord]) -> None:
    documents = [run.as_document() for run in runs]
    for begin in range(0, len(documents), _AT_ONCE):
        with store.transaction() as connection:
            insert_runs(connection, documents[begin : begin + _AT_ONCE])


def _rebuild_rows(store: RunStore, ledger: Ledger) -> int:
    """Add the rows of runs that fell due and have none: such a run has fired."""
    query = (
        "SELECT document FROM runs WHERE json_extract(document, '$.due') IS NOT NULL "
        'AND NOT EXISTS (SELECT 1 FROM occurrences WHERE run = runs.id)'
    )
    with store.reading() as connection:
        runs = [json.loads(text) for (text,) in connection.execute(query).fetchall()]
    rows = [
        {
            'event_id': run['event_id'],
            'due': run['due'],
            'state': 'fired',
            'fired_at': run['created_at'],
            'run': run['id'],
            'title': run.get('subject') or run['pipeline'],
            'pipeline': run['pipeline'],
            'profile': run.get('profile'),
        }
        for run in runs
        if run.get('event_id') and not run.get('retry_of')
    ]
    return len(ledger.account((row, None) for row in rows))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _changed_at(folder: Path | None) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime if folder else 0, UTC)
