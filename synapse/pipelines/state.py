"""Saves the state of a pipeline between its steps as JSON, and restores it."""

from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from .pipeline import Pipeline
from .secrets import holds_secret


def state_of(pipeline: Pipeline) -> tuple[dict[str, Any], list[str]]:
    """Return the fields and private attributes as JSON values, and the names of those attributes that JSON cannot hold.

    Secrets are not part of it: fields that have one are left out, as are such attributes.

    :raises pydantic_core.PydanticSerializationError: if JSON cannot hold a field
    """
    state = pipeline.model_dump(mode='json', warnings=False)
    state = {name: value for name, value in state.items() if not holds_secret(getattr(pipeline, name))}
    left_out = []
    for name, kind in _private_kinds(type(pipeline)):
        if name not in (pipeline.__pydantic_private__ or {}):
            continue
        value = getattr(pipeline, name)
        try:
            # Pydantic would read an iterator, and an open file is one, to its end.
            if holds_secret(value):
                raise TypeError(f'{name} is secret')
            if isinstance(value, Iterator):
                raise TypeError(f'{name} can be read only once')
            state[name] = kind.dump_python(value, mode='json', warnings=False)
        except (TypeError, ValueError):
            left_out.append(name)
    return state, left_out


def restored(pipeline: type[Pipeline], state: dict[str, Any], parameters: Mapping[str, Any] | None = None) -> Pipeline:
    """Return the instance whose `state_of` this is.

    :param parameters: of the run, for fields that are not in the state
    :raises pydantic.ValidationError: if the class has changed so much that the state no longer fits
    """
    known = {name: value for name, value in {**(parameters or {}), **state}.items() if name in _input_names(pipeline)}
    instance = pipeline.model_validate(known)
    for name, kind in _private_kinds(pipeline):
        if name in state:
            setattr(instance, name, kind.validate_python(state[name]))
    return instance


def _private_kinds(pipeline: type[Pipeline]) -> Iterator[tuple[str, TypeAdapter[Any]]]:
    names = [name for name in pipeline.__private_attributes__ if not name.startswith('__')]
    hints = get_type_hints(pipeline) if names else {}
    for name in names:
        yield name, TypeAdapter(hints.get(name, Any))


def _input_names(pipeline: type[Pipeline]) -> set[str]:
    fields: dict[str, FieldInfo] = pipeline.model_fields
    return set(fields) | {field.alias for field in fields.values() if field.alias}
