"""What a pipeline file holds, without running a step: asked for by the catalog of the control room."""

import inspect
from typing import Any

from .load import load_module, pipelines_in
from .pipeline import Pipeline, describe
from .problems import as_describe_error


def describe_file(file: str, origin: str | None = None) -> dict[str, Any]:
    """`{"pipelines": [...]}` in the order of the file, or `{"error": {file, line, message, hint, traceback}}`."""
    shown = origin or file
    try:
        pipelines = pipelines_in(load_module(file, origin))
    except BaseException as error:  # a file may also leave by sys.exit()
        return {'error': as_describe_error(error, shown)}
    described = []
    for pipeline in pipelines:
        try:
            described.append(describe(pipeline))
        except Exception as error:
            return {'error': {**as_describe_error(error, shown), 'file': shown, 'line': _line_of(pipeline)}}
    return {'pipelines': described}


def _line_of(pipeline: type[Pipeline]) -> int | None:
    try:
        return inspect.getsourcelines(pipeline)[1]
    except (OSError, TypeError):
        return None
