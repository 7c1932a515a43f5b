"""What an event runs, in words, for the person who has to approve it."""

import json
from collections.abc import Mapping
from typing import Any


def work_in_words(pipeline: str, parameters: Mapping[str, Any], profile: str | None = None) -> list[str]:
    """Return the pipeline, each parameter as JSON, and the profile, a line each.

    Invisible characters, and those that change the direction of text, are shown as escapes.
    """
    lines = [pipeline, *(f'{name}: {json.dumps(value, ensure_ascii=False)}' for name, value in parameters.items())]
    return [_visible(line) for line in [*lines, *([f'profile: {profile}'] if profile else [])]]


def _visible(text: str) -> str:
    return ''.join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
