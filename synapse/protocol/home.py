"""The way from a run on another machine to folders of the control room's machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = 'home'
"""In the folder of a run, for the files on their way."""


@dataclass(frozen=True, slots=True)
class Home:
    """:param ask: puts a request to the control room's machine, and returns its answer as a JSON value
    :param folder: a file put here is there before the request that follows, or before the answer arrives
    """

    ask: Callable[[Mapping[str, Any]], Any]
    folder: Path


_home: Home | None = None


def set_home(home: Home) -> None:
    """Say that the run of this process is carried out elsewhere."""
    global _home
    _home = home


def home() -> Home | None:
    """Return the way home, None for a run on the control room's own machine."""
    return _home
