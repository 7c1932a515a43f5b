"""Pictures of each place a person can go to, in the languages and sizes that were asked for."""

import struct
from pathlib import Path

import pytest

from pages.shell.shell import PLACES
from scripts.screenshots import SCENES
from tests.parts.scripts import script


def test_each_place_has_a_scene() -> None:
    addresses = {f'/{scene.address}' for scene in SCENES.values()}

    assert [place for place, *_ in PLACES if place not in addresses] == []


@pytest.mark.parametrize(
    ('flag', 'value', 'words'),
    [
        ('--route', 'dashboard,cellar', "'cellar': choose from dashboard"),
        ('--language', 'en,la', "'la': choose from en, pt-BR"),
        ('--theme', 'pink', "'pink': choose from dark, light"),
        ('--width', '1440,wide', "'1440,wide': give pixels"),
        ('--width', '0', "'0': give pixels"),
    ],
)
def test_what_there_is_not_is_refused_by_name(flag: str, value: str, words: str, tmp_path: Path) -> None:
    done = script('screenshots.py', '--out', tmp_path / 'out', flag, value)

    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / 'out').exists()


@pytest.mark.browser
def test_pictures_have_their_name_language_and_width(demo: Path, tmp_path: Path) -> None:
    flags = ['--data', demo, '--out', tmp_path, '--language', 'pt-BR', '--theme', 'light', '--width', '1280,375']
    done = script('screenshots.py', *flags, '--route', 'runs,token,sign-in')

    assert done.returncode == 0, done.stderr
    routes = ('runs', 'token', 'sign-in')
    wanted = {f'{route}-pt-BR-light-{width}.png': width for width in (1280, 375) for route in routes}
    assert {Path(line).name for line in done.stdout.splitlines()} == set(wanted)
    assert {path.name: width_of(path) for path in tmp_path.glob('*.png')} == wanted
    assert not any((demo / name).exists() for name in ('url', 'lock.json'))


def width_of(picture: Path) -> int:
    """Pixels, as the header of a PNG has them (PNG specification, 11.2.2)."""
    return int(struct.unpack('>I', picture.read_bytes()[16:20])[0])
