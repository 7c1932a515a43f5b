"""How long INGEST of a film of three hours takes, beside RENDER of the same film: `python -m benchmarks.ingest`.

The film is one of ten minutes, eighteen times. RENDER is measured with the ten minutes, and counted as often.
"""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.parts.one_run import OneRun
from tests.parts.videos import call_ffmpeg

PART_SECONDS, PARTS = 600, 18
WANTED = 0.02
KINDS = {'film.mp4': (), 'film.mkv': (), 'film.mts': (), 'recording.mkv': ('-live', '1')}
"""A live recording states no length, so that all of it is read."""


class Watch:
    """How long each step took."""

    def __init__(self, last: str) -> None:
        self.seconds: dict[str, float] = {}
        self._last = last
        self._since: dict[str, float] = {}

    def see(self, run: OneRun, message: dict[str, Any]) -> None:
        if message['t'] != 'step':
            return
        name, state = message['name'], message['state']
        if state == 'running':
            self._since[name] = time.perf_counter()
        elif state == 'succeeded':
            self.seconds[name] = time.perf_counter() - self._since[name]
            if name == self._last:
                run.tell('cancel')


def seconds_of(step: str, film: Path) -> float:
    folder = Path(tempfile.mkdtemp(dir=film.parent))
    watch = Watch(step)
    parameters = {'video': str(film), 'height': 480, 'quality': 'draft'}
    run = OneRun(folder / 'run', 'PublishVideo', parameters, destination=folder / 'out', on_message=watch.see)
    run.finish(timeout=900)
    shutil.rmtree(folder)
    assert step in watch.seconds, run.error
    return watch.seconds[step]


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        part = folder / 'part.mp4'
        picture = f'testsrc2=s=320x180:r=25:d={PART_SECONDS}'
        encode = ('-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '35', '-pix_fmt', 'yuv420p', '-c:a', 'aac')
        call_ffmpeg('-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', f'sine=d={PART_SECONDS}', *encode, str(part))
        render = PARTS * seconds_of('render', part)
        print(f'A film of {PART_SECONDS * PARTS / 3600:g} h, {part.stat().st_size * PARTS / 1e6:.0f} MB')
        print(f'  RENDER in the quickest quality, 480 lines  {render:8.1f} s')
        for name, arguments in KINDS.items():
            film = folder / name
            call_ffmpeg('-stream_loop', str(PARTS - 1), '-i', str(part), '-c', 'copy', *arguments, str(film))
            ingest = seconds_of('ingest', film)
            film.unlink()
            print(f'  INGEST of {name:<33}{ingest:8.1f} s   {ingest / render:.2%} of it')
            assert ingest < WANTED * render, f'{name} takes more than {WANTED:.0%}'


if __name__ == '__main__':
    main()
