"""Turns readings into a page that a person reads."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr

from synapse import Pipeline, Run, StepFailed, step


class EnergyReport(Pipeline):
    """Adds the readings up by day and writes a short report."""

    title: ClassVar[str] = 'Energy report'

    folder: Path = Field(description='Where the readings are kept, a file for each month.')
    days: Literal[7, 31] = Field(default=7, description='How far back it looks.')

    _totals: dict[str, float] = PrivateAttr(default_factory=dict)

    @step
    def add_up(self, run: Run) -> None:
        totals: defaultdict[str, float] = defaultdict(float)
        for path in sorted(self.folder.glob('*.csv')):
            with path.open(newline='', encoding='utf-8') as file:
                for row in csv.DictReader(file):
                    totals[row['at'][:10]] += float(row['kwh'])
        if not totals:
            raise StepFailed(f'No readings are in {self.folder}.', 'Run Collect readings first.')
        self._totals = dict(sorted(totals.items())[-self.days :])
        run.log.info('The readings were added up', days=len(self._totals))

    @step
    def write(self, run: Run) -> None:
        most = max(self._totals.values())
        lines = [f'{day}  {kwh:6.2f} kWh  {"█" * round(30 * kwh / most)}' for day, kwh in self._totals.items()]
        path = run.workdir / f'energy-{max(self._totals)}.txt'
        path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
        run.artifact(path, move=True)
        for line in lines:
            print(line)
        run.log.success(f'{sum(self._totals.values()):.1f} kWh in {len(lines)} days', highest=round(most, 2))
