"""Turns exceptions into what a person needs: a sentence, a hint, and the place in their own file."""

import errno
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from synapse.language import Text, _, joined, parts_of, spoken, text_from
from synapse.records import Problem

from .pipeline import BrokenPipeline, ProgramFailed, StepFailed

LONGEST_MESSAGE = 2_000
LONGEST_TRACEBACK = 32_000
_OURS = tuple(str(Path(__file__).parents[1] / room) for room in ('host', 'pipelines'))


class StepTimeout(BaseException):
    """A step took longer than it may. Not an `Exception`, so that `except Exception` in a step does not swallow it."""

    def __init__(self, step: str, seconds: float) -> None:
        super().__init__(
            _(
                '{step} took longer than the {length} it may take.',
                step=step.replace('_', ' ').upper(),
                length=length_of(seconds),
            )
        )


def problem_of(error: BaseException, origin: str | None = None, machine: str = '') -> Problem:
    """Return an exception as a `Problem`.

    :param origin: path of the person's file; the problem is placed at the innermost line in it
    :param machine: what this machine is called, if the control room is on another one; the hint names it then
    """
    problem = _problem_of(error, origin, machine)
    if not machine or machine in problem.hint:
        return problem
    return problem.changed(hint=joined(problem.hint, _('It ran on {machine}.', machine=machine)))


def _problem_of(error: BaseException, origin: str | None, machine: str) -> Problem:
    if isinstance(error, ProgramFailed):
        about: dict[str, Any] = {'program': error.program, 'exit_code': error.exit_code}
        return Problem(message=error.message, hint=error.hint, type='StepFailed', **about)
    if isinstance(error, StepFailed):
        return Problem(message=error.message or _('The step failed.'), hint=error.hint, type='StepFailed')
    if isinstance(error, BrokenPipeline):
        return Problem(message=spoken(error), type=type(error).__name__, file=origin)
    if isinstance(error, StepTimeout):
        hint = _('Raise its timeout in @step, or find out why it takes so long.')
        return Problem(message=spoken(error), hint=hint, type='timeout')
    if isinstance(error, SystemExit):
        return Problem(message=_exit_words(error), type='exit')
    file, line = place_of(error, origin)
    return Problem(
        message=sentence(error),
        hint=_hint(error, machine),
        type=type(error).__name__,
        file=file,
        line=line,
        traceback=_traceback(error),
        **_program_of(error),
    )


def _program_of(error: BaseException) -> dict[str, Any]:
    """Return what is known of the program if one has failed, with what it said if its output was captured."""
    # Only a step that has imported it can raise this, and most do without it.
    failed = getattr(sys.modules.get('subprocess'), 'CalledProcessError', None)
    if failed is None or not isinstance(error, failed):
        return {}
    from synapse.failures.last_words import last_words

    program = _program_in(error.cmd)
    captured = [os.fsdecode(part) for part in (error.output, error.stderr) if part]
    said = last_words('\n'.join(captured).splitlines(), program, longest=LONGEST_MESSAGE)
    return {'program': program, 'exit_code': error.returncode, 'reason': said.text if said else ''}


def _program_in(command: Any) -> str:
    """Return the name of the program in a command as `subprocess` takes it, a text or a list."""
    if isinstance(command, str | bytes):
        words = os.fsdecode(command).split()
        return Path(words[0]).name if words else ''
    return Path(os.fsdecode(command[0] if isinstance(command, list | tuple) and command else command or '')).name


def _exit_words(error: SystemExit) -> str:
    """Return the text given to `sys.exit`, as Python prints it, or the number."""
    if isinstance(error.code, int):
        return _('It ended Python with exit code {code}.', code=error.code)
    text = str(error.code).strip()
    return _cut(text) if text else _('It ended Python with exit code 1.')


def sentence(error: BaseException) -> str:
    """Return class and message, `KeyError: 'x'`, or only the class if it has no message."""
    try:
        text = error.msg if isinstance(error, SyntaxError) and error.msg else str(error)
    except Exception:  # the `__str__` of a person's own exception may fail
        text = ''
    full = f'{type(error).__name__}: {text}' if text.strip() else type(error).__name__
    return _cut(full)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else f'{text[:LONGEST_MESSAGE]} …'


def place_of(error: BaseException, origin: str | None) -> tuple[str | None, int | None]:
    """Return file and line to look at first: the innermost in `origin`, else the innermost outside Synapse."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = _frames(error)
    theirs = [place for place in frames if place[0] == origin]
    others = [place for place in frames if not place[0].startswith((*_OURS, '<frozen'))]
    return next(reversed(theirs or others), (None, None))


def files_in(error: BaseException) -> set[str]:
    """Return the files through which an error passed, also one that came before it."""
    files = {file for file, _ in _frames(error)}
    if isinstance(error, SyntaxError) and error.filename:
        files.add(error.filename)
    earlier = error.__cause__ or error.__context__
    return files | files_in(earlier) if earlier is not None else files


def _frames(error: BaseException) -> list[tuple[str, int]]:
    return [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]


def length_of(seconds: float) -> str:
    """Return a duration in words: `1 min 30 s` for 90."""
    if seconds < 60:
        return f'{seconds:g} s'
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, 'h'), (minutes, 'min'), (rest, 's')]
    return ' '.join(f'{number} {unit}' for number, unit in parts if number)


def _traceback(error: BaseException) -> str:
    first = error.__traceback__
    while first is not None and first.tb_next is not None and _is_ours(first):
        first = first.tb_next
    text = ''.join(traceback.format_exception(type(error), error, first)).rstrip()
    half = LONGEST_TRACEBACK // 2
    return text if len(text) <= LONGEST_TRACEBACK else f'{text[:half]}\n…\n{text[-half:]}'


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith((*_OURS, '<frozen'))


def _hint(error: BaseException, machine: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition('.')[0]
        if machine:
            return _('Install it on {machine}: python -m pip install {package}', machine=machine, package=package)
        return _('Install it where Synapse runs: python -m pip install {package}', package=package)
    if isinstance(error, MemoryError):
        return _('The machine or the process limit has no memory left. Work in smaller parts.')
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, 'EDQUOT', None)):
        return _('Free some space, then retry from this step.')
    if isinstance(error, ValueError) and 'object has no field' in str(error):
        return _('Declare it in the class, for example `_name: str = ""`; then it is also saved for later steps.')
    if isinstance(error, KeyboardInterrupt):
        return _('Something raised this as if Ctrl-C had been pressed. To end a step early, call sys.exit().')
    return ''


def as_describe_error(error: BaseException, file: str) -> dict[str, Any]:
    """Return what is wrong with a pipeline file, as the catalog shows it."""
    problem = problem_of(error, file)
    place = problem.file or os.fspath(file), problem.line
    if problem.traceback and not isinstance(error, SyntaxError):
        folder = os.path.join(os.path.dirname(file), '')  # noqa: PTH118, PTH120  compared as text
        place = next((each for each in reversed(_frames(error)) if each[0].startswith(folder)), place)
    return {
        'file': place[0],
        'line': place[1],
        'message': problem.message,
        'hint': problem.hint,
        'traceback': problem.traceback,
    }


def error_sent(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return such an error for another process: with what its texts were made of, which `error_received` reads."""
    texts = {name: value for name, value in error.items() if isinstance(value, Text)}
    return {**error, 'parts': {name: parts_of(text) for name, text in texts.items()}}


def error_received(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error that `error_sent` has made, with texts that can be said in another language."""
    received = {name: value for name, value in error.items() if name != 'parts'}
    return received | {name: text_from(received[name], parts) for name, parts in error.get('parts', {}).items()}
