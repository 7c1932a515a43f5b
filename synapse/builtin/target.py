"""The folder that an archive is restored into: whether it can be, and what is left of it after a failure."""

import contextlib
import os
from pathlib import Path

from storage.foreign_words import system_words
from synapse.language import _
from synapse.pipelines.pipeline import StepFailed


def check_target(folder: Path, *, may_have_files: bool) -> None:
    """Check that a folder can be restored into, or be created; nothing is written.

    :raises StepFailed: if it cannot, or has something in it that it may not have
    """
    if not folder.is_absolute():
        raise StepFailed(_('{folder} is not a full path.', folder=folder), _('Start with / or ~.'))
    try:
        place = next(path for path in (folder, *folder.parents) if path.exists())
        if not place.is_dir():
            raise StepFailed(_('{place} is a file, not a folder.', place=place), _('Choose a new or empty folder.'))
        if place == folder and not may_have_files and any(folder.iterdir()):
            raise StepFailed(
                _('{folder} is not empty.', folder=folder), _('Choose a new or empty folder, or let files be replaced.')
            )
    except OSError as error:
        raise StepFailed(
            _('{folder} cannot be used: {reason}.', folder=folder, reason=system_words(error)),
            _('Choose a new or empty folder.'),
        ) from error
    if not os.access(place, os.W_OK | os.X_OK):
        text = _('{folder} may not be written to.', folder=folder)
        if place != folder:
            text = _('{folder} cannot be created: {place} may not be written to.', folder=folder, place=place)
        raise StepFailed(text, _('Choose another folder, or change the permissions of this one.'))


def make_target(folder: Path) -> list[Path]:
    """Create a folder and those above it where they are missing, and return which were, the lowest first.

    :raises StepFailed: if it cannot be created
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StepFailed(
            _('{folder} cannot be created: {reason}.', folder=folder, reason=system_words(error)),
            _('Choose another folder.'),
        ) from error
    return missing


def remove_empty(folder: Path, made: list[Path]) -> None:
    """Remove the empty folders in a folder, and those of `made` that are empty then."""
    for path, __, __ in os.walk(folder, topdown=False):
        if path != str(folder):
            with contextlib.suppress(OSError):
                os.rmdir(path)  # noqa: PTH106 - of a path that may be no text
    for empty in made:
        with contextlib.suppress(OSError):
            empty.rmdir()
