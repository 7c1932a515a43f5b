"""Where the window was, and where it fits now that screens may have come and gone."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from storage.files import write_atomically

LEAST_WIDTH, LEAST_HEIGHT = 360, 480
GRIP_WIDTH, GRIP_HEIGHT = 120, 40
"""How much of its upper edge has to be on a screen for a person to be able to move it."""


class Screen(Protocol):
    """What is used of `webview.Screen`; pixels from the upper left corner of the first one."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Place:
    """Place and size of a window in pixels; without a place the system chooses one."""

    x: int | None = None
    y: int | None = None
    width: int = 1440
    height: int = 900
    is_maximized: bool = False

    def fitting(self, screens: Sequence[Screen]) -> 'Place':
        """Return this place if a person could reach the window there, otherwise its size alone, cut to the screen."""
        home = next((screen for screen in screens if self._is_reachable(screen)), None)
        screen = home or next(iter(screens), None)
        if screen is None:
            return Place()
        return Place(
            x=self.x if home else None,
            y=self.y if home else None,
            width=max(LEAST_WIDTH, min(self.width, screen.width)),
            height=max(LEAST_HEIGHT, min(self.height, screen.height)),
            is_maximized=self.is_maximized,
        )

    def _is_reachable(self, screen: Screen) -> bool:
        if self.x is None or self.y is None:
            return False
        across = min(self.x + self.width, screen.x + screen.width) - max(self.x, screen.x)
        return across >= GRIP_WIDTH and screen.y <= self.y <= screen.y + screen.height - GRIP_HEIGHT


def read_place(path: Path) -> Place:
    """Return the place that was written there; that of a first window if none was, or it cannot be read."""
    try:
        place = Place(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Place()
    are_numbers = all(isinstance(value, int) for value in asdict(place).values() if value is not None)
    return place if are_numbers else Place()


def write_place(path: Path, place: Place) -> None:
    """Remember a place.

    :raises StorageError: if the disk refuses
    """
    write_atomically(path, json.dumps(asdict(place)).encode(), sync=False)
