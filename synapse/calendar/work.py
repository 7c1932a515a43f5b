"""What an event would run, in plain sight: for who is to say yes to it."""

import json
from collections.abc import Mapping
from typing import Any


def work_in_words(pipeline: str, parameters: Mapping[str, Any], profile: str | None = None) -> list[str]:
    """All that would run, a line each, so that a person sees it as it is: values as JSON, and what no eye can see or
    what turns the direction of writing as its code."""
    lines = [pipeline, *(f'{name}: {json.dumps(value, ensure_ascii=False)}' for name, value in parameters.items())]
    return [_visible(line) for line in [*lines, *([f'profile: {profile}'] if profile else [])]]


def _visible(text: str) -> str:
    return ''.join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
