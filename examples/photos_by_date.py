"""Move photos and scans into a folder for each month, named by when they were taken. Needs exiftool."""

import shutil
from pathlib import Path

from pydantic import Field

from synapse import Pipeline, Run, StepFailed, step

TAGS = ('-MIMEType', '-Directory', '-FileName', '-DateTimeOriginal', '-CreateDate', '-FileModifyDate')


class PhotosByDate(Pipeline):
    """Sort photos, films and scans into 2026/2026-11, named by when they were taken.

    You see the list first and say whether to go on. Nothing is overwritten: a second photo of the same second gets a
    number. Files without a date of their own take the one of the file.
    """

    title = 'Photos by date'
    max_parallel = 1

    source: Path = Field(description='Where they are now, subfolders too.', json_schema_extra={'x-folder': True})
    library: Path = Field(description='Where the months go.', json_schema_extra={'x-folder': True})
    ask_first: bool = Field(default=True, description='Show the list and wait for an answer.')

    _moves: list[tuple[str, str]] = []

    @step
    def look(self, run: Run) -> None:
        rows: list[list[str]] = []

        def read(line: str) -> bool:
            row = line.split('\t')
            if len(row) == len(TAGS):
                rows.append(row)
            return len(row) == len(TAGS)

        run.shell(['exiftool', '-q', '-r', '-T', '-d', '%Y-%m-%d %H.%M.%S', *TAGS, str(self.source)], on_line=read)
        taken: set[Path] = set()
        for kind, folder, name, *dates in sorted(rows):
            if kind.startswith(('image/', 'video/')):
                date = next(date for date in dates if date[:1] in '12')
                target = free(self.library / date[:4] / date[:7] / f'{date}{Path(name).suffix.lower()}', taken)
                taken.add(target)
                self._moves.append((f'{folder}/{name}', str(target)))
        if not self._moves:
            raise StepFailed(f'There are no photos in {self.source}.')
        (run.workdir / 'moves.txt').write_text(''.join(f'{old} → {new}\n' for old, new in self._moves))
        run.artifact('moves.txt')

    @step
    def approve(self, run: Run) -> None:
        question = f'Move {len(self._moves)} files? moves.txt has the list.'
        if self.ask_first and run.ask(question, ['Move', 'Leave them']) != 'Move':
            raise StepFailed('Nothing was moved.')

    @step
    def move(self, run: Run) -> None:
        for count, (old, new) in enumerate(self._moves, start=1):
            run.progress(100 * count / len(self._moves), Path(new).name)
            if Path(old).exists() and not Path(new).exists():  # after a retry the first ones are there already
                Path(new).parent.mkdir(parents=True, exist_ok=True)
                shutil.move(old, new)
        run.log.success(f'Sorted {len(self._moves)} files into {self.library}')


def free(path: Path, taken: set[Path]) -> Path:
    """Return the path, or the next one with a number that no file has."""
    number, target = 1, path
    while target in taken or target.exists():
        number += 1
        target = path.with_stem(f'{path.stem}-{number}')
    return target
