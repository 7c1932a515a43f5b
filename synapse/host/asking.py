"""The questions of steps: how they are put to the control room, and how an answer of before is found again."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synapse.durations import Duration, parse_duration
from synapse.language import _
from synapse.language.figures import number
from synapse.pipelines.pipeline import StepFailed
from synapse.protocol.messages import Asked, Kind
from synapse.sentences import sentences

from .channel import Channel
from .control import Control, Reply

if TYPE_CHECKING:
    from pydantic import BaseModel

LONGEST_TEXT, LONGEST_CHOICE, MOST_CHOICES = 4000, 200, 50
LONGEST_TIMEOUT = 10 * 366 * 24 * 3600.0


class Asking:
    """Asks one question after the other, whatever thread they come from.

    :param answers: what this run has asked before, see `Job`
    """

    def __init__(self, answers: Iterable[Mapping[str, Any]], channel: Channel, control: Control) -> None:
        self._channel, self._control = channel, control
        self._lock = threading.Lock()
        self._number, self._attempt = 0, 1
        self._replies: dict[str, Reply] = {}
        self._asked: Counter[str] = Counter()
        self._places: set[tuple[str | None, int]] = set()
        for answer in answers:
            self._remember(str(answer['id']), Reply(answer['answer'], is_expired=bool(answer.get('is_expired'))))
            self._places.add((answer['step'], answer['number']))

    def begin(self, attempt: int) -> None:
        """Count the questions of an attempt of a step from 1."""
        self._number, self._attempt = 0, attempt
        self._channel.has_said = False

    def ask(
        self,
        text: str,
        *,
        choices: Sequence[str] | None,
        model: 'type[BaseModel] | None',
        timeout: Duration | None,
        default: Any,
    ) -> Any:
        """See `Run.ask`."""
        if self._channel.is_fork:
            raise RuntimeError(_('run.ask works in the process of the step only, not in one that it has forked'))
        seconds = None if timeout is None else min(parse_duration(timeout), LONGEST_TIMEOUT)
        options = _options(text, choices, model)
        fallback = None if default is None else _default(default, options, model)
        with self._lock:
            self._number += 1
            reply = self._reply_to(text, options, model, seconds, fallback)
        if reply.is_expired:
            length = timeout if isinstance(timeout, str) else f'{seconds:g} s'
            raise StepFailed(
                _('No one answered “{question}” within {length}.', question=_short(text), length=length),
                _('Retry from this step: it asks again.'),
            )
        return reply.answer if model is None else _read(model, reply.answer)

    def _reply_to(
        self, text: str, choices: list[str] | None, model: 'type[BaseModel] | None', seconds: float | None, default: Any
    ) -> Reply:
        step, schema = self._channel.step, None if model is None else _schema_of(model)
        key = _key(step, self._number, text, choices, schema)
        known = self._replies.get(key)
        if known is not None:
            if known.is_expired:  # the next attempt asks again
                del self._replies[key]
            return known
        self._control.gate()
        self._channel.drain_streams()
        repeated = self._asked[key]
        question = Asked(
            t=Kind.QUESTION,
            id=f'{key}-{repeated + 1}' if repeated else key,
            step=step,
            number=self._number,
            text=text,
            choices=choices,
            schema=schema,
            model='' if model is None else f'{model.__module__}:{model.__qualname__}',
            timeout=seconds,
            default=default,
            # A question that differs each time would never be answered, so this one keeps its process.
            can_end=not self._channel.has_said and self._attempt == 1 and (step, self._number) not in self._places,
        )
        self._channel.send(question)
        reply = self._control.wait_for_reply(question['id'])
        self._channel.has_said = True
        self._asked[key] += 1
        if not reply.is_expired:
            self._replies[key] = reply
        return reply

    def _remember(self, id: str, reply: Reply) -> None:
        key = id.partition('-')[0]
        self._asked[key] += 1
        if not reply.is_expired or key not in self._replies:
            self._replies[key] = reply


def _key(step: str | None, number: int, *question: Any) -> str:
    return hashlib.sha256(json.dumps([step, number, *question]).encode()).hexdigest()[:12]


def _options(text: str, choices: Sequence[str] | None, model: Any) -> list[str] | None:
    """Return the choices, once it is certain that the question can be asked."""
    if not isinstance(text, str):
        raise TypeError(_('run.ask takes a question like "Publish this?", not {text!r}', text=text))
    if not 0 < len(text.strip()) <= LONGEST_TEXT:
        raise ValueError(_('run.ask takes a question of 1 to {most} characters', most=number(LONGEST_TEXT)))
    if model is not None:
        _check_model(model, has_choices=choices is not None)
    if choices is None:
        return None
    if isinstance(choices, str | bytes) or not all(isinstance(choice, str) for choice in choices):
        raise TypeError(
            _('run.ask(choices) takes a list of texts like ["yes", "no"], not {choices!r}', choices=choices)
        )
    options = list(choices)
    is_short = all(0 < len(choice.strip()) <= LONGEST_CHOICE for choice in options)
    if not 1 <= len(options) <= MOST_CHOICES or len(set(options)) < len(options) or not is_short:
        raise ValueError(
            _(
                'run.ask(choices) takes 1 to {most} different texts of at most {longest} characters',
                most=MOST_CHOICES,
                longest=LONGEST_CHOICE,
            )
        )
    return options


def _check_model(model: Any, *, has_choices: bool) -> None:
    from pydantic import BaseModel

    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(
            _('run.ask(model) takes a class that inherits from pydantic.BaseModel, not {model!r}', model=model)
        )
    if has_choices:
        raise TypeError(_('run.ask takes either choices or a model'))
    if '<' in model.__qualname__:
        raise TypeError(
            _('run.ask(model) needs {name} to be defined at the top level of a module', name=model.__name__)
        )
    schema = _schema_of(model)
    if schema.get('type') != 'object' and 'properties' not in schema:
        raise TypeError(_('run.ask(model) needs a model with fields, and {name} has none', name=model.__name__))
    if '"format": "password"' in json.dumps(schema):
        raise ValueError(
            _('{name} has a secret: answers are kept in the history, so use the profile for it', name=model.__name__)
        )


def _schema_of(model: 'type[BaseModel]') -> dict[str, Any]:
    from synapse.pipelines.describe import form_schema

    return form_schema(model)


def _default(default: Any, choices: list[str] | None, model: 'type[BaseModel] | None') -> Any:
    """Return the default as a JSON value.

    :raises ValueError: if it is no answer to the question
    """
    if model is not None:
        return model.model_validate(default).model_dump(mode='json')
    if choices is not None and default not in choices:
        raise ValueError(
            _('run.ask(default) must be one of {names}, not {default!r}', names=', '.join(choices), default=default)
        )
    if not isinstance(default, str):
        raise ValueError(_('run.ask(default) must be a text, not {default!r}', default=default))
    return default


def _read(model: 'type[BaseModel]', answer: Any) -> Any:
    from pydantic import ValidationError

    try:
        return model.model_validate(answer)
    except ValidationError as error:  # the file has changed since it was asked
        wrong = ' '.join(f'{name}: {text}' for name, text in sentences(error).items())
        raise StepFailed(
            _('The answer no longer fits. {wrong}', wrong=wrong), _('Retry from this step: it asks again.')
        ) from error


def _short(text: str) -> str:
    line = ' '.join(text.split())
    return line if len(line) <= 80 else f'{line[:79].rstrip()}…'
