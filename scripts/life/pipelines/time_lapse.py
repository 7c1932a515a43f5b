"""Takes a picture every few seconds: of a made-up sky, as a file that any viewer opens."""

import math
import time
from pathlib import Path

from synapse import Pipeline, Run, step

WIDTH, HEIGHT = 64, 36


class TimeLapse(Pipeline):
    """Draws the sky above the workshop again and again, and keeps the last picture."""

    frames: int = 12
    seconds_apart: float = 0.1

    @step
    def take_pictures(self, run: Run) -> None:
        for number in range(1, self.frames + 1):
            path = _drawn(run.workdir / f'sky-{number:04}.pgm', number / self.frames)
            run.log.info(f'{path.name} was taken')
            run.progress(100 * number / self.frames, f'picture {number} of {self.frames}')
            time.sleep(self.seconds_apart)

    @step
    def keep_last(self, run: Run) -> None:
        run.artifact(run.workdir / f'sky-{self.frames:04}.pgm', 'sky.pgm')


def _drawn(path: Path, hour: float) -> Path:
    """A grey picture in the format of pgm(5), brighter towards the sun of this part of the day."""
    sun = WIDTH * hour, HEIGHT * (1 - math.sin(math.pi * hour))
    light = (math.dist((x, y), sun) for y in range(HEIGHT) for x in range(WIDTH))
    path.write_bytes(b'P5 %d %d 255\n' % (WIDTH, HEIGHT) + bytes(max(0, 255 - round(6 * far)) for far in light))
    return path
