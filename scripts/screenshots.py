"""Takes pictures of every screen and of what opens over it, in each language, theme and width, with demo data.

A picture is called ROUTE-LANGUAGE-THEME-WIDTH.png. Without --data it makes the data by scripts/demo.py first. With
--readme it makes those of README.md, ROUTE-THEME.webp in docs/pictures.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from main import ensure_packages  # noqa: E402 - the path above must come first

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, StorageState

    from tests.parts.harness import SynapseUnderTest

HEIGHT = 900
DAYS = 8
QUIET = """() => new Promise((done) => {
  const ready = () => { if (!document.querySelector('.is-loading')) { watch.disconnect(); done(true); } };
  let timer = setTimeout(ready, 500);
  const watch = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(ready, 500); });
  watch.observe(document.body, { childList: true, subtree: true });
})"""
"""Holds once nothing has come or gone on the page for half a second."""


THERE = """() => {
  const place = document.querySelector('#content');
  return !place || place.querySelector('.sy-page')?.innerText.trim();
}"""
"""A machine with much to do may take its time until the first of a page is drawn."""
WHOLE = """() => {
  const { scrollHeight, clientHeight } = document.querySelector('.sy-page') ?? document.documentElement;
  return [innerWidth, innerHeight + Math.max(0, scrollHeight - clientHeight)];
}"""
"""The size of a window in which all of a page is seen."""


class Place(Enum):
    LIVED = 'a month of demo data'
    NEW = 'an empty folder'
    OUTSIDE = 'the same, for a browser that is not signed in'


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A page and what is opened over it, by a key, by pressing what a selector finds, or by a button's English name.

    :ivar address: `{live}` is the number of a run that works; `RUNS` has the others
    :ivar opens: what lies over the page then; the last one is waited for
    :ivar is_long: the picture shows the whole page, not only a window of it
    """

    address: str = ''
    key: str = ''
    press: str = ''
    button: str = ''
    opens: str = '.q-dialog'
    is_long: bool = False
    place: Place = Place.LIVED


