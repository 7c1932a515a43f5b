"""Where a window opens, that there is one for a data folder, and the words of its question, without a screen."""

from collections import namedtuple
from pathlib import Path

import pytest

from synapse.language import answering_in
from synapse.window.closing import words_for
from synapse.window.instance import CLOSE, RAISE, folder_of, only_window, tell
from synapse.window.place import Place, read_place, write_place
from tests.parts.harness import wait_until

Screen = namedtuple('Screen', 'x y width height')
LAPTOP, BESIDE = Screen(0, 0, 1280, 800), Screen(-1920, -200, 1920, 1080)


@pytest.mark.parametrize(
    ('place', 'screens', 'fits'),
    [
        (Place(100, 50, 900, 600), [LAPTOP], Place(100, 50, 900, 600)),
        (Place(-1800, -150, 900, 600), [LAPTOP, BESIDE], Place(-1800, -150, 900, 600)),
        (Place(-1800, -150, 900, 600), [LAPTOP], Place(None, None, 900, 600)),  # the screen beside is gone
        (Place(1200, 50, 900, 600), [LAPTOP], Place(None, None, 900, 600)),  # too little of it to grip
        (Place(100, -30, 900, 600), [LAPTOP], Place(None, None, 900, 600)),  # its upper edge cannot be reached
        (Place(100, 50, 2500, 1400), [LAPTOP], Place(100, 50, 1280, 800)),
        (Place(100, 50, 10, 10), [LAPTOP], Place(None, None, 360, 480)),
        (Place(), [LAPTOP], Place(None, None, 1280, 800)),
        (Place(100, 50, 900, 600, is_maximized=True), [], Place()),
    ],
)
def test_a_window_returns_to_where_it_can_be_reached(place: Place, screens: list[Screen], fits: Place) -> None:
    assert place.fitting(screens) == fits


def test_a_place_is_remembered_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / 'place.json'
    write_place(path, Place(1, 2, 500, 600, is_maximized=True))

    assert read_place(path) == Place(1, 2, 500, 600, is_maximized=True)
    for damage in ('{"x": 1', '[]', '{"x": "1"}', '{"depth": 3}'):
        path.write_text(damage)
        assert read_place(path) == Place()


def test_a_second_window_raises_the_first_one(tmp_path: Path) -> None:
    orders: list[bytes] = []
    assert not tell(tmp_path, RAISE)

    with only_window(tmp_path, orders.append) as is_first, only_window(tmp_path, orders.append) as is_second:
        assert (is_first, is_second) == (True, False)
        assert tell(tmp_path, CLOSE)
        wait_until(lambda: len(orders) == 2, timeout=10)
        path = folder_of(tmp_path) / 'lock.json'
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_text(path.read_text().replace('"key": "', '"key": "00'))
        assert not tell(tmp_path, CLOSE)

    assert orders == [RAISE, CLOSE]
    with only_window(tmp_path, orders.append) as is_first:
        assert is_first


def test_the_question_names_the_runs_that_are_running() -> None:
    runs = [{'number': number, 'pipeline': 'Render'} for number in (9, 8, 7, 6)]

    with answering_in('en'):
        assert words_for(runs)['lines'][0] == '4 runs are running: #9 Render, #8 Render, #7 Render …'
        assert len(words_for([])['lines']) == 1
