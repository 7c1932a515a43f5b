"""Files of a run folder, whole or absent: outputs and the checkpoint."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from synapse.pipeline import StepFailed


def keep_file(source: Path, target: Path, *, may_link: bool) -> int:
    """Link or copy a file to its place among the outputs and give its size in bytes.

    :raises StepFailed: if `source` is no file
    """
    if source.is_dir():
        raise StepFailed(f'{source} is a folder; an output is a file.', 'Keep its files one by one, or an archive.')
    if not source.is_file():
        raise StepFailed(f'No file is at {source}, so it cannot be kept as an output.')
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return target.stat().st_size
    beside = target.with_name(f'{target.name}.part')
    beside.unlink(missing_ok=True)
    try:
        if not (may_link and not source.is_symlink() and _is_linked(source, beside)):
            shutil.copyfile(source, beside)
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return target.stat().st_size


def _is_linked(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError:
        return False
    return True


def write_checkpoint(path: Path, document: dict[str, Any]) -> None:
    """Replace the checkpoint by a newer one; after a crash it is the old or the new one."""
    beside = path.with_name(f'{path.name}.part')
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, 'w', encoding='utf-8') as file:
        json.dump(document, file, ensure_ascii=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
