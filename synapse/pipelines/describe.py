"""Describes the pipelines in a file and checks parameters against their fields, without running a step."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from synapse.language import _
from synapse.sentences import WHOLE, sentences

from .load import PipelineMissing, is_own, load_module, own_sources, pipelines_in
from .options import options_of
from .pipeline import BrokenPipeline, Pipeline, steps_of
from .problems import as_describe_error, error_sent, files_in
from .secrets import revealed


def describe_file(file: str, origin: str | None = None) -> dict[str, Any]:
    """Return `{"pipelines": [...]}` in file order, or `{"error": {file, line, message, hint, traceback}}`.

    Either has `uses` too: the person's other files that this one imports, those that failed included. One without a
    pipeline, unless it is empty, has `is_helper`.
    """
    shown = origin or file
    before = set(sys.modules)
    try:
        module = load_module(file, origin)
        found = _described(module, shown)
    except BaseException as error:  # a file may also call sys.exit()
        found = {'error': error_sent(as_describe_error(error, shown))}
        found['is_helper'] = isinstance(error, PipelineMissing) and _says_anything(file)
        failed = {name for name in files_in(error) if is_own(name)}
    else:
        failed = set()
    return {**found, 'uses': sorted((own_sources(set(sys.modules) - before) | failed) - {file, shown})}


def _described(module: ModuleType, shown: str) -> dict[str, Any]:
    pipelines = pipelines_in(module)
    described = []
    for pipeline in pipelines:
        try:
            described.append(describe(pipeline))
        except Exception as error:
            return {'error': error_sent(as_describe_error(error, shown)) | {'file': shown, 'line': _line_of(pipeline)}}
    return {'pipelines': described}


def _says_anything(file: str) -> bool:
    """Whether there is more in a file than comments and a docstring: an editor may have emptied it for a moment."""
    body = ast.parse(Path(file).read_bytes()).body
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in body)


def _line_of(pipeline: type[Pipeline]) -> int | None:
    try:
        return inspect.getsourcelines(pipeline)[1]
    except (OSError, TypeError):
        return None


def describe(pipeline: type[Pipeline]) -> dict[str, Any]:
    """Return what the control room needs to know about a pipeline, as plain JSON values.

    :raises BrokenPipeline: if it has no step, or an option is invalid
    """
    steps, options = steps_of(pipeline), options_of(pipeline)
    if not steps:
        raise BrokenPipeline(
            _('The pipeline {name} has no step. Mark at least one method with @step.', name=pipeline.__name__)
        )
    schema = schema_of(pipeline)
    here_with = [name for name, field in schema.get('properties', {}).items() if field.get('x-here')]
    return {
        'name': pipeline.__name__,
        'title': title_of(pipeline),
        'description': inspect.cleandoc(pipeline.__doc__ or ''),
        'steps': [item.as_json() for item in steps],
        'schema': schema,
        'accepts': list(_suffixes(pipeline)),
        'max_parallel': _positive(pipeline),
        'token_scope': options.token_scope,
        **({'on_interrupt': options.on_interrupt} if options.on_interrupt == 'retry' else {}),
        **({'color': options.color} if options.color else {}),
        **({'limits': options.limits} if options.limits else {}),
        **({'here_with': here_with} if here_with else {}),
    }


def validate_parameters(
    pipeline: type[BaseModel], parameters: Mapping[str, Any], *, is_form: bool = False
) -> dict[str, Any]:
    """Check values against the fields of a pipeline or of the form of a step, which then refuses unknown ones too.

    Return `{"ok": true, "parameters": {...}}` with defaults, or `{"ok": false, "fields": {name: sentence}}`.

    Secrets are in clear text; if there are any, `secrets` has the place of each.
    """
    try:
        extra = pipeline.model_config.get('extra') or ('forbid' if is_form else None)
        instance = pipeline.model_validate(dict(parameters), extra=extra)
        if unusable := _unusable_paths(instance):
            return {'ok': False, 'fields': unusable}
        values, places = revealed(instance)
        return {'ok': True, 'parameters': values} | ({'secrets': places} if places else {})
    except ValidationError as error:
        return {'ok': False, 'fields': sentences(error, of_form=is_form)}
    except Exception as error:  # a validator in the person's file may raise anything
        return {
            'ok': False,
            'fields': {
                WHOLE: _('The check of the values failed: {name}: {error}', name=type(error).__name__, error=error)
            },
        }


def _unusable_paths(instance: BaseModel) -> dict[str, str]:
    """Return a sentence for each field with a path that no system takes."""
    return {
        field.alias or name: _('NUL characters are not allowed.')
        for name, field in type(instance).model_fields.items()
        if any(isinstance(value, Path) and '\0' in str(value) for value in _leaves(getattr(instance, name)))
    }


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def title_of(pipeline: type[Pipeline]) -> str:
    """Return its `title`, else the class name split into words: "Publish video" for `PublishVideo`."""
    title = None if 'title' in pipeline.model_fields else getattr(pipeline, 'title', None)
    return str(title or pipeline.model_config.get('title') or words(pipeline.__name__))


def words(name: str) -> str:
    """Split a class name into words and keep runs of capitals together: "Sync NAS folder" for `SyncNASFolder`."""
    parts = re.findall(r'[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+', name)
    kept = [part if part.isupper() and len(part) > 1 else part.lower() for part in parts]
    text = ' '.join(kept) or name
    return text[0].upper() + text[1:]


class _ParameterSchema(GenerateJsonSchema):
    """Tells apart what a form has to, and Pydantic's own schema does not."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return super().decimal_schema(schema) | {'format': 'decimal'}  # else it may be any number or text

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        needs_zone = schema.get('tz_constraint') == 'aware'
        return super().datetime_schema(schema) | ({'x-aware': True} if needs_zone else {})


def form_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model, with what a form for it has to know."""
    return model.model_json_schema(schema_generator=_ParameterSchema)


def schema_of(pipeline: type[Pipeline]) -> dict[str, Any]:
    """Return the JSON Schema of the parameters; the first path parameter has `x-accepts`."""
    schema = form_schema(pipeline)
    schema['title'] = title_of(pipeline)
    suffixes = _suffixes(pipeline)
    for field in schema.get('properties', {}).values() if suffixes else ():
        if is_path(field):
            field.setdefault('x-accepts', list(suffixes))
            break
    return schema


def is_path(field: Mapping[str, Any]) -> bool:
    """Whether a parameter may be the path of a file."""
    return any(option.get('format') in ('path', 'file-path') for option in (field, *field.get('anyOf', ())))


def _suffixes(pipeline: type[Pipeline]) -> tuple[str, ...]:
    accepts: Any = pipeline.accepts
    if isinstance(accepts, str) or not all(isinstance(suffix, str) for suffix in accepts):
        raise BrokenPipeline(
            _("{name}.accepts must be a tuple of file suffixes, like ('.mp4', '.mov')", name=pipeline.__name__)
        )
    return tuple(f'.{suffix.lstrip(".").lower()}' for suffix in accepts)


def _positive(pipeline: type[Pipeline]) -> int | None:
    limit: Any = pipeline.max_parallel
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise BrokenPipeline(_('{name}.max_parallel must be a whole number from 1 on, or None', name=pipeline.__name__))
    return limit
