"""Secrets among the parameters of a pipeline: the fields of type `SecretStr` and its like."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter

Place = list[str | int]
_SECRETS = (SecretStr, SecretBytes, Secret)
_ANY = TypeAdapter(Any)


def revealed(instance: BaseModel) -> tuple[dict[str, Any], list[Place]]:
    """Return the fields as JSON values, secrets in clear text, and where those are."""
    shown = instance.model_dump(mode='json', warnings=False)
    places: list[Place] = []
    for name in shown:
        if holds_secret(value := getattr(instance, name)):
            shown[name] = _reveal(value, shown[name], [name], places)
    return shown, places


def holds_secret(value: Any) -> bool:
    """Whether a value is a secret or has one in it."""
    if isinstance(value, _SECRETS):
        return True
    return any(holds_secret(item) for _, item in _items(value))


def _reveal(value: Any, shown: Any, place: Place, places: list[Place]) -> Any:
    if isinstance(value, _SECRETS):
        places.append(place)
        return _ANY.dump_python(value.get_secret_value(), mode='json')
    if isinstance(shown, dict):
        pairs = zip(_items(value), list(shown), strict=False)
        return shown | {key: _reveal(item, shown[key], [*place, key], places) for (_, item), key in pairs}
    if isinstance(shown, list):
        numbered = enumerate(zip(_items(value), shown, strict=False))
        return [_reveal(item, part, [*place, number], places) for number, ((_, item), part) in numbered]
    return shown


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, BaseModel):
        return list(value)
    if isinstance(value, Mapping):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list | tuple | set | frozenset) else []
