"""The sentences about events of a file that cannot be imported."""

from collections.abc import Sequence

from synapse.errors import Invalid
from synapse.language import N_, _, _n, translated

from .import_result import ImportResult
from .reading import Unread

ADD_LINE = N_('add a line like "pipeline: BackupFolder" to their description.')
NAMES_NONE = N_('names no pipeline; add a line like "pipeline: BackupFolder" to its description.')
MAX_NAMED = 3
"""How many events the message names, if none can be imported."""
MAX_PROBLEMS = 100
"""How many of them are in `fields`."""


def nothing_imported(problems: Sequence[Unread]) -> Invalid:
    """Return the error for a file of which nothing is left: it names some of the problems, and has more in `fields`."""
    nameless = [
        problem for problem in problems if problem.reason.endswith((translated(NAMES_NONE), translated(ADD_LINE)))
    ]
    sentences = [problem.reason for problem in problems]
    if len(nameless) > 1:  # what to do comes first: most events of other calendars are like that
        sentences = [problem.reason for problem in problems if problem not in nameless]
        without = _n('{count} event names no pipeline;', '{count} events name no pipeline;', len(nameless))
        sentences.insert(0, f'{without} {translated(ADD_LINE)}')
    message = ' '.join([_('Nothing was imported.'), *sentences[:MAX_NAMED]])
    if len(sentences) > MAX_NAMED:
        more = len(sentences) - MAX_NAMED
        message += ' ' + _n('{count} more cannot be imported.', '{count} more cannot be imported.', more)
    return Invalid(message, _fields(problems), _('Fix them in the file, or remove them from it.'))


def require_any(result: ImportResult) -> None:
    """:raises Invalid: if nothing of the file can be imported, since all its events are without a pipeline"""
    is_any_left = result.created or result.updated or result.deleted or result.unchanged
    if result.without_pipeline and not (is_any_left or result.skipped):
        left = [Unread(uid=one.uid, name=one.title, reason=one.reason) for one in result.without_pipeline]
        raise nothing_imported(left)


def _fields(problems: Sequence[Unread]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for problem in problems[:MAX_PROBLEMS]:
        name = problem.name
        number = sum(key == name or key.startswith(f'{name} (') for key in fields) + 1
        fields[name if number == 1 else f'{name} ({number})'] = problem.reason
    return fields


def quoted(name: str) -> str:
    return f"'{name}'"
