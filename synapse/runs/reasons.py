"""Adds to the failure of a run what its program said, from the log, and which entry of the log that is."""

import logging
from itertools import islice

from storage.files import StorageError
from synapse.errors import SynapseError
from synapse.failures.last_words import MOST_LINES, last_words, shortened
from synapse.log.log import Entry, Log
from synapse.records import Problem

from .lifecycle_log import SOURCE

logger = logging.getLogger(__name__)

RAW = frozenset({'stdout', 'stderr'})
"""Sources of what a step prints, and of programs that it starts without `run.shell`."""


async def with_reason(problem: Problem, log: Log, run_id: str, step: str | None) -> Problem:
    """Return the problem with the line in which the program said why it failed, if there is one.

    Only for the failure of a program or process. The line is looked for among the last entries of this attempt of the
    step; it becomes part of the message if that says no more than how the program ended.
    """
    if not problem.program and problem.exit_code is None:
        return problem
    entries = _of_attempt(await _newest(log, run_id, step))
    entries = [entry for entry in entries if entry.source in RAW | {problem.program}]
    said = last_words([entry.message for entry in entries], problem.program)
    if said is not None:
        problem = problem.changed(reason=said.text, seq=entries[said.row].seq)
    elif problem.reason:  # captured by the step, so not in the log
        problem = problem.changed(reason=shortened(problem.reason))
    if not problem.reason or problem.exit_code is None:
        return problem
    hint = '' if problem.is_hint_at_log else problem.hint
    return problem.changed(message=problem.words, hint=hint)


async def _newest(log: Log, run_id: str, step: str | None) -> list[Entry]:
    """Return the last entries of a run, newest first; from memory, unless much else was logged meanwhile.

    Those of other steps are left out. What bypassed the protocol may have been logged before its step had started.
    """
    found = list(islice((entry for entry in reversed(log.ring) if entry.run == run_id), MOST_LINES))
    if len(found) < MOST_LINES and len(log.ring) == log.ring.maxlen:
        try:
            found = await log.query(run=run_id, limit=MOST_LINES)
        except (StorageError, SynapseError) as error:  # the run has failed, which must be said all the same
            logger.warning('the log of run %s could not be read: %s', run_id, error)
    return [entry for entry in found if entry.step in (step, None)]


def _of_attempt(newest_first: list[Entry]) -> list[Entry]:
    """Return the entries of the last attempt, oldest first."""
    entries: list[Entry] = []
    for entry in newest_first:
        # Not the start of the first attempt: what bypassed the protocol may have been logged before it.
        if entry.source == SOURCE and (entry.fields or {}).get('attempt', 1) > 1:
            break
        entries.append(entry)
    return entries[::-1]
