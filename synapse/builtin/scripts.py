"""Which program runs a script: that of its `#!` line, else one for its suffix; for Python the one of its project."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from synapse.host.shebang import first_line, interpreter_of
from synapse.language import _
from synapse.pasted_paths import understood
from synapse.pipelines.pipeline import StepFailed

PROGRAMS = {
    '.bash': 'bash',
    '.zsh': 'zsh',
    '.fish': 'fish',
    '.pl': 'perl',
    '.rb': 'ruby',
    '.js': 'node',
    '.php': 'php',
}
ENVIRONMENTS = ('.venv', 'venv')
ROOTS = ('pyproject.toml', 'setup.py', 'setup.cfg', 'requirements.txt', 'uv.lock', 'Pipfile', '.git')
"""What marks the root of a Python project."""
_PYTHON = 'Scripts/python.exe' if os.name == 'nt' else 'bin/python'


def script_arguments(script: Path) -> list[str]:
    """Return the command that runs a script as a terminal would, whether or not it is executable.

    :raises StepFailed: if there is no such file, no program is known for it, or its `#!` line names one that is missing
    """
    if not script.is_file():
        raise StepFailed(
            _('There is no script {script}.', script=script), _('It may have been moved since this run was created.')
        )
    is_executable = os.access(script, os.X_OK)
    if words := interpreter_of(script):
        return [str(script)] if is_executable and os.name != 'nt' else [*words, str(script)]
    if script.suffix == '.py':
        return [python_of(script), str(script)]
    if script.suffix in PROGRAMS:
        return [_found(PROGRAMS[script.suffix], script), str(script)]
    if script.suffix == '.sh' or (is_executable and b'\0' not in first_line(script)):
        return ['/bin/sh', str(script)]  # without a #! line, a shell runs an executable text itself
    if is_executable:
        return [str(script)]
    hint = _('Try: chmod +x {script}, or add a #! line.', script=shlex.quote(str(script)))
    raise StepFailed(_('It is not known which program runs {name}.', name=script.name), hint)


def command_arguments(words: Sequence[str], cwd: Path) -> list[str]:
    """Return the words of a command whose first one may be the path, or the `file://` address, of a script.

    :param cwd: where the command starts, which a relative path begins at
    :raises StepFailed: as for a script, if the first word is a file
    """
    first, *rest = words
    if first.lower().startswith('file:'):
        first = understood(first)
    if os.sep not in first or not (cwd / first).is_file():
        return [first, *rest]
    try:
        *before, __ = script_arguments(cwd / first)
    except PermissionError:  # a program may be executable for those who cannot read it
        before = []
    return [*before, first, *rest]


def python_of(script: Path) -> str:
    """Return the Python for a script without a `#!` line: that of its project, else the person's, never Synapse's.

    :raises StepFailed: if there is none
    """
    for folder in _project_folders(script):
        for name in ENVIRONMENTS:
            python = folder / name / _PYTHON
            if python.is_file() and not _is_ours(python):
                return str(python)
    for place in filter(None, os.environ.get('PATH', os.defpath).split(os.pathsep)):
        for name in ('python3', 'python'):
            found = shutil.which(name, path=place)
            if found and not _is_ours(Path(found)):
                return found
    hint = _('Install Python, or make an environment next to the script: python3 -m venv .venv')
    raise StepFailed(_('There is no Python to run {name}.', name=script.name), hint)


def _project_folders(script: Path) -> Iterator[Path]:
    """Yield the folder of the script and, if that is inside a project, those above up to the root of the project."""
    folders = script.resolve().parents
    home = Path(os.path.expanduser('~')).resolve()  # noqa: PTH111 - the other fails without a home
    inside = [folder for folder in folders if folder != home and folder not in home.parents]
    root = next((place for place, folder in enumerate(inside) if any((folder / name).exists() for name in ROOTS)), 0)
    yield from inside[: root + 1] or folders[:1]


def _is_ours(python: Path) -> bool:
    """Whether it is the Python of the virtual environment that Synapse runs in."""
    if sys.prefix == sys.base_prefix:
        return False
    return python.parent.parent.resolve() == Path(sys.prefix).resolve()


def _found(program: str, script: Path) -> str:
    found = shutil.which(program)
    if found is None:
        raise StepFailed(
            _('{name} needs {program}, which was not found.', name=script.name, program=program),
            _('Install {program}.', program=program),
        )
    return found