SCENES = {
    'dashboard': Scene(),
    'runs': Scene(address='runs'),
    'run': Scene(address='runs/{last}'),
    'run-done': Scene(address='runs/{done}'),
    'run-live': Scene(address='runs/{live}'),
    'run-asks': Scene(address='runs/{asks}'),
    'logs': Scene(address='logs'),
    'scheduler': Scene(address='scheduler'),
    'week': Scene(address='scheduler?view=week'),
    'agenda': Scene(address='scheduler?view=agenda'),
    'pipelines': Scene(address='pipelines', is_long=True),
    'pipeline': Scene(address='pipelines/PublishVideo', is_long=True),
    'profiles': Scene(address='profiles'),
    'settings': Scene(address='settings', is_long=True),
    'help': Scene(address='help'),
    'chapter': Scene(address='help/write-a-pipeline'),
    'unknown': Scene(address='nothing-here'),
    'sign-in': Scene(address='login', place=Place.OUTSIDE),
    'link': Scene(address='auth', place=Place.OUTSIDE),
    'first-start': Scene(place=Place.NEW, is_long=True),
    'no-runs': Scene(address='runs', place=Place.NEW),
    'no-events': Scene(address='scheduler', place=Place.NEW),
    'event': Scene(address='scheduler', key='n'),
    'day': Scene(
        address='scheduler', press='.is-today .mo-number, .ag-row', opens='.mo-pop[data-shown], .run-page, .q-dialog'
    ),
    'months': Scene(address='scheduler', press='.mo-name', opens='.mo-months'),
    'run-form': Scene(address='runs', key='r'),
    'retry': Scene(address='runs/{last}', button='Retry options', opens='.q-menu, .q-dialog'),
    'stop': Scene(address='runs/{live}', key='Shift+Escape'),
    'palette': Scene(key='Control+k'),
    'shortcuts': Scene(key='?'),
    'bell': Scene(key='b', opens='.bl-pop'),
    'state': Scene(press='.sy-pill[aria-haspopup=menu]', opens='.q-menu'),
    'profile-form': Scene(address='profiles', button='New profile'),
    'watch-form': Scene(address='pipelines', button='Watch a folder'),
    'import': Scene(address='settings', press='.feed-import input', opens='.im-list'),
    'jobs': Scene(address='settings', button='Bring your crontab'),
    'calendar-form': Scene(address='settings', button='Add a calendar'),
    'channel-form': Scene(address='settings', button='Add a channel'),
    'token': Scene(address='settings', button='New token'),
    'password': Scene(address='settings', button='Set a password'),
}
README = ('dashboard', 'run', 'scheduler')
README_WIDTH = 1280
PICTURES = ROOT / 'docs/pictures'
LANGUAGES = ('en', 'pt-BR')
THEMES = ('dark', 'light')
WIDTHS = (1440, 1280, 900, 375)
ASKS = """
from synapse import Pipeline, Run, step


class ReleaseEpisode(Pipeline):
    \"\"\"Put an episode on the site once someone has said yes.\"\"\"

    episode: str = 'Episode 42'

    @step
    def draft(self, run: Run):
        (run.workdir / 'notes.txt').write_text(self.episode)
        run.artifact('notes.txt')

    @step
    def release(self, run: Run):
        run.ask(f'Release {self.episode} now?', ['Release', 'Not now'], timeout='2h', default='Not now')
"""
CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:1\r
SUMMARY:Lunch\r
DTSTART:20300101T120000Z\r
END:VEVENT\r
END:VCALENDAR\r
"""


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    ensure_packages('test')
    from playwright.sync_api import sync_playwright

    from tests.parts.chromium import ARGUMENTS, find_chromium, install_chromium

    if given.readme:
        given.out, given.route, given.width, given.theme = PICTURES, [*README], [README_WIDTH], [*THEMES]
        given.language = [LANGUAGES[0]]
    out: Path = given.out.expanduser().absolute()
    out.mkdir(parents=True, exist_ok=True)
    executable = find_chromium() or install_chromium() or None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for language in given.language:
            with _rooms(given, language) as rooms:
                for path in _pictures(rooms, browser, given, language, out):
                    print(_small(path) if given.readme else path, flush=True)
        browser.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python scripts/screenshots.py', description=__doc__)
    parser.add_argument('--out', type=Path, default=Path('screenshots'), metavar='FOLDER', help='default: screenshots')
    parser.add_argument('--readme', action='store_true', help='those of README.md, whatever else is asked for')
    parser.add_argument('--data', type=Path, metavar='FOLDER', help='demo data made before; a copy of it is shown')
    parser.add_argument(
        '--route', type=_Names([*SCENES]), default=[*SCENES], metavar='NAMES', help=f'default: {",".join(SCENES)}'
    )
    parser.add_argument(
        '--language',
        type=_Names(LANGUAGES),
        default=[*LANGUAGES],
        metavar='NAMES',
        help=f'default: {",".join(LANGUAGES)}',
    )
    parser.add_argument(
        '--theme', type=_Names(THEMES), default=[*THEMES], metavar='NAMES', help=f'default: {",".join(THEMES)}'
    )
    parser.add_argument(
        '--width', type=_widths, default=[*WIDTHS], metavar='PIXELS', help=f'default: {",".join(map(str, WIDTHS))}'
    )
    return parser


def _small(picture: Path) -> Path:
    """Turn a picture into WebP, a third of its size, without language and width in its name."""
    import imageio_ffmpeg

    route, _, theme, _ = picture.stem.rsplit('-', 3)
    small = picture.with_name(f'{route}-{theme}.webp')
    convert = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', '-i', str(picture), '-quality', '80', str(small)]
    subprocess.run(convert, check=True)
    picture.unlink()
    return small


class _Names:
    """Reads names that are separated by commas, each of them one of those given."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def __call__(self, text: str) -> list[str]:
        names = text.split(',')
        if unknown := [name for name in names if name not in self._known]:
            raise argparse.ArgumentTypeError(f'{unknown[0]!r}: choose from {", ".join(self._known)}')
        return names


def _widths(text: str) -> list[int]:
    if not all(part.isdecimal() and int(part) > 0 for part in text.split(',')):
        raise argparse.ArgumentTypeError(f'{text!r}: give pixels, such as 1440,375')
    return [int(part) for part in text.split(',')]


@dataclass(frozen=True)
class _Room:
    """A control room that is shown, and the runs in it: their numbers by the names of `Scene.address`."""

    program: 'SynapseUnderTest'
    runs: dict[str, int]


