"""How this Synapse is called: `python main.py` where its files are checked out, `synapse` where it is installed."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IS_CHECKED_OUT = (ROOT / 'pyproject.toml').is_file()
NAME = 'python main.py' if IS_CHECKED_OUT else 'synapse'
"""For sentences that tell a person what to type."""


def command_line() -> list[str]:
    """Return the command that starts this very Synapse from any folder, with absolute paths."""
    # Not resolved: the Python of a virtual environment is a link, and leads there only as one.
    python = Path(sys.executable).absolute()
    if IS_CHECKED_OUT:
        return [str(python), str(ROOT / 'main.py')]
    script = python.with_name('synapse.exe' if sys.platform == 'win32' else 'synapse')
    return [str(script)] if script.is_file() else [str(python), '-m', 'main']


def how_to_add(name: str) -> str:
    """Return the command that adds the packages of an extra, such as `native`, to this very Synapse."""
    python = Path(sys.executable).absolute()
    package = f'{ROOT}[{name}]' if IS_CHECKED_OUT else f'synapse-control-room[{name}]'
    if (python.parent.parent / 'pipx_metadata.json').is_file():
        return f'pipx install --force "{package}"'
    if (python.parent.parent / 'uv-receipt.toml').is_file():
        return f'uv tool install --force "{package}"'
    return f'"{python}" -m pip install {"-e " if IS_CHECKED_OUT else ""}"{package}"'
