"""The field that suits a parameter, by its JSON schema."""

from collections.abc import Mapping
from typing import Any

from synapse.control_room import ControlRoom

from .fields import (
    ChoiceField,
    CodeField,
    Field,
    FieldMaker,
    ListField,
    NumberField,
    PairsField,
    SwitchField,
    TextField,
)
from .path_field import PathField


def field_for(
    room: ControlRoom,
    name: str,
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    value: Any,
    *,
    is_required: bool,
    prefix: str = 'parameter',
) -> Field:
    """The field that suits this parameter, holding `value`."""
    merged, is_nullable = plain(schema, root)
    options: dict[str, Any] = {'is_required': is_required, 'is_nullable': is_nullable, 'prefix': prefix}
    kind = merged.get('type')
    if is_path(merged):
        return PathField(room, name, merged, value, **options)
    if 'enum' in merged:
        return ChoiceField(name, merged, value, **options)
    makers: dict[Any, FieldMaker] = {
        'boolean': SwitchField,
        'integer': NumberField,
        'number': NumberField,
        'string': TextField,
        'array': ListField,
        'object': PairsField,
    }
    if kind == 'array' and (merged.get('items') or {}).get('type') in ('object', 'array'):
        kind = None
    if kind == 'object' and 'properties' in merged:
        kind = None
    return makers.get(kind, CodeField)(name, merged, value, **options)


def is_path(merged: Mapping[str, Any]) -> bool:
    """Whether one file or folder is asked for."""
    return merged.get('type') == 'string' and merged.get('format') in ('path', 'file-path', 'directory-path')


def plain(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema with references followed and the null taken out, and whether there was a null."""
    merged = dict(schema)
    choices = merged.pop('anyOf', None) or merged.pop('oneOf', None) or []
    real = [choice for choice in choices if choice.get('type') != 'null']
    if len(real) == 1:
        merged = {**real[0], **merged}
    for part in merged.pop('allOf', []):
        merged = {**part, **merged}
    if reference := merged.pop('$ref', None):
        merged = {**root.get('$defs', {}).get(str(reference).rsplit('/', 1)[-1], {}), **merged}
    if 'const' in merged:
        merged['enum'] = [merged['const']]
    return merged, len(real) < len(choices)
