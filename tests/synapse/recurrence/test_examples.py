"""The worked examples in docstrings are true."""

import doctest

import pytest

from synapse.calendar import misfires, series
from synapse.recurrence import days, expansion, moves, rules, shift, wall_time


@pytest.mark.parametrize('module', [days, expansion, moves, rules, shift, wall_time, misfires, series])
def test_each_worked_example_gives_its_result(module: object) -> None:
    failed, attempted = doctest.testmod(module)  # type: ignore[arg-type]

    assert failed == 0
    assert attempted > 0
