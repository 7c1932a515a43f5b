"""Files that an event names only when it falls due: the newest in a folder, or one that a person chooses."""

import fnmatch
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse.errors import Conflict
from synapse.language import _

from .arriving import SECOND_NS, FoundFile, being_written, is_download, is_temporary_name, version_of
from .inputs import ASK, NEWEST, InputGone, expanded, mapped

QUIET_SECONDS = 1.0
"""A file changed within this time is looked at again: its writer may open and close it for each piece."""


class AlreadyTaken(Conflict):
    """The newest file is one that the event has taken before."""

    def __init__(self, message: str) -> None:
        super().__init__('already_taken', message)


class Chosen(NamedTuple):
    """Parameters with real paths, and the files that were found for them."""

    parameters: dict[str, Any]
    found: tuple[FoundFile, ...] = ()


def is_unresolved(parameters: Mapping[str, Any]) -> bool:
    """Whether the parameters have values that `resolved` replaces."""
    texts = [item for value in parameters.values() for item in (value if isinstance(value, list) else [value])]
    return any(isinstance(text, str) and (text == ASK or text.startswith(NEWEST)) for text in texts)


def resolved(
    parameters: Mapping[str, Any], owner: str, is_taken: Callable[[FoundFile], bool] = lambda _: False
) -> Chosen:
    """Return the parameters of an event with real paths in place of `newest:`; reads the disk, may wait a second.

    :param owner: of the files that are found
    :param is_taken: whether a version was taken before
    :raises InputGone: if no file matches, the only one is still being written, or a person has to choose one
    :raises AlreadyTaken: if the newest was taken before
    """
    found: list[FoundFile] = []

    def real(text: str) -> str:
        if text == ASK:
            raise InputGone(_('It needs a file that you choose.'), _('Choose one and run it.'))
        if not text.startswith(NEWEST):
            return text
        newest, unfinished = _newest(text, owner, waits=True)
        late = _('{file} is still being written.', file=unfinished) if unfinished else ''
        if newest is None:
            what = late or _('No file matches {pattern}.', pattern=text.removeprefix(NEWEST))
            raise InputGone(what, _('Run it when the file has arrived.') if late else _('Put one there, then run it.'))
        if is_taken(newest):
            taken = _('It has taken the newest file, {name}, before.', name=Path(newest.path).name)
            raise AlreadyTaken(f'{taken} {late}' if late else taken)
        found.append(newest)
        return newest.path

    return Chosen({name: mapped(value, real) for name, value in parameters.items()}, tuple(found))


def newest_match(value: str) -> Path | None:
    """Return the most recently changed file that matches `newest:PATTERN`, None if there is none; reads the disk.

    Upper and lower case are the same. Links, temporary files, and those still being written do not count.
    """
    found, __ = _newest(value, '', waits=False)
    return Path(found.path) if found else None


def matches(name: str, pattern: str) -> bool:
    """Whether a file name fits a pattern such as `*.mp4`, or one of several with commas between; in any case."""
    lower = name.lower()
    return any(fnmatch.fnmatchcase(lower, part.strip()) for part in pattern.lower().split(','))


def _newest(value: str, owner: str, *, waits: bool) -> tuple[FoundFile | None, str]:
    """Return the newest file that has arrived, and the name of a newer one that has not."""
    pattern, unfinished = Path(expanded(value.removeprefix(NEWEST))), ''
    try:
        candidates = sorted(_versions(pattern, owner), key=lambda found: found.mtime_ns, reverse=True)
    except (OSError, ValueError):
        return None, ''
    for found in candidates:
        if _has_arrived(found, waits=waits):
            return found, unfinished
        unfinished = unfinished or Path(found.path).name
    return None, unfinished


def _versions(pattern: Path, owner: str) -> Iterator[FoundFile]:
    with os.scandir(pattern.parent) as entries:
        for entry in entries:
            if matches(entry.name, pattern.name) and not is_temporary_name(entry.name):
                found = version_of(Path(entry.path), owner)
                if found is not None:
                    yield found


def _has_arrived(found: FoundFile, *, waits: bool) -> bool:
    path = Path(found.path)
    if not found.size or is_download(path) or being_written([path]):
        return False
    age = (time.time_ns() - found.mtime_ns) / SECOND_NS
    if waits and abs(age) < QUIET_SECONDS:
        time.sleep(QUIET_SECONDS - max(0.0, age))
        return found.is_there() and not being_written([path])
    return True
