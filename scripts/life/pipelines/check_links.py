"""Finds links between notes that lead nowhere."""

import re
from pathlib import Path

from pydantic import Field, PrivateAttr

from synapse import Pipeline, Run, StepFailed, step

_LINK = re.compile(r'\]\((?P<target>[^)#:]+\.md)\)')


class CheckLinks(Pipeline):
    """Follows every link from one note to another, and fails if one of them leads nowhere."""

    notes: Path = Field(description='A folder of Markdown files.')

    _found: list[str] = PrivateAttr(default_factory=list)

    @step
    def find(self, run: Run) -> None:
        for path in sorted(self.notes.glob('*.md')):
            targets = _LINK.findall(path.read_text(encoding='utf-8'))
            run.log.debug(f'{path.name} has {len(targets)} links')
            self._found += [f'{path.name} {target}' for target in targets]
        run.log.info(f'{len(self._found)} links were found')

    @step
    def follow(self, run: Run) -> None:
        broken = []
        for place, link in enumerate(self._found, start=1):
            source, target = link.split(' ', 1)
            run.progress(100 * place / len(self._found), source)
            if not (self.notes / target).is_file():
                run.log.error(f'{source} links to {target}, which is not there')
                broken.append(target)
        if broken:
            raise StepFailed(
                f'{len(broken)} of {len(self._found)} links lead nowhere.', f'Bring back {broken[0]}, or change them.'
            )
        run.log.success('Every link leads somewhere')
