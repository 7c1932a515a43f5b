"""No question to the history reads all of a table: what SQLite plans for each query that the stores send."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, timedelta
from itertools import product
from pathlib import Path

import pytest

from storage.daily_sums import DailySums
from storage.ledger import Ledger
from storage.past_plans import PastPlans
from storage.pruned_runs import PrunedRuns
from storage.runs import RunStore
from tests.storage.test_runs import START, at, ended

LATER = START + timedelta(days=1)


class History:
    def __init__(self, folder: Path) -> None:
        self.runs = RunStore(folder / 'runs.db')
        self.ledger = Ledger(self.runs)
        self.pruned = PrunedRuns(self.runs)
        self.sums = DailySums(self.runs)
        self.plans_before = PastPlans(self.runs)
        self.plan = {'event_id': 'e', 'since': at(0), 'until': at(1)}
        self.run = ended(self.runs, 1, 10)
        self.row = {'event_id': 'e', 'due': at(0), 'state': 'claimed', 'run': 'r1'}
        self.ledger.account([(self.row, None)])
        self.sums.between(START.date(), START.date(), UTC)

    def plans(self, ask: Callable[['History'], object]) -> list[str]:
        """The steps that SQLite takes for what `ask` asks."""
        asked: list[str] = []
        with self.runs.reading() as connection:
            connection.set_trace_callback(asked.append)
        ask(self)
        with self.runs.reading() as connection:
            connection.set_trace_callback(None)
            return [step for query in asked for step in _plan(connection, query)]


def _plan(connection: sqlite3.Connection, query: str) -> list[str]:
    if query.startswith(('BEGIN', 'COMMIT', 'PRAGMA', '--')):
        return []
    return [step for *_, step in connection.execute(f'EXPLAIN QUERY PLAN {query}')]


@pytest.fixture(scope='module')
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return History(tmp_path_factory.mktemp('history'))


FILTERS = [
    dict(zip(('state', 'pipeline', 'profile', 'before'), chosen, strict=True))
    for chosen in product(('failed', None), ('Demo', None), ('p', None), (7, None))
]


@pytest.mark.parametrize('chosen', FILTERS, ids=lambda chosen: '+'.join(name for name in chosen if chosen[name]))
def test_a_page_of_runs_is_found_in_an_index_that_knows_its_filters(history: History, chosen: dict[str, str]) -> None:
    steps = history.plans(lambda it: it.runs.page(**chosen))  # type: ignore[arg-type]

    assert not [step for step in steps if step.startswith('SCAN') and step != 'SCAN runs']
    # Without a filter the newest rows are read from the end of the table, as many as fit on the page.
    is_open = not any(chosen[name] for name in ('state', 'pipeline', 'profile'))
    assert ('SCAN runs' in steps) == (is_open and chosen['before'] is None)
    assert is_open or any('COVERING INDEX' in step for step in steps)
    assert not any('TEMP B-TREE' in step for step in steps)


QUESTIONS: dict[str, Callable[[History], object]] = {
    'how many changes': lambda it: it.runs.changes,
    'one by id': lambda it: it.runs.get('r1'),
    'one by number': lambda it: it.runs.find_by_number(1),
    'one by key': lambda it: it.runs.find_by_key('k'),
    'some by number': lambda it: it.runs.numbered([1, 2]),
    'save': lambda it: it.runs.save(it.run),
    'added to the index': lambda it: it.runs.index_next(str),
    'unfinished': lambda it: it.runs.with_states(['queued', 'running']),
    'last of all': lambda it: it.runs.recent(limit=1),
    'last of a pipeline': lambda it: it.runs.recent('Demo', limit=12),
    'created in a month': lambda it: it.runs.created_between(START, LATER),
    'how many created in a month': lambda it: it.runs.count_created(START, LATER),
    'ended in an hour': lambda it: it.runs.count_ended(START, LATER),
    'lengths of steps': lambda it: it.runs.step_seconds('Demo'),
    'last good ones of a pipeline': lambda it: it.runs.last_succeeded('Demo', limit=500),
    'with files in the inbox': lambda it: it.runs.with_inbox_files(),
    'last good run of an event': lambda it: it.runs.last_good_of_event('e', before=7),
    'retries of a run': lambda it: it.runs.retries_of('r1'),
    'sums of a week': lambda it: it.sums.between(START.date(), LATER.date(), UTC),
    'to be pruned': lambda it: it.pruned.prunable(LATER, spared=['a'], limit=20),
    'how many to be pruned': lambda it: it.pruned.count_prunable(LATER, spared=['a']),
    'the end of the hundredth': lambda it: it.pruned.end_of_newest(100),
    'pruned': lambda it: it.pruned.prune(['x'], at=LATER),
    'folders to remove': lambda it: it.pruned.pending_folders(),
    'tidy': lambda it: it.pruned.tidy(),
    'a trace by id': lambda it: it.pruned.find(id='x'),
    'a trace by number': lambda it: it.pruned.find(number=9),
    'a trace by key': lambda it: it.pruned.find(key='x'),
    'accounted for': lambda it: it.ledger.account([(it.row, None)]),
    'rows saved': lambda it: it.ledger.save([it.row]),
    'another run': lambda it: it.ledger.replace_run(it.row, it.run, before='other'),
    'all accounted for': lambda it: it.ledger.assume_accounted(START),
    'last due': lambda it: it.ledger.last_dues(['e']),
    'a row': lambda it: it.ledger.get('e', START),
    'the row of an event with its run': lambda it: it.ledger.of_event('e', START, LATER),
    'plans added': lambda it: it.plans_before.add_plans([it.plan]),
    'plans of an event': lambda it: it.plans_before.plans_of('e'),
    'a stop added': lambda it: it.plans_before.add_stop('off', START, LATER),
    'a stop ended': lambda it: it.plans_before.end_stop('paused', LATER),
    'whether it still lasts': lambda it: it.plans_before.has_open_stop('paused'),
    'stops of a day': lambda it: it.plans_before.stops_between(START, LATER, ('off',)),
    'the row of a run': lambda it: it.ledger.of_run('r1'),
    'rows of a month': lambda it: it.ledger.between(START, LATER),
    'how many rows of a month': lambda it: it.ledger.count(START, LATER),
    'rows of a month with runs': lambda it: it.ledger.between_with_runs(START, LATER),
    'unanswered rows': lambda it: it.ledger.unanswered(),
    'claimed rows': lambda it: it.ledger.claimed(),
    'rows to retry': lambda it: it.ledger.to_retry(),
    'missed today': lambda it: it.ledger.missed_since(START),
    'events that do not succeed': lambda it: it.ledger.not_succeeding(['e'], times=3),
    'the newest rows of an event': lambda it: it.ledger.newest('e', since=START, limit=60),
}


@pytest.mark.parametrize('name', QUESTIONS)
def test_a_question_reads_no_more_than_it_needs(history: History, name: str) -> None:
    scans = [step for step in history.plans(QUESTIONS[name]) if step.startswith('SCAN')]

    assert [step for step in scans if not step.startswith(ALLOWED_SCANS)] == []


ALLOWED_SCANS = (
    'SCAN json_each',
    'SCAN (subquery',
    'SCAN CONSTANT ROW',
    'SCAN sqlite_sequence',  # one row for each table that counts
    'SCAN found',  # what a question within the question has found
    'SCAN to_find',  # from its end, with a LIMIT
    'SCAN u',  # of the runs that are still to be counted
    'SCAN runs USING INDEX runs_by_end',  # with a LIMIT
    'SCAN runs USING COVERING INDEX runs_by_end',
    'SCAN runs USING INDEX runs_with_inbox',  # a partial index with few rows, as the next ones
    'SCAN traces USING INDEX traces_with_folder',
    'SCAN traces USING COVERING INDEX sqlite_autoindex_traces_2',  # from its end
    'SCAN past_plans USING COVERING INDEX past_plans_by_end',  # from its end, to the limit of what is kept
    'SCAN stops USING COVERING INDEX stops_by_start',
    'SCAN occurrences USING INDEX occurrences_unanswered',
    'SCAN occurrences USING INDEX occurrences_claimed',
    'SCAN occurrences USING INDEX occurrences_to_retry',
)


def test_every_question_of_the_stores_is_here() -> None:
    """A method that is added gets its plan looked at."""
    known = {'page', 'together', 'close', 'create', 'transaction', 'reading', 'rewrite', 'ended', 'mark_folder_removed'}
    known |= {'index'}  # whose questions are in `test_run_index`
    asked = {name for ask in QUESTIONS.values() for name in ask.__code__.co_names}
    public = {
        name
        for kind in (RunStore, Ledger, PastPlans, PrunedRuns, DailySums)
        for name in vars(kind)
        if not name.startswith('_')
    }

    assert public - known - asked == set()


def test_a_month_of_the_past_reads_none_of_the_rows_after_it(history: History) -> None:
    steps = history.plans(lambda it: (it.ledger.between(START, LATER), it.ledger.between_with_runs(START, LATER)))

    assert any('due>? AND due<?' in step for step in steps)
    assert all('due>? AND due<?' in step for step in steps if 'occurrences_by_due' in step)
