"""Takes pictures of every page and of the dialogs over them, in each theme and width, of a control room with demo data.

A picture is called ROUTE-THEME-WIDTH.png. Without --data it makes the data by scripts/demo.py first. With --readme it
makes those of README.md, ROUTE-THEME.webp in docs/pictures.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Scene:
    """An address, where `{live}` is the number of a run that works, and the key that opens what lies over its page."""

    address: str
    key: str = ''
    opens: str = '.q-dialog'


SCENES = {
    'dashboard': Scene(''),
    'runs': Scene('runs'),
    'run': Scene('runs/{last}'),
    'logs': Scene('logs'),
    'scheduler': Scene('scheduler'),
    'week': Scene('scheduler?view=week'),
    'agenda': Scene('scheduler?view=agenda'),
    'pipelines': Scene('pipelines'),
    'profiles': Scene('profiles'),
    'settings': Scene('settings'),
    'help': Scene('help'),
    'event': Scene('scheduler', 'n'),
    'run-form': Scene('runs', 'r'),
    'palette': Scene('', 'Control+k'),
    'stop': Scene('runs/{live}', 'Shift+Escape'),
}
README = ('dashboard', 'run', 'scheduler')
README_WIDTH = 1280
PICTURES = ROOT / 'docs/pictures'
THEMES = ('dark', 'light')
WIDTHS = (1440, 1280, 900, 375)


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    ensure_packages('test')
    from playwright.sync_api import sync_playwright

    from tests.parts.chromium import ARGUMENTS, find_chromium, install_chromium

    if given.readme:
        given.out, given.route, given.width, given.theme = PICTURES, [*README], [README_WIDTH], [*THEMES]
    out: Path = given.out.expanduser().absolute()
    out.mkdir(parents=True, exist_ok=True)
    executable = find_chromium() or install_chromium() or None
    with _room(given.data) as program, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for path in _pictures(program, browser, given, out):
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
        '--theme', type=_Names(THEMES), default=[*THEMES], metavar='NAMES', help=f'default: {",".join(THEMES)}'
    )
    parser.add_argument(
        '--width', type=_widths, default=[*WIDTHS], metavar='PIXELS', help=f'default: {",".join(map(str, WIDTHS))}'
    )
    return parser


def _small(picture: Path) -> Path:
    """Turn a picture into WebP, a third of its size, without the width in its name."""
    import imageio_ffmpeg

    small = picture.with_name(f'{picture.stem.rpartition("-")[0]}.webp')
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


@contextmanager
def _room(data: Path | None) -> 'Iterator[SynapseUnderTest]':
    """A control room with demo data, on a copy, so that a run that works is left in none of it."""
    from tests.parts.harness import SynapseUnderTest

    with tempfile.TemporaryDirectory(prefix='synapse-screenshots-') as scratch:
        folder = Path(scratch) / 'data'
        if data is None:
            demo = [sys.executable, str(ROOT / 'scripts' / 'demo.py'), str(folder), '--days', str(DAYS)]
            subprocess.run(demo, check=True)
        else:
            shutil.copytree(data, folder)
        program = SynapseUnderTest(folder).start()
        try:
            yield program
        finally:
            with program.api as api:
                api.post('/queue/stop')
            program.stop()


def _pictures(program: 'SynapseUnderTest', browser: 'Browser', given: argparse.Namespace, out: Path) -> Iterator[Path]:
    runs = _runs(program)
    session = _signed_in(program, browser)
    for theme in given.theme:
        for width in given.width:
            context = browser.new_context(
                viewport={'width': width, 'height': HEIGHT}, reduced_motion='reduce', storage_state=session
            )
            context.add_init_script(f"localStorage.setItem('synapse-theme', '{theme}')")
            for route in given.route:
                path = out / f'{route}-{theme}-{width}.png'
                page = context.new_page()
                _show(page, program.url, SCENES[route], runs)
                page.screenshot(path=path)
                page.close()
                yield path
            context.close()


def _runs(program: 'SynapseUnderTest') -> dict[str, int]:
    """The numbers of the last run that failed or else ended, and of one that works until all is over."""
    with program.api as api:
        ended = [*api.get('/runs', params={'state': 'failed'}).json()['runs'], *api.get('/runs').json()['runs']]
    live = program.create_run('TimeLapse', frames=720, seconds_apart=5)
    program.wait_for_run(live['id'], 'running')
    return {'last': ended[0]['number'], 'live': live['number']}


def _signed_in(program: 'SynapseUnderTest', browser: 'Browser') -> 'StorageState':
    context = browser.new_context()
    page = context.new_page()
    page.goto(program.link)
    page.wait_for_url(program.url)
    session = context.storage_state()
    context.close()
    return session


def _show(page: 'Page', url: str, scene: Scene, runs: dict[str, int]) -> None:
    page.goto(url + scene.address.format_map(runs))
    page.locator('#content').wait_for()
    page.evaluate(QUIET)
    if scene.key:
        page.keyboard.press(scene.key)
        page.locator(scene.opens).wait_for()
        page.evaluate(QUIET)


if __name__ == '__main__':
    sys.exit(main())
