"""Answers the questions that steps ask: by a person, by a program, or when no one has answered in time."""

import asyncio
import logging
from datetime import datetime
from typing import Any

from synapse.errors import Conflict, Invalid, SynapseError
from synapse.language import N_, _, filled
from synapse.language.figures import number
from synapse.language.formats import moment
from synapse.records import now_utc
from synapse.recurrence.wall_time import wall_of
from synapse.runs import transitions
from synapse.runs.causes import cause_words
from synapse.runs.context import RunContext
from synapse.runs.messages import RunChanged
from synapse.runs.records import Answer, Question, RunRecord
from synapse.waiting import Timer

from .parked import ParkedRuns

log = logging.getLogger(__name__)

LONGEST_ANSWER = 4000
LOOK_SECONDS = 60.0
"""How often it is checked whether a question has expired: a machine that sleeps does not count the time."""


class Answers:
    """Follows the open questions of all runs, on the event loop."""

    def __init__(self, context: RunContext, parked: ParkedRuns) -> None:
        self._context = context
        self._parked = parked
        self._timers: dict[str, tuple[str, Timer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_following = context.bus.subscribe(RunChanged, self._run_changed)

    def close(self) -> None:
        """Let no more questions expire."""
        self._stop_following()
        for __, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def answer(self, run: RunRecord, question_id: str, given: Any, *, by: str, because: str = '') -> None:
        """Answer the open question of a run.

        :param run: as it is now
        :param given: a JSON value
        :param by: who that is, for the log
        :raises Conflict: `question_answered` or `question_not_open`
        :raises Invalid: with a sentence for what does not fit
        """
        question = self._open_question(run, question_id)
        checked = await self._checked(run, question, given)
        if not await self._give(run.id, _answer_to(question, checked, by, because)):
            now = self._context.unfinished.get(run.id) or run
            self._open_question(now, question_id)
            raise _not_open(now)

    def _open_question(self, run: RunRecord, question_id: str) -> Question:
        for answer in run.answers:
            if answer.id == question_id:
                at = wall_of(answer.answered_at, self._context.zone)
                asked = (
                    N_('No one answered this question of run #{number} in time; it was closed on {day} at {time}.')
                    if answer.is_expired
                    else N_('This question of run #{number} was answered by {by} on {day} at {time}.')
                )
                day, time = moment('MMMd', at), moment('Hms', at)
                text = filled(asked, number=run.number, by=cause_words(answer.by), day=day, time=time)
                raise Conflict('question_answered', text, _('The first answer counts.'))
        if run.question is None or run.question.id != question_id or run.is_stopping:
            raise _not_open(run)
        return run.question

    async def _checked(self, run: RunRecord, question: Question, given: Any) -> Any:
        if question.form is not None:
            if not isinstance(given, dict):
                raise _unfit(_('The answer has to be an object with the fields of the form.'))
            return await self._context.catalog.check_answer(run.pipeline, question.model, given)
        if question.choices is not None and given not in question.choices:
            raise _unfit(_('The answer has to be one of these: {choices}.', choices=', '.join(question.choices)))
        if not isinstance(given, str) or not given.strip():
            raise _unfit(_('The answer has to be a text.'))
        if len(given) > LONGEST_ANSWER:
            raise _unfit(_('The answer has to have at most {most} characters.', most=number(LONGEST_ANSWER)))
        return given

    async def _give(self, run_id: str, answer: Answer) -> bool:
        live = self._context.unfinished.live.get(run_id)
        return await (live.answer(answer) if live is not None else self._parked.answer(run_id, answer))

    # Questions that expire

    def _run_changed(self, message: RunChanged) -> None:
        run, question = message.run, message.run.question
        known, timer = self._timers.get(run.id, ('', None))
        if question is not None and known == question.id:
            return
        if timer is not None:
            timer.cancel()
            del self._timers[run.id]
        if question is not None and question.expires_at is not None:
            self._timers[run.id] = question.id, Timer()
            self._look(run.id, question, question.expires_at)

    def _look(self, run_id: str, question: Question, expires_at: datetime) -> None:
        left = (expires_at - now_utc()).total_seconds()
        known, timer = self._timers.get(run_id, ('', Timer()))
        if known != question.id:
            return
        if left > 0:
            timer.start(min(left, LOOK_SECONDS), self._look, run_id, question, expires_at)
            return
        timer.start(LOOK_SECONDS, self._look, run_id, question, expires_at)  # if it cannot be saved now
        task = asyncio.create_task(self._expire(run_id, question), name=f'question of run {run_id}')
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expire(self, run_id: str, question: Question) -> None:
        is_expired = question.default is None
        answer = _answer_to(question, question.default, _('the default') if not is_expired else _('no one in time'))
        try:
            await self._give(run_id, answer.changed(is_expired=is_expired))
        except SynapseError as error:
            log.warning(N_('the question of run %s could not be closed: %s'), run_id, error)


def _not_open(run: RunRecord) -> Conflict:
    hint = (
        _('It asks {id!r} now.', id=run.question.id)
        if run.question is not None
        else _('It is {state}.', state=transitions.state_words(run.state))
    )
    return Conflict('question_not_open', _('Run #{number} does not wait for this answer.', number=run.number), hint)


def _answer_to(question: Question, given: Any, by: str, because: str = '') -> Answer:
    return Answer(
        id=question.id,
        step=question.step,
        number=question.number,
        text=question.text,
        answer=given,
        by=by,
        because=because,
        answered_at=now_utc(),
    )


def _unfit(text: str) -> Invalid:
    return Invalid(text, {'answer': text})
