"""Colours of pipelines: distinct, kept, and chosen by the class or by a person."""

from pathlib import Path

import pytest

from storage.logs.store import LogStore
from synapse.bus import Bus
from synapse.catalog.catalog import Catalog
from synapse.catalog.colors import COLOR_WORDS, COLORS, PipelineColors
from synapse.log.log import Log

ONE = """
from typing import ClassVar
from synapse import Pipeline, step

class {name}(Pipeline):
{body}
    @step
    def go(self, run): ...
"""


def test_five_pipelines_have_five_colours_that_no_built_in_one_has() -> None:
    colors = PipelineColors()

    found = [colors.of(name, None) for name in ('A', 'B', 'C', 'D', 'E')]

    assert found == [3, 4, 5, 6, 7]


def test_a_colour_stays_when_another_pipeline_goes_or_comes() -> None:
    before = PipelineColors()
    kept = {name: before.of(name, None) for name in ('A', 'B', 'C')}

    after = PipelineColors()
    after.recall(kept)

    assert after.of('C', None) == kept['C']
    assert after.of('New', None) not in kept.values()


@pytest.mark.parametrize('damaged', [None, [1], {'A': 'x'}, {'A': 99}, {'A': None}])
def test_damaged_colours_of_an_earlier_start_are_given_anew(damaged: object) -> None:
    colors = PipelineColors()

    colors.recall(damaged)

    assert colors.of('A', None) == 3


def test_the_choice_of_a_person_comes_before_that_of_the_class() -> None:
    colors = PipelineColors({'A': 'brown'})

    assert COLORS[colors.of('A', 'teal')] == 'brown'
    assert COLORS[colors.of('B', 'teal')] == 'teal'
    assert COLORS[colors.of_built_in('A', 0)] == 'brown'


def test_each_colour_has_a_word() -> None:
    assert tuple(COLOR_WORDS) == COLORS


async def test_a_class_may_name_its_colour_and_a_parameter_may_have_that_name(tmp_path: Path) -> None:
    folder = tmp_path / 'pipelines'
    folder.mkdir()
    (folder / 'named.py').write_text(ONE.format(name='Named', body="    color: ClassVar[str] = 'teal'"))
    (folder / 'painter.py').write_text(ONE.format(name='Painter', body="    color: str = 'red'"))
    store, bus = LogStore(tmp_path / 'logs.db'), Bus()
    catalog = Catalog(folder, tmp_path / 'cache', bus, Log(store, bus))
    await catalog.start()

    found = {name: COLORS[catalog.get(name).color_index] for name in ('Named', 'Painter')}
    catalog.choose_color('Named', 'pink')

    assert found == {'Named': 'teal', 'Painter': 'olive'}
    assert COLORS[catalog.get('Named').color_index] == 'pink'
    await catalog.stop()
    store.close()
