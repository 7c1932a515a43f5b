"""The tables of `runs.db`: runs, the files they were created for, the ledger, and what events were planned to do.

One file for all, since what belongs together is written in one transaction. Rescuing a damaged file takes them all.
"""

# AUTOINCREMENT: a number is never used twice, even after the newest run was pruned. Pruned runs leave traces, see
# `storage.pruned_runs`, and ended ones are marked to be counted, see `storage.daily_sums`; the tables are here because
# questions and triggers need them together. An index for a filter also holds what the other filters ask for, so that a
# page of runs is found without reading documents that do not fit.
RUNS = """
BEGIN;
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    pipeline TEXT NOT NULL,
    profile TEXT,
    created INTEGER NOT NULL,
    finished INTEGER,
    idempotency_key TEXT UNIQUE,
    document TEXT NOT NULL
);
DROP INDEX IF EXISTS runs_by_state;
DROP INDEX IF EXISTS runs_by_pipeline;
CREATE INDEX IF NOT EXISTS runs_in_state ON runs (state, number, pipeline, profile);
CREATE INDEX IF NOT EXISTS runs_of_pipeline ON runs (pipeline, number, state, profile);
CREATE INDEX IF NOT EXISTS runs_of_profile ON runs (profile, number, state, pipeline) WHERE profile IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_of_pipeline_by_end ON runs (pipeline, finished) WHERE finished IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_end ON runs (finished) WHERE finished IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_creation ON runs (created);
CREATE INDEX IF NOT EXISTS runs_with_inbox ON runs (number) WHERE instr(document, '"inbox:') > 0;
CREATE INDEX IF NOT EXISTS runs_that_retry ON runs (json_extract(document, '$.retry_of'))
WHERE instr(document, '"retry_of":null') = 0;
CREATE INDEX IF NOT EXISTS good_runs_of_event ON runs (json_extract(document, '$.event_id'), number)
WHERE state = 'succeeded' AND instr(document, '"event_id":null') = 0;
CREATE TABLE IF NOT EXISTS shared (key TEXT PRIMARY KEY, used INTEGER NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS shared_by_use ON shared (used);
CREATE TABLE IF NOT EXISTS traces (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    idempotency_key TEXT UNIQUE,
    has_folder INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS traces_by_end ON traces (finished);
CREATE INDEX IF NOT EXISTS traces_by_creation ON traces (created);
CREATE INDEX IF NOT EXISTS traces_with_folder ON traces (id) WHERE has_folder = 1;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uncounted (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS daily (
    day INTEGER, state TEXT, seconds REAL, count INTEGER NOT NULL, PRIMARY KEY (day, state, seconds)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS run_ended AFTER UPDATE OF finished ON runs
WHEN OLD.finished IS NULL AND NEW.finished IS NOT NULL BEGIN INSERT OR IGNORE INTO uncounted VALUES (NEW.number); END;
CREATE TRIGGER IF NOT EXISTS run_came_ended AFTER INSERT ON runs
WHEN NEW.finished IS NOT NULL BEGIN INSERT OR IGNORE INTO uncounted VALUES (NEW.number); END;
COMMIT;
"""

TAKEN_FILES = """
CREATE TABLE IF NOT EXISTS taken (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    path TEXT NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    run TEXT,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS taken_files ON taken (owner, file, size, mtime_ns);
CREATE INDEX IF NOT EXISTS taken_paths ON taken (owner, path, size, mtime_ns);
"""

# `since` equals `due`, except in a row for a whole span of time. `unanswered`: a person still has to decide.
LEDGER = """
CREATE TABLE IF NOT EXISTS occurrences (
    event TEXT NOT NULL,
    due INTEGER NOT NULL,
    since INTEGER NOT NULL,
    state TEXT NOT NULL,
    run TEXT,
    retry INTEGER,
    unanswered INTEGER NOT NULL,
    count INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (event, due)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS occurrences_by_due ON occurrences (due);
CREATE INDEX IF NOT EXISTS occurrences_spans ON occurrences (due) WHERE since < due;
CREATE INDEX IF NOT EXISTS occurrences_by_run ON occurrences (run) WHERE run IS NOT NULL;
CREATE INDEX IF NOT EXISTS occurrences_unanswered ON occurrences (due) WHERE unanswered = 1;
CREATE INDEX IF NOT EXISTS occurrences_to_retry ON occurrences (retry) WHERE retry IS NOT NULL;
CREATE INDEX IF NOT EXISTS occurrences_claimed ON occurrences (due) WHERE state = 'claimed';
"""

PAST_PLANS = """
CREATE TABLE IF NOT EXISTS past_plans (
    event TEXT NOT NULL, until INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (event, until)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS past_plans_by_end ON past_plans (until);
CREATE TABLE IF NOT EXISTS stops (
    kind TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER, PRIMARY KEY (kind, start)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS stops_by_start ON stops (start);
"""