@contextmanager
def _rooms(given: argparse.Namespace, language: str) -> Iterator[dict[Place, _Room]]:
    """What is shown for each place, on a machine that speaks this language, as those who read it have one.

    Demo data is copied, so that a run that works is left in none of it.
    """
    from tests.parts.harness import SynapseUnderTest

    wanted = {SCENES[route].place for route in given.route}
    locale = f'{language.replace("-", "_")}.UTF-8'
    with tempfile.TemporaryDirectory(prefix='synapse-screenshots-') as scratch, ExitStack() as stack:
        rooms: dict[Place, _Room] = {}
        if Place.NEW in wanted:
            new = stack.enter_context(_started(SynapseUnderTest(Path(scratch) / 'new', LC_ALL=locale)))
            rooms[Place.NEW] = _Room(new, {})
        if wanted & {Place.LIVED, Place.OUTSIDE}:
            folder = Path(scratch) / 'data'
            if given.data is None:
                demo = [sys.executable, str(ROOT / 'scripts' / 'demo.py'), str(folder), '--days', str(DAYS)]
                subprocess.run(demo, check=True, env=os.environ | {'LC_ALL': locale})
            else:
                shutil.copytree(given.data, folder)
            lived = stack.enter_context(_started(SynapseUnderTest(folder, LC_ALL=locale)))
            rooms[Place.LIVED] = _Room(lived, _runs(lived, asks='run-asks' in given.route))
            rooms[Place.OUTSIDE] = rooms[Place.LIVED]
        yield rooms


@contextmanager
def _started(program: 'SynapseUnderTest') -> 'Iterator[SynapseUnderTest]':
    program.start()
    try:
        yield program
    finally:
        with program.api as api:
            api.post('/queue/stop')
        program.stop()


def _pictures(
    rooms: dict[Place, _Room], browser: 'Browser', given: argparse.Namespace, language: str, out: Path
) -> Iterator[Path]:
    sessions = {
        place: None if place == Place.OUTSIDE else _signed_in(room.program, browser) for place, room in rooms.items()
    }
    for theme, width in product(given.theme, given.width):
        for place, room in rooms.items():
            context = browser.new_context(
                viewport={'width': width, 'height': HEIGHT},
                locale=language,
                reduced_motion='reduce',
                color_scheme='dark' if theme == 'dark' else 'light',
                storage_state=sessions[place],
            )
            context.add_init_script(f"localStorage.setItem('synapse-theme', '{theme}')")
            for route in (route for route in given.route if SCENES[route].place == place):
                path = out / f'{route}-{language}-{theme}-{width}.png'
                page = context.new_page()
                _show(page, room, SCENES[route], language)
                page.screenshot(path=path)
                page.close()
                yield path
            context.close()


def _runs(program: 'SynapseUnderTest', *, asks: bool) -> dict[str, int]:
    """The numbers of the last run that failed or else ended, of one that succeeded, and of those that go on."""
    with program.api as api:
        done = api.get('/runs', params={'state': 'succeeded'}).json()['runs']
        ended = [*api.get('/runs', params={'state': 'failed'}).json()['runs'], *api.get('/runs').json()['runs']]
    live = program.create_run('TimeLapse', frames=720, seconds_apart=5)
    program.wait_for_run(live['id'], 'running')
    runs = {'last': ended[0], 'done': (done or ended)[0], 'live': live}
    if asks:
        program.write_pipeline('release_episode.py', ASKS)
        program.wait_for_pipeline('ReleaseEpisode')
        runs['asks'] = program.create_run('ReleaseEpisode')
        program.wait_for_run(runs['asks']['id'], 'paused')
    return {name: run['number'] for name, run in runs.items()}


def _signed_in(program: 'SynapseUnderTest', browser: 'Browser') -> 'StorageState':
    context = browser.new_context()
    page = context.new_page()
    page.goto(program.link)
    page.wait_for_url(program.url)
    session = context.storage_state()
    context.close()
    return session


def _show(page: 'Page', room: _Room, scene: Scene, language: str) -> None:
    page.goto(room.program.url + scene.address.format_map(room.runs))
    page.locator('#content, main').first.wait_for()
    page.wait_for_function(THERE)
    page.evaluate(QUIET)
    if scene.key or scene.press or scene.button:
        _open(page, scene, language)
        page.locator(scene.opens).last.wait_for()
        page.evaluate(QUIET)
    if scene.is_long:
        width, height = page.evaluate(WHOLE)
        page.set_viewport_size({'width': width, 'height': height})
        page.evaluate(QUIET)


def _open(page: 'Page', scene: Scene, language: str) -> None:
    from synapse.language import read_language, translated

    if scene.key:
        page.keyboard.press(scene.key)
    elif scene.press.endswith(' input'):
        page.locator(scene.press).set_input_files(
            {'name': 'lunch.ics', 'mimeType': 'text/calendar', 'buffer': CALENDAR}
        )
    elif scene.press:
        page.locator(scene.press).first.click()
    else:
        name = translated(scene.button, read_language(language))
        page.get_by_role('button', name=name, exact=True).first.click()


if __name__ == '__main__':
    sys.exit(main())
