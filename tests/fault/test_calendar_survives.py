"""kill -9 at 210 random moments of firing and editing: acknowledged changes are kept, and events fire once."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.planned import recurring
from storage.documents import Documents
from synapse.recurrence import occurrences
from tests.fault.calendar_lives import closed, opened
from tests.parts.harness import ROOT

LIVES = 70

History = tuple[dict[tuple[str, datetime], dict[str, Any]], list[tuple[str, datetime]]]
"""Rows of the ledger, and the runs created: an event and when it was due."""


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_calendar_survives_being_killed_again_and_again(tmp_path: Path) -> None:
    folders = [tmp_path / str(seed) for seed in (1, 2, 3)]
    _plan_many(folders[-1])
    command = [sys.executable, '-m', 'tests.fault.calendar_lives']
    running = [subprocess.Popen([*command, str(folder), str(LIVES), folder.name], cwd=ROOT) for folder in folders]
    codes = [process.wait() for process in running]

    assert codes == [0, 0, 0]
    for folder in folders:
        asyncio.run(_check(folder))


def _plan_many(folder: Path) -> None:
    """Plan so many events that changes go to a journal; none of them falls due within hours."""
    folder.mkdir(mode=0o700)
    documents = Documents(folder / 'events.json')
    documents.change({event['id']: event for event in recurring(200)})
    documents.close()


async def _check(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / 'acknowledged.jsonl').read_text().splitlines()]
    now = datetime.now(UTC)  # what falls due from here on may still be on its way into the ledger
    room = await opened(folder)
    try:
        events = {event.id: event for event in room.calendar.events()}
        dues = {(event.id, due) for event in events.values() for due in occurrences(event.plan, event.armed_from, now)}
        owed = {(event_id, due) for event_id, due in dues if due > events[event_id].armed_from}
        rows, runs = await _settled_history(folder, owed)
        unaccounted = owed - set(rows)

        assert room.calendar.notices == []
        assert list(folder.glob('*.corrupt-*')) == []
        assert _lost(lines, set(events)) == set()
        assert _wrong_titles(lines, {event.id: event.title for event in events.values()}) == {}
        assert unaccounted == set()
        # One-shot events that were not changed again fell due, whatever happened around that moment.
        assert _never_due(lines, rows, now) == set()
        assert [key for key, count in Counter(runs).items() if count > 1] == [], 'claimed twice'
        assert set(runs) <= set(rows), 'a run without its row'
        assert {row['state'] for row in rows.values()} <= {'fired', 'missed', 'skipped', 'cancelled'}
        assert all(row['run'] or row['reason'] for row in rows.values()), 'a row without a run or a reason'
        assert sum(row['state'] == 'fired' for row in rows.values()) > 20, 'too little happened to prove anything'
    finally:
        await closed(room)


async def _settled_history(folder: Path, owed: set[tuple[str, datetime]]) -> History:
    """Wait while this start accounts for what is owed: it goes on behind the first answer, and claims before it fires.

    After ten seconds, which it never needs, the history is returned as it is.
    """
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        rows, runs = _history(folder)
        is_settled = owed <= set(rows) and not any(row['state'] == 'claimed' for row in rows.values())
        if is_settled or asyncio.get_running_loop().time() > deadline:
            return rows, runs
        await asyncio.sleep(0.02)


def _history(folder: Path) -> History:
    with sqlite3.connect(folder / 'runs.db') as connection:
        assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
        rows = [json.loads(text) for (text,) in connection.execute('SELECT document FROM occurrences')]
        runs = [json.loads(text) for (text,) in connection.execute('SELECT document FROM runs')]
    connection.close()
    accounted = {(row['event_id'], datetime.fromisoformat(row['due'])): row for row in rows}
    return accounted, [(run['event_id'], datetime.fromisoformat(run['due'])) for run in runs]


def _lost(lines: list[dict[str, Any]], known: set[str]) -> set[str]:
    created = {line['event'] for line in lines if line['what'] == 'created'}
    deleting = {line['event'] for line in lines if line['what'] == 'deleting'}
    assert not {line['event'] for line in lines if line['what'] == 'deleted'} & known, 'deleted events came back'
    return created - deleting - known


def _wrong_titles(lines: list[dict[str, Any]], titles: dict[str, str]) -> dict[str, str]:
    """Events whose title is neither the last acknowledged one nor one being saved after it."""
    possible: dict[str, set[str]] = {}
    for line in lines:
        if line['what'] in ('created', 'changed'):
            possible[line['event']] = {line['title']}
        elif line['what'] == 'changing' and line['event'] in possible:
            # An event whose creation was never acknowledged may have had any title before.
            possible[line['event']].add(line['title'])
    return {id: title for id, title in titles.items() if id in possible and title not in possible[id]}


def _never_due(lines: list[dict[str, Any]], rows: dict[tuple[str, datetime], Any], now: datetime) -> set[str]:
    touched = {line['event'] for line in lines if line['what'] in ('changing', 'deleting', 'moving')}
    moments = {
        line['event']: datetime.fromisoformat(line['start']).replace(tzinfo=UTC)
        for line in lines
        if line['what'] == 'created' and line['rule'] is None and line['event'] not in touched
    }
    past = {id: due for id, due in moments.items() if due < now - timedelta(seconds=1)}
    return {id for id, due in past.items() if (id, due) not in rows}
