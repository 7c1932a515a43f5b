"""Reads the electricity meter: a made-up one, whose day is always the same for the same date."""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field, PrivateAttr

from synapse import Pipeline, Run, StepFailed, step

HEADER = ('at', 'kwh')


class CollectReadings(Pipeline):
    """Adds the meter's readings of the last 24 hours, one for each quarter of an hour, to the file of the month."""

    folder: Path = Field(description='Where the readings are kept, a file for each month.')

    _rows: list[list[str]] = PrivateAttr(default_factory=list)

    @step
    def read_meter(self, run: Run) -> None:
        end = datetime.now().replace(minute=0, second=0, microsecond=0)
        meter = random.Random(f'{end:%Y-%m-%d}')  # noqa: S311 - a meter, not a key
        for quarter in range(96):
            at = end - timedelta(minutes=15 * (96 - quarter))
            by_day = 0.35 if 7 <= at.hour < 22 else 0.08
            self._rows.append([f'{at:%Y-%m-%d %H:%M}', f'{by_day * meter.uniform(0.6, 1.5):.3f}'])
        total = sum(float(kwh) for _, kwh in self._rows)
        run.log.info('The meter was read', readings=len(self._rows), kwh=round(total, 2))
        if total > 24.5:
            run.log.warning('More than usual: did something stay switched on?', kwh=round(total, 2))

    @step
    def store(self, run: Run) -> None:
        if not self.folder.is_dir():
            raise StepFailed(f'No folder is at {self.folder}.', 'Make it, or choose another.')
        path = self.folder / f'{self._rows[-1][0][:7]}.csv'
        is_new = not path.exists()
        with path.open('a', newline='', encoding='utf-8') as file:
            writer = csv.writer(file)
            writer.writerows([HEADER, *self._rows] if is_new else self._rows)
        run.log.success(f'{len(self._rows)} readings were added to {path.name}')
