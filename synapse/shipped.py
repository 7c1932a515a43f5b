"""Files that are shipped beside the program: in its checkout, or in `share/synapse` once it is installed."""

import sys
import sysconfig
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent
_ROOTS = (_HERE, _HERE / 'share/synapse', Path(sys.prefix, 'share/synapse'))


def shipped(folder: str) -> Path:
    """Return where a folder such as `docs/guide` is.

    Installed, it is below the environment; with `pip install --user` below the home folder, with `--target` beside the
    packages.
    """
    user = Path(sysconfig.get_path('data', sysconfig.get_preferred_scheme('user')), 'share/synapse')
    return next((root / folder for root in (*_ROOTS, user) if (root / folder).is_dir()), _HERE / folder)
