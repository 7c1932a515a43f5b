"""The input files of a run: which parameters are paths, whether the files exist, and how a run takes them over."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from storage.copies import Watch, break_hard_links, copy
from storage.files import named_errors, write_atomically
from storage.foreign_words import system_words
from synapse.errors import Conflict, NotFound
from synapse.language import N_, _, translated
from synapse.pasted_paths import understood
from synapse.sentences import command_text

from .arriving import FoundFile
from .inbox import PREFIX as INBOX
from .inbox import Inbox
from .mounts import is_made_up
from .names import is_accepted, refusal, unacceptable, without_controls

NEWEST = 'newest:'
"""In an event: the newest file that matches a pattern such as `newest:/srv/media/*.mp4` when it falls due."""
ASK = 'ask:'
"""In an event: a person has to choose the file each time."""

RECORD = 'inputs.json'
"""In the folder of a run: size and modification time of the files it took over, as they were then."""

_PATH_FORMATS = ('path', 'file-path', 'directory-path')
_LONGEST_NAME = 200
_LONGEST_SUBJECT = 80


class InputGone(Conflict):
    """A file that a run needs is gone."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__('input_gone', message, hint)


def paths_in(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield parameter name and value of each path that is set, in the order of the form; a list yields several."""
    for name, field in schema.get('properties', {}).items():
        value = parameters.get(name)
        if value and isinstance(value, str | list) and _is_path(field):
            values = value if isinstance(value, list) else [value]
            yield from ((name, item) for item in values if isinstance(item, str) and item)


def problems_with(schema: Mapping[str, Any], parameters: Mapping[str, Any], inbox: Inbox, data: Path) -> dict[str, str]:
    """Return a sentence for each path parameter whose file cannot be used; reads the disk.

    :param data: the data folder, in which `newest:` is refused
    """
    found: dict[str, str] = {}
    for name, value in _chosen_in(schema, parameters):
        problem = _problem_with(value, schema['properties'][name], inbox, data)
        if problem:
            found.setdefault(name, problem)
    return found


def accepted_by(field: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the suffixes of the files that a parameter takes, in lower case; none if it takes every file."""
    return tuple(str(suffix).lower() for suffix in field.get('x-accepts') or ())


def made_up_words(folder: Path) -> str:
    """Return why nothing can be taken from such a folder, see `is_made_up`."""
    return _('{path} holds no files, only what the system says of itself. Choose a folder on a disk.', path=folder)


def has_inputs(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    """Whether there is anything for `problems_with` to look at."""
    return any(True for _ in _chosen_in(schema, parameters))


def with_home(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the paths that people meant: without quotes around, with the home folder for `~`."""
    fields = schema.get('properties', {})
    return {
        name: mapped(value, expanded) if _is_path(fields.get(name, {})) else value for name, value in parameters.items()
    }


def subject_of(schema: Mapping[str, Any], parameters: Mapping[str, Any], inbox: Inbox, title: str = '') -> str:
    """Return what a run is about: its command, or else the name of its first file or folder; may be empty.

    :param title: of its event, which says more than a command, or than nothing
    """
    command = parameters.get('command')
    is_command = isinstance(command, list)
    # The folder in which a command runs is not what it is about.
    for __, value in () if is_command and (command or title) else paths_in(schema, parameters):
        if not value.startswith(INBOX):
            return PurePath(value).name or value
        try:
            return inbox.get(value.removeprefix(INBOX)).name
        except NotFound:
            return value
    text = title or (' '.join(command_text(command).split()) if isinstance(command, list) else '')
    return text if len(text) <= _LONGEST_SUBJECT else f'{text[: _LONGEST_SUBJECT - 1].rstrip()}…'


def files_among(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield parameter name and path of each file or folder that a run reads, where the path is a full one."""
    fields = schema.get('properties', {})
    for name, value in paths_in(schema, parameters):
        if Path(value).is_absolute() and not fields[name].get('x-new'):
            yield name, Path(value)


def inbox_ids(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> set[str]:
    """Return the ids of the inbox files that parameters refer to."""
    values = (value for _, value in paths_in(schema, parameters))
    return {value.removeprefix(INBOX) for value in values if value.startswith(INBOX)}


def take_over(
    schema: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    inbox: Inbox,
    runs: Path,
    target: Path,
    watch: Watch,
    found: Sequence[FoundFile] = (),
) -> dict[str, str]:
    """Put files from the inbox or from another run's folder into `target`; reads and writes the disk.

    What belongs to another run or was `found` in a watch folder is copied. A file of the inbox is hard-linked, so that
    one that leaves the inbox costs neither time nor space; call `make_independent` before anything writes to it.

    :return: the new path of each value that changes
    :raises InputGone: if a file is gone, or one that was found has changed since
    :raises StorageError: if the disk refuses
    :raises CopyStopped: if `watch` returns False
    """
    versions = {file.path: file for file in found}
    places: dict[str, str] = {}
    for __, value in _inputs_in(schema, parameters):
        if value in places:
            continue
        source, label = _source(value, inbox)
        if not source.exists():
            raise InputGone(
                _('The file {source} is gone; it was there when this run was created.', source=source),
                translated(_GONE_HINT),
            )
        if value.startswith(INBOX):
            places[value] = str(_linked(source, _place_for(label, target), watch))
        elif value in versions or _is_of_another_run(source, runs, target):
            place = _place_for(label, target)
            copy(source, place, watch=watch, as_new=True, sync=True)
            if value in versions and not versions[value].is_there():
                place.unlink()
                raise InputGone(
                    _('The file {source} has changed since it was taken.', source=source), translated(_CHANGED_HINT)
                )
            places[value] = str(place)
    return places


def make_independent(folder: Path, watch: Watch) -> None:
    """Turn files that are still linked elsewhere into copies with the mode of a new file, and record what they are.

    :raises StorageError: if the disk refuses
    :raises CopyStopped: if `watch` returns False
    """
    files = [path for path in folder.iterdir() if path.is_file()]
    for path in files:
        break_hard_links(path, watch=watch)
    write_atomically(_record_of(folder), json.dumps({path.name: _stamp(path) for path in files}).encode())


def is_unchanged(path: Path) -> bool:
    """Whether an input of a run is as that run took it over; True where that was not recorded."""
    try:
        known = json.loads(_record_of(path.parent).read_bytes()) if path.parent.name == 'inputs' else {}
        return bool(known.get(path.name, _stamp(path)) == _stamp(path))
    except (OSError, ValueError, AttributeError):
        return True


def with_places(value: Any, places: Mapping[str, str]) -> Any:
    """Return the JSON value with each text that is a key of `places` replaced."""
    return mapped(value, lambda text: places.get(text, text))


def with_folder(value: Any, old: Path, new: Path) -> Any:
    """Return the JSON value with each path inside `old` pointing inside `new`."""
    prefix = f'{old}{os.sep}'
    return mapped(value, lambda text: f'{new}{os.sep}{text.removeprefix(prefix)}' if text.startswith(prefix) else text)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return the JSON value with each text in it changed, except keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    return value


_FULL_PATH_HINT = N_('Start with a drive, such as C:\\, or with ~.') if os.name == 'nt' else N_('Start with / or ~.')
_CHANGED_HINT = N_('Its new version gets a run of its own. To use it here, retry this run.')
_GONE_HINT = N_('Put it back and retry, or start a new run with another file.')


def _inputs_in(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`paths_in` without defaults, which are up to the pipeline, and files the run will create (`x-new`)."""
    fields = schema.get('properties', {})
    return ((name, value) for name, value in _chosen_in(schema, parameters) if not fields[name].get('x-new'))


def _chosen_in(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    fields = schema.get('properties', {})
    return ((name, value) for name, value in paths_in(schema, parameters) if value != fields[name].get('default'))


def _is_path(field: Mapping[str, Any]) -> bool:
    options = (field, *field.get('anyOf', ()), field.get('items') or {})
    return any(option.get('format') in _PATH_FORMATS for option in options)


def expanded(text: str) -> str:
    """Return the path that a person meant by a text; one behind `newest:` stays behind it."""
    prefix = NEWEST if text.startswith(NEWEST) else ''
    return prefix + understood(text.removeprefix(prefix))


def _problem_with(value: str, field: Mapping[str, Any], inbox: Inbox, data: Path) -> str:
    if value == ASK:
        return ''
    if value.startswith(NEWEST):
        folder = Path(value.removeprefix(NEWEST)).parent
        if not folder.is_absolute():
            return _('Give the full path of the folder, such as newest:/srv/media/*.mp4.')
        if folder.resolve().is_relative_to(data.resolve()):
            return _('Synapse keeps its own files there. Choose another folder.')
        if is_made_up(folder):
            return made_up_words(folder)
        return _not_fitting(folder, is_folder=True) or _pattern_not_accepted(Path(value).name, field)
    if value.startswith(INBOX):
        try:
            return _not_accepted(inbox.get(value.removeprefix(INBOX)).name, field)
        except NotFound:
            return _('The inbox has no file {id}. Upload it again.', id=value.removeprefix(INBOX))
    path = Path(value)
    if not path.is_absolute():
        return _('{path} is not a full path. {hint}', path=value, hint=translated(_FULL_PATH_HINT))
    is_folder = _is_folder(field)
    if field.get('x-new'):
        is_file = is_folder and path.is_file()
        return _('{path} is a file, not a folder. Choose a new folder.', path=value) if is_file else ''
    if problem := _not_fitting(path, is_folder=is_folder):
        return problem
    return _not_accepted(path.name, field) if path.is_file() else ''  # the name of a pipe or device says nothing


def _not_accepted(name: str, field: Mapping[str, Any]) -> str:
    suffixes = accepted_by(field)
    return '' if is_accepted(name, suffixes) else refusal(name, suffixes)


def _pattern_not_accepted(pattern: str, field: Mapping[str, Any]) -> str:
    suffixes = accepted_by(field)
    wrong = unacceptable(pattern, suffixes)
    return refusal(wrong, suffixes) if wrong else ''


def _is_folder(field: Mapping[str, Any]) -> bool | None:
    """Whether a path has to be a folder; None where it may be that or a file."""
    formats = {option.get('format') for option in (field, *field.get('anyOf', ()), field.get('items') or {})}
    if field.get('x-folder') or 'directory-path' in formats:
        return True
    return False if field.get('x-accepts') or 'file-path' in formats else None


def _not_fitting(path: Path, *, is_folder: bool | None) -> str:
    try:
        if not path.exists():
            missing = _('There is no file at {path}.', path=path)
            return _('There is no folder at {path}.', path=path) if is_folder else missing
        if is_folder and not path.is_dir():
            return _('{path} is a file, not a folder. Choose a folder.', path=path)
        is_wrong = is_folder is False and path.is_dir()
        return _('{path} is a folder, not a file. Choose a file.', path=path) if is_wrong else ''
    except OSError as error:
        return _('{path} cannot be read: {reason}.', path=path, reason=system_words(error))


def _source(value: str, inbox: Inbox) -> tuple[Path, str]:
    if not value.startswith(INBOX):
        path = Path(value)
        return path, path.name
    item_id = value.removeprefix(INBOX)
    try:
        return inbox.path(item_id), inbox.get(item_id).name
    except NotFound as error:
        raise InputGone(
            _('The file {id} left the inbox before this run started.', id=item_id), translated(_GONE_HINT)
        ) from error


def _is_of_another_run(source: Path, runs: Path, target: Path) -> bool:
    """Whether it is in the folder of a run, by whatever path, other than the one `target` belongs to."""
    runs, own, source = runs.resolve(), target.parents[1].resolve(), source.resolve()
    return runs in source.parents and source != own and own not in source.parents


def _place_for(label: str, folder: Path) -> Path:
    with named_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return _free_name(folder, _safe_name(label))


def _linked(source: Path, target: Path, watch: Watch) -> Path:
    try:
        os.link(source, target)
    except OSError:  # a disk without hard links
        copy(source, target, watch=watch, as_new=True, sync=True)
    return target


def _record_of(folder: Path) -> Path:
    return folder.parent.with_name(RECORD)


def _stamp(path: Path) -> list[int]:
    known = path.stat()
    return [known.st_size, known.st_mtime_ns]


def _safe_name(label: str) -> str:
    """Return a safe file name: no folder, no control characters, not too long, never hidden."""
    text = without_controls(label.replace('\\', '/').rsplit('/', 1)[-1]).strip()
    path = PurePath(text.lstrip('.') or 'input')
    suffix = path.suffix[:20]
    stem = path.stem.encode()[: _LONGEST_NAME - len(suffix.encode())].decode(errors='ignore')
    return f'{stem}{suffix}'


def _free_name(folder: Path, name: str) -> Path:
    path, number = folder / name, 2
    while path.exists():
        path = folder / f'{Path(name).stem} ({number}){Path(name).suffix}'
        number += 1
    return path
