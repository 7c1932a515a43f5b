"""Makes parameters of what `--set` was given, as the schema of the pipeline expects them."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synapse.language import _, translated
from synapse.pasted_paths import understood

Schema = Mapping[str, Any]


def typed(values: Mapping[str, Sequence[str]], schema: Schema) -> dict[str, Any]:
    """Return the values of parameters: text where the schema expects text, absolute paths, else what JSON says.

    A list is JSON, or each of its items is given by a `--set` of its own; a mapping is JSON, or `NAME=VALUE` in each.
    Of any other parameter that is given twice the last value counts.
    """
    return {name: _typed(texts, _wanted(name, schema), schema) for name, texts in values.items()}


def with_advice(text: str, name: str, schema: Schema) -> str:
    """Return what is wrong with a parameter, and how to write it with `--set`.

    :param text: the words of the control room; where they name a switch as JSON has it, its flag takes that place
    """
    switch = _wanted(name, schema).get('x-command')
    if switch:
        from synapse.builtin.run_command import SHELL_HINT  # with all that such a pipeline imports

        if (as_json := translated(SHELL_HINT)) in text:
            return text.replace(as_json, _('To run it with /bin/sh, add --set {switch}=true.', switch=switch))
    return f'{text} {how_to_write(name, schema)}'.rstrip()


def how_to_write(name: str, schema: Schema) -> str:
    """Return how a list or mapping is written, as a sentence; empty for any other parameter."""
    kinds = _kinds(_wanted(name, schema), schema)
    items = next((kind.get('items', {}) for kind in kinds if kind.get('type') == 'array'), None)
    if items is not None:
        two = [_example(items, number) for number in (0, 1)]
        as_json = shlex.quote(f'{name}={json.dumps(two)}')
        return _(
            'Write it as --set {as_json} or as --set {name}={one} --set {name}={two}',
            as_json=as_json,
            name=name,
            one=two[0],
            two=two[1],
        )
    if any(kind.get('type') == 'object' for kind in kinds):
        return _('Write it as --set \'{name}={{"NAME": "value"}}\' or as --set {name}=NAME=value', name=name)
    return ''


def _example(items: Schema, number: int) -> Any:
    return number + 1 if items.get('type') in ('integer', 'number') else ('echo', 'hi')[number]


def _wanted(name: str, schema: Schema) -> Schema:
    return dict(schema.get('properties', {}).get(name, {}))


def _kinds(wanted: Schema, schema: Schema) -> list[Schema]:
    """Return what a value may be: each way of an `anyOf`, also within another, with what a `$ref` leads to."""
    if '$ref' in wanted:
        wanted = schema.get('$defs', {}).get(str(wanted['$ref']).rpartition('/')[2], wanted)
    return [wanted, *(kind for way in wanted.get('anyOf', ()) for kind in _kinds(way, schema))]


def _typed(texts: Sequence[str], wanted: Schema, schema: Schema) -> Any:
    kinds = _kinds(wanted, schema)
    given = _as_json(texts[-1])
    is_text = any(kind.get('type') == 'string' for kind in kinds)
    is_json = len(texts) == 1 and (isinstance(given, list) or texts[0].startswith('['))
    for kind in kinds:
        if kind.get('type') == 'array' and not is_json and (len(texts) > 1 or not is_text):
            return [_typed([text], kind.get('items', {}), schema) for text in texts if text or len(texts) > 1]
        if kind.get('type') == 'object' and not isinstance(given, dict) and all('=' in text for text in texts):
            return dict(_pair(text, kind, schema) for text in texts)
    if is_json and any(kind.get('type') == 'array' for kind in kinds):
        return given
    if any(kind.get('format') == 'path' for kind in kinds):
        return _path(texts[-1])
    return texts[-1] if is_text else given


def _pair(text: str, kind: Schema, schema: Schema) -> tuple[str, Any]:
    name, __, value = text.partition('=')
    items = kind.get('additionalProperties')
    return name, _typed([value], items if isinstance(items, Mapping) else {}, schema)


def _path(text: str) -> str:
    is_as_typed = not text.strip() or text.startswith('inbox:')
    return text if is_as_typed else str(Path(understood(text)).absolute())


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
