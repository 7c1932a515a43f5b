"""Makes a data folder with a month of made-up life, which a control room on a moved clock has really lived.

Each run is a real process, each occurrence fired or was missed; only the clock was moved from one moment to the next.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first
from scripts.life.moved_time import VARIABLE, Offset, install  # noqa: E402

if TYPE_CHECKING:
    from scripts.life.room import MovedRoom
    from scripts.life.story import Story
    from synapse.runs.records import RunRecord

MOST_DAYS = 60


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    folder: Path = given.folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        print(f'{folder} exists and is not an empty folder. Choose another.', file=sys.stderr)
        return 2
    ensure_packages()
    from synapse.language import AUTO, speak

    speak(AUTO)
    with tempfile.TemporaryDirectory(prefix='synapse-demo-', ignore_cleanup_errors=True) as scratch:
        path = Path(scratch) / 'offset'
        os.environ[VARIABLE] = str(path)
        offset = install(path)
        asyncio.run(_live(folder, given.days, offset))
    print(f'Open it with: python main.py --data {folder}')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python scripts/demo.py', description=__doc__)
    parser.add_argument(
        'folder', type=Path, metavar='FOLDER', help='the data folder to make; must not exist, or be empty'
    )
    parser.add_argument('--days', type=_days, default=30, metavar='N', help='how many days it lives (default: 30)')
    return parser


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f'between 1 and {MOST_DAYS}')
    return days


class Progress:
    """Says at the end of each day what has run."""

    def __init__(self) -> None:
        self._ended: Counter[str] = Counter()
        self._total: Counter[str] = Counter()

    def add(self, run: 'RunRecord') -> None:
        self._ended[run.state] += 1

    def end_day(self, day: date) -> None:
        print(f'{day:%a %d %b}  {_words(self._ended)}', flush=True)
        self._total += self._ended
        self._ended.clear()

    def end(self) -> None:
        print(f'{self._total.total()} runs: {_words(self._total)}', flush=True)


def _words(ended: Counter[str]) -> str:
    return ', '.join(f'{count} {state}' for state, count in sorted(ended.items())) or 'nothing'


async def _live(folder: Path, days: int, offset: Offset) -> None:
    # Not earlier: what these import takes `datetime` by its name, and must get the moved one.
    from scripts.life.room import MovedClock, MovedRoom
    from scripts.life.story import Story
    from storage.files import make_private_folder
    from storage.folder_lock import FolderLock
    from synapse.recurrence.machine_zone import machine_zone
    from synapse.recurrence.wall_time import wall_of
    from synapse.settings import Settings

    progress, clock = Progress(), MovedClock(offset)
    end = clock.real()
    zone = machine_zone().name
    first = wall_of(end, zone).date() - timedelta(days=days)
    story = Story(folder / 'home', first, zone)
    make_private_folder(folder)
    lock = FolderLock(folder)
    lock.acquire({'pid': os.getpid(), 'url': ''})
    try:
        print('Writing the files of the workshop ...', flush=True)
        story.write_files(folder / 'pipelines')
        offset.seconds = (story.moment(first, 0, 5) - end).total_seconds()
        room = MovedRoom(Settings(data=folder, workers=2), clock, progress.add)
        await room.start()
        try:
            await story.plan(room)
            await _pass_days(room, story, progress, first)
        finally:
            await room.stop()
    finally:
        lock.release()
    progress.end()


async def _pass_days(room: 'MovedRoom', story: 'Story', progress: Progress, first: date) -> None:
    end = room.clock.real()
    deeds = [(moment, deed) for moment, deed in story.deeds(end) if story.moment(first, 1) < moment < end]
    day = first
    while True:
        midnight = story.moment(day + timedelta(days=1), 0)
        while deeds and deeds[0][0] < midnight:
            moment, deed = deeds.pop(0)
            await room.until(moment)
            await deed(room)
        await room.until(min(midnight, room.clock.real()))
        progress.end_day(day)
        if midnight > room.clock.real():
            return
        day += timedelta(days=1)


if __name__ == '__main__':
    sys.exit(main())
