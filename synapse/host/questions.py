"""Answers questions about pipeline files: what is in them, and whether parameters fit."""

import json
import os
import sys
from typing import Any

from synapse.language import _
from synapse.pipelines.describe import describe_file, validate_parameters
from synapse.pipelines.load import load_model, load_pipeline
from synapse.sentences import WHOLE


def answer_spawned(answers: int, question: str, file: str, *rest: str) -> None:
    """Answer one question and exit; parameters to validate are read from standard input."""
    if question == 'describe':
        give(answers, describe_file(file, *rest))
    elif question == 'validate':
        give(answers, validate(file, *rest, parameters=json.load(sys.stdin)))
    else:
        raise SystemExit(f'synapse.host: unknown question {question!r}')
    os._exit(0)  # threads that the file has started would keep this process alive


def validate(
    file: str, name: str, origin: str | None = None, model: str = '', *, parameters: dict[str, Any]
) -> dict[str, Any]:
    """Return `{"ok": true, "parameters"}` or `{"ok": false, "fields"}`.

    :param model: checked instead of the pipeline, once that is loaded
    """
    try:
        pipeline = load_pipeline(name, file, origin)
        return validate_parameters(load_model(model) if model else pipeline, parameters, is_form=bool(model))
    except BaseException as error:  # the file broke since it was described
        return {'ok': False, 'fields': {WHOLE: _('The pipeline could not be loaded: {error}', error=error)}}


def give(answers: int, answer: dict[str, Any]) -> None:
    """Write an answer as one line."""
    line = f'{json.dumps(answer)}\n'.encode()
    while line:
        line = line[os.write(answers, line) :]
