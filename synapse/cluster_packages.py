"""The packages that other machines need: whether they are installed, and how they come into our own environment."""

import asyncio
import importlib
import importlib.util
import sys
import tomllib
from pathlib import Path

from .errors import SynapseError
from .language import _

ROOT = Path(__file__).parent.parent
LAST_WORDS = 300


class NotInstalled(SynapseError):
    """The packages for other machines are missing."""

    status = 503

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__('packages_missing', message, hint)


def are_installed() -> bool:
    """Whether Dask can be imported; it is not."""
    return importlib.util.find_spec('distributed') is not None


def can_be_installed() -> bool:
    """Whether this is a checkout with the environment that its first start has made."""
    own = ROOT / '.venv'
    return (ROOT / 'pyproject.toml').is_file() and Path(sys.prefix).resolve() == own.resolve()


def missing() -> NotInstalled:
    """Return the error that says how a person installs them."""
    text = _('The packages for other machines are missing.')
    return NotInstalled(text, _('Install them with: {command}', command='pip install "synapse[cluster]"'))


async def install() -> None:
    """Bring them into our own environment, in a minute or less.

    :raises NotInstalled: if pip cannot
    """
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    pip = await asyncio.create_subprocess_exec(
        *(sys.executable, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--quiet'),
        *project['optional-dependencies']['cluster'],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _nothing = await pip.communicate()
    finally:
        if pip.returncode is None:
            pip.kill()
    if pip.returncode:
        reason = said.decode('utf-8', 'replace').strip()[-LAST_WORDS:]
        text = _('The packages for other machines could not be installed: {reason}', reason=reason)
        raise NotInstalled(text, _('Is the network reachable?'))
    importlib.invalidate_caches()
