"""Adds to the failure of a run what its program said, from the log, and which entry of the log that is."""

import logging
from itertools import islice
from typing import NamedTuple

from storage.files import StorageError
from synapse.errors import SynapseError
from synapse.failures.last_words import MOST_LINES, complaints, last_words, shortened
from synapse.failures.remedies import remedy_of
from synapse.language import N_
from synapse.log.log import Entry, Log
from synapse.records import Problem
from synapse.runs.records import RunRecord

from .lifecycle_log import SOURCE

logger = logging.getLogger(__name__)

MOST_SAID = 3
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
    return problem.changed(message=problem.words, hint=hint or remedy_of(problem.reason))


class Said(NamedTuple):
    """A line of the output, and the number of its entry in the log."""

    text: str
    seq: int


async def said_at_end(run: RunRecord, log: Log, *, most: int = MOST_SAID) -> list[Said]:
    """Return the lines of the failed step that look most like why, besides what its error says, oldest first.

    Of a program none of whose lines complains, its last lines.
    """
    error, step = run.error, run.failed_step
    if error is None or step is None:
        return []
    found = await log.query(run=run.id, step=step.name, limit=MOST_LINES)
    entries = [entry for entry in _of_attempt(list(found)) if entry.source != SOURCE and _is_said(entry.message)]
    best = complaints([entry.message for entry in entries], error.program, most=most + 1)
    said = [Said(words.text, entries[words.row].seq) for words in best]
    told = [line for line in said if line.seq != error.seq and not _says_again(line.text, error)][-most:]
    if told or error.reason or error.exit_code is None:
        return told
    return [Said(shortened(entry.message), entry.seq) for entry in entries][-most:]


def _is_said(message: str) -> bool:
    return bool(message.strip()) and 'Traceback (most recent call last)' not in message


def _says_again(text: str, error: Problem) -> bool:
    return text in error.words or error.message.rstrip('.') in text


async def _newest(log: Log, run_id: str, step: str | None) -> list[Entry]:
    """Return the last entries of a run, newest first; from memory, unless much else was logged meanwhile.

    Those of other steps are left out. What bypassed the protocol may have been logged before its step had started.
    """
    found = list(islice((entry for entry in reversed(log.ring) if entry.run == run_id), MOST_LINES))
    if len(found) < MOST_LINES and len(log.ring) == log.ring.maxlen:
        try:
            found = await log.query(run=run_id, limit=MOST_LINES)
        except (StorageError, SynapseError) as error:  # the run has failed, which must be said all the same
            logger.warning(N_('the log of run %s could not be read: %s'), run_id, error)
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
