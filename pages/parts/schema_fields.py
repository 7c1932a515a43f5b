"""The form field for a parameter, chosen by its JSON schema."""

from collections.abc import Mapping
from typing import Any

from synapse.control_room import ControlRoom

from .command_field import CommandField
from .fields import (
    PARTS,
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
from .typed_fields import DecimalField, DurationField, MomentField, MultiChoiceField, SecretField

MAKERS: Mapping[str, FieldMaker] = {
    'boolean': SwitchField,
    'integer': NumberField,
    'number': NumberField,
    'string': TextField,
    'array': ListField,
    'object': PairsField,
}
FORMATS: Mapping[str, FieldMaker] = {
    'date': MomentField,
    'time': MomentField,
    'date-time': MomentField,
    'duration': DurationField,
    'decimal': DecimalField,
    'password': SecretField,
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
    for part in PARTS:
        if isinstance(merged.get(part), Mapping):
            merged[part] = plain(merged[part], root)[0]
    if is_path(merged):
        return PathField(room, name, merged, value, **options)
    maker = _maker_of(merged)
    if maker in (ListField, PairsField) and not _fits_lines(value):
        maker = CodeField
    if merged.get('x-aware'):
        merged['x-zone'] = room.status.timezone['name']
    return maker(name, merged, value, **options)


def _maker_of(merged: Mapping[str, Any]) -> FieldMaker:
    kind, form = merged.get('type'), str(merged.get('format'))
    if 'x-command' in merged:
        return CommandField
    if 'enum' in merged:
        return ChoiceField
    if form in FORMATS and kind != 'array':
        return FORMATS[form]
    items = merged.get('items') or {}
    if kind == 'array' and 'enum' in items:
        return MultiChoiceField
    is_nested = kind == 'array' and (items.get('type') in ('object', 'array') or 'anyOf' in items)
    if is_nested or 'prefixItems' in merged or (kind == 'object' and 'properties' in merged):
        return CodeField
    return MAKERS.get(str(kind), CodeField)


def _fits_lines(value: Any) -> bool:
    """Whether each item of a list or of names with values can be a line of its own."""
    if isinstance(value, Mapping):
        return all('=' not in str(name) and _fits_line(str(name)) for name in value) and _fits_lines(
            [item for item in value.values() if item != '']
        )
    return all(_fits_line(item) for item in value if isinstance(item, str)) if isinstance(value, list) else True


def _fits_line(text: str) -> bool:
    return bool(text) and text == text.strip() and len(text.splitlines()) == 1


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
    elif real:
        merged['anyOf'] = real
    if number := _number_of_decimal(merged):
        del merged['anyOf']
        merged = {**number, **merged}
    for part in merged.pop('allOf', []):
        merged = {**part, **merged}
    if reference := merged.pop('$ref', None):
        defined = dict(root.get('$defs', {}).get(str(reference).rsplit('/', 1)[-1], {}))
        defined.pop('title', None)  # the name of a class, not of what it is for here
        merged = {**defined, **merged}
    if 'const' in merged:
        merged['enum'] = [merged['const']]
    return merged, len(real) < len(choices)


def _number_of_decimal(merged: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the number among the two forms of a `Decimal`, a number or text; None for any other type."""
    if merged.get('format') != 'decimal':
        return None
    return next((choice for choice in merged.get('anyOf', ()) if choice.get('type') == 'number'), None)
