"""Why a program could not be started, and what to write instead: what only a shell knows has no file."""

import errno
import os
import re
import shlex
import shutil
from pathlib import Path

from storage.foreign_words import system_words
from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

from .shebang import interpreter_of

_WORDS = (
    '. : [[ alias bg builtin case cd command declare dirs disown do done elif else esac eval exec exit export fg fi '
    'for function getopts hash history if jobs let local popd pushd read readonly return select set shift shopt '
    'source then times trap type typeset ulimit umask unalias unset until wait while { ( !'
)
BUILT_INS = frozenset(_WORDS.split())
"""What a shell does itself. Some systems have programs of these names, which do nothing useful but for POSIX."""


def not_started(program: str, cwd: Path, error: OSError) -> StepFailed:
    """Return the failure to raise for an error of the system when it was to start a program.

    :param cwd: where it was to start, which a relative path begins at
    """
    path = cwd / program if os.sep in program else Path(shutil.which(program) or '')
    if path.is_dir() and os.sep in program:
        return StepFailed(
            _('{program} is a folder, not a program.', program=program), _('Give the path of a program in it.')
        )
    if isinstance(error, FileNotFoundError):
        return _of_its_interpreter(path) or StepFailed(
            _('The program {program!r} was not found.', program=program), how_to_name(program)
        )
    if isinstance(error, PermissionError):
        return StepFailed(
            _('The program {program!r} is not executable.', program=program),
            _('Try: chmod +x {program}', program=shlex.quote(program)),
        )
    hint = _('It needs a first line like #!/bin/sh, or it was built for another kind of machine.')
    hint = hint if error.errno == errno.ENOEXEC else ''
    return StepFailed(
        _(
            'The program {program!r} could not be started: {reason}.',
            program=program,
            reason=system_words(error),
        ),
        hint,
    )


def _of_its_interpreter(path: Path) -> StepFailed | None:
    """Return what is wrong with the `#!` line of a script that exists but was not found by the system."""
    try:
        if path.is_file():
            interpreter_of(path)
    except StepFailed as failure:
        return failure
    except OSError:
        pass
    return None


def how_to_name(program: str) -> str:
    """Return a sentence on what was probably meant, and how to write it."""
    meant = os.path.expandvars(os.path.expanduser(program))  # noqa: PTH111 - the other fails without a home
    if program.startswith('~') or '$' in program:
        return (
            _('Only a shell replaces ~ and variables. Write {meant}.', meant=meant)
            if meant != program
            else _('Write its full path.')
        )
    if program in ('cd', 'pushd', 'popd'):
        return _('{program} is part of a shell. Give the folder to start in with cwd instead.', program=program)
    if program in BUILT_INS:
        return _("{program} is part of a shell. To use it, run it with a shell: ['sh', '-c', '...'].", program=program)
    if re.match(r'[A-Za-z_]\w*=', program):
        return _('{program} sets a variable in a shell. Give it with env instead.', program=program)
    if ' ' in program:
        return _('Give the program and each argument as a separate entry.')
    if os.sep in program:
        return _('Check the path.')
    return _('Install it, or give its full path. If it is an alias of your shell, write what it stands for.')
