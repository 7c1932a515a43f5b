"""Checks parameters against a pipeline's fields and says, in one plain sentence a field, what to mend."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from synapse.sentences import WHOLE, sentences

from .pipeline import Pipeline


def validate_parameters(pipeline: type[Pipeline], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`{"ok": true, "parameters": {...}}` with defaults filled in, or `{"ok": false, "fields": {name: sentence}}`."""
    try:
        instance = pipeline.model_validate(dict(parameters))
        return {'ok': True, 'parameters': instance.model_dump(mode='json', warnings=False)}
    except ValidationError as error:
        return {'ok': False, 'fields': sentences(error)}
    except Exception as error:  # a validator of the person's own that raises what it should not
        return {'ok': False, 'fields': {WHOLE: f'The check of the values failed: {type(error).__name__}: {error}'}}
