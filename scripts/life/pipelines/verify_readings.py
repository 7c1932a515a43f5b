"""Looks at every reading there is and prints a line for each: the long log of the demo."""

import csv
from pathlib import Path

from pydantic import Field

from synapse import Pipeline, Run, step


class VerifyReadings(Pipeline):
    """Reads all readings back and says what is wrong with them, line by line."""

    folder: Path = Field(description='Where the readings are kept, a file for each month.')
    highest: float = Field(default=0.52, gt=0, description='A quarter of an hour with more kWh than this is noted.')

    @step
    def read_back(self, run: Run) -> None:
        files = sorted(self.folder.glob('*.csv'))
        high = seen = 0
        for place, path in enumerate(files):
            run.progress(100 * place / len(files), path.name)
            with path.open(newline='', encoding='utf-8') as file:
                for row in csv.DictReader(file):
                    seen += 1
                    print(f'{row["at"]}  {float(row["kwh"]):6.3f} kWh  ok')
                    if float(row['kwh']) > self.highest:
                        high += 1
                        run.log.warning(f'{row["at"]}: {row["kwh"]} kWh in a quarter of an hour')
        run.log.success(f'{seen} readings are in order', files=len(files), high=high)
