"""Which program runs a script: that of its `#!` line, else one for its suffix; for Python the one of its project."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

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
_LINE_BYTES = 1000
_PYTHON = 'Scripts/python.exe' if os.name == 'nt' else 'bin/python'


def script_arguments(script: Path) -> list[str]:
    """Return the command that runs a script as a terminal would, whether or not it is executable.

    :raises StepFailed: if there is no such file, no program is known for it, or its `#!` line names one that is missing
    """
    if not script.is_file():
        raise StepFailed(f'There is no script {script}.', 'It may have been moved since this run was created.')
    with script.open('rb') as file:
        first = file.readline(_LINE_BYTES)
    is_executable = os.access(script, os.X_OK)
    if first.startswith(b'#!') and first[2:].strip():
        words = _interpreter(script, first)
        return [str(script)] if is_executable and os.name != 'nt' else [*words, str(script)]
    if script.suffix == '.py':
        return [python_of(script), str(script)]
    if script.suffix in PROGRAMS:
        return [_found(PROGRAMS[script.suffix], script), str(script)]
    if script.suffix == '.sh' or (is_executable and b'\0' not in first):
        return ['/bin/sh', str(script)]  # without a #! line, a shell runs an executable text itself
    if is_executable:
        return [str(script)]
    raise StepFailed(f'It is not known which program runs {script.name}.', f'Try: chmod +x {script}, or add a #! line.')


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
    hint = 'Install Python, or make an environment next to the script: python3 -m venv .venv'
    raise StepFailed(f'There is no Python to run {script.name}.', hint)


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


def _interpreter(script: Path, first: bytes) -> list[str]:
    """Return the words of a `#!` line as the system reads it: a program and at most one argument."""
    line = first[2:].rstrip(b'\n').decode('utf-8', 'replace')
    if line.endswith('\r'):
        raise StepFailed(
            f'The lines of {script.name} end as on Windows (CRLF), so its first one names “{line.strip()}␍”.',
            f"Convert it: sed -i 's/\\r$//' {script}",
        )
    words = line.split(None, 1)
    words = [words[0], *(word.strip() for word in words[1:])]
    if os.name != 'nt' and not Path(words[0]).is_file():
        raise StepFailed(
            f'The first line of {script.name} names {words[0]}, which does not exist.',
            f'Install it, or change the first line of {script}.',
        )
    return words


def _found(program: str, script: Path) -> str:
    found = shutil.which(program)
    if found is None:
        raise StepFailed(f'{script.name} needs {program}, which was not found.', f'Install {program}.')
    return found
