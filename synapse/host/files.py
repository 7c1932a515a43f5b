"""Files of a run folder, whole or absent: outputs and the checkpoint."""

import json
import os
from pathlib import Path
from typing import Any

from storage.copies import Watch, copy
from storage.files import StorageError
from synapse.pipelines.pipeline import StepFailed


def keep_file(source: Path, target: Path, *, move: bool, watch: Watch) -> int:
    """Copy or move a file to its place among the outputs and give its size in bytes.

    :param watch: what it raises ends the copy, of which then nothing is left
    :raises StepFailed: if `source` is no file, or the disk refuses
    """
    if source.is_dir():
        raise StepFailed(f'{source} is a folder; an output is a file.', 'Keep its files one by one, or an archive.')
    if not source.is_file():
        raise StepFailed(f'No file is at {source}, so it cannot be kept as an output.')
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return target.stat().st_size
    if move and not source.is_symlink():
        source.replace(target)
        return target.stat().st_size
    try:
        copy(source, target, watch=watch)
    except StorageError as error:
        raise StepFailed(str(error), 'Look at the disk of the data folder, then retry from this step.') from error
    return target.stat().st_size


def write_checkpoint(path: Path, document: dict[str, Any]) -> None:
    """Replace the checkpoint by a newer one; after a crash it is the old or the new one."""
    beside = path.with_name(f'{path.name}.part')
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, 'w', encoding='utf-8') as file:
        json.dump(document, file, ensure_ascii=True)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
