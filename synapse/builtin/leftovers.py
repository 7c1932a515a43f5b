"""Keeps the files that a command left in the folder of its run as outputs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from synapse.host.run import Run
from synapse.language import _, _n

Outputs = Literal['small', 'all', 'none']

SMALL_BYTES = 20 * 1000**2
MOST_BYTES = 100 * 1024**2
"""All small files together."""
MOST_FILES = 50
"""More than these are a tree, such as a checkout, rather than results."""
MOST_OF_ALL = 1000


def keep_files(run: Run, which: Outputs) -> None:
    """Move the files in `run.workdir` to the outputs of the run, and log which ones are not kept.

    Links, hidden files and what is in hidden folders are left out.
    """
    files = sorted(_files_in(run.workdir)) if which != 'none' else []
    if not files:
        return
    most = MOST_FILES if which == 'small' else MOST_OF_ALL
    if len(files) > most:
        text = _n(
            'It left {count} file in its folder, too many to be outputs',
            'It left {count} files in its folder, too many to be outputs',
            len(files),
        )
        run.log.info(text, folder=str(run.workdir), most=most)
        return
    left_out, total = [], 0
    for name in files:
        path = run.workdir / name
        size = path.stat().st_size
        if which == 'small' and (size > SMALL_BYTES or total + size > MOST_BYTES):
            left_out.append(name)
            continue
        total += size
        run.artifact(path, name, move=True)
    if left_out:
        names = ', '.join(left_out[:5]) + (' ...' if len(left_out) > 5 else '')
        text = _('Too large to be outputs: {names}. Choose “all” for outputs to keep such files', names=names)
        run.log.info(text, folder=str(run.workdir))


def _files_in(folder: Path) -> Iterator[str]:
    """Yield the paths of plain files below the folder, with `/`."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith('.')]
        for name in names:
            path = Path(place) / name
            if not name.startswith('.') and path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix()
