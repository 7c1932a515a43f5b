"""The form field for a parameter, chosen by its JSON schema."""

from collections.abc import Mapping
from typing import Any

from synapse.control_room import ControlRoom

from .command_field import CommandField
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

MAKERS: Mapping[str, FieldMaker] = {
    'boolean': SwitchField,
    'integer': NumberField,
    'number': NumberField,
    'string': TextField,
    'array': ListField,
    'object': PairsField,
}


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
    """Return the field for this parameter, filled with `value`."""
    merged, is_nullable = plain(schema, root)
    options: dict[str, Any] = {'is_required': is_required, 'is_nullable': is_nullable, 'prefix': prefix}
    if is_path(merged):
        return PathField(room, name, merged, value, **options)
    return _maker_of(merged)(name, merged, value, **options)


def _maker_of(merged: Mapping[str, Any]) -> FieldMaker:
    kind = merged.get('type')
    if 'x-command' in merged:
        return CommandField
    if 'enum' in merged:
        return ChoiceField
    is_nested = kind == 'array' and (merged.get('items') or {}).get('type') in ('object', 'array')
    if is_nested or (kind == 'object' and 'properties' in merged):
        return CodeField
    return MAKERS.get(str(kind), CodeField)


def is_path(merged: Mapping[str, Any]) -> bool:
    """Whether the parameter is a single file or folder."""
    return merged.get('type') == 'string' and merged.get('format') in ('path', 'file-path', 'directory-path')


def plain(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the schema with references resolved and null removed, and whether null was allowed."""
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
