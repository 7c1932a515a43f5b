"""Somebody who looks at a page in another language than Synapse has."""

import asyncio
import contextlib
from collections.abc import Iterator

from synapse.language import PSEUDO, choice


@contextlib.contextmanager
def looking_at_a_page(chosen: str = PSEUDO) -> Iterator[None]:
    """Make this task that of a page with this language: as with a real page, no thread and no other task knows it."""
    asking, before = asyncio.current_task(), choice._viewer

    def viewer() -> str | None:
        try:
            return chosen if asyncio.current_task() is asking else None
        except RuntimeError:  # in a thread
            return None

    choice.ask_viewer(viewer)
    try:
        yield
    finally:
        choice.ask_viewer(before)
