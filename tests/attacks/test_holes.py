"""The attacks find what they are for: with one hole open at a time, they fail."""

import sys
from pathlib import Path

import pytest

from tests.attacks import feeding, getting_in, reaching
from tests.attacks.attack import Target, faults_of, ran
from tests.attacks.holes import HOLES, Hole
from tests.parts.forked import Forked

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform != 'linux', reason='holes are opened in a forked program'),
]


def found(target: Target, names: tuple[str, ...]) -> dict[str, bool]:
    """Whether the attacks whose names begin like this find anything."""
    answers = dict.fromkeys(names, False)
    for attacks in (reaching, getting_in, feeding):
        for attack in attacks.attacks(target):
            wanted = [name for name in names if attack.name.startswith(name)]
            needed = wanted or (attack.stores and any(name.startswith('lines as') for name in names))
            if needed:
                faults = faults_of(target, attack, target.send(attack))
                answers |= {name: True for name in wanted if faults}
    return answers


@pytest.mark.parametrize('hole', HOLES, ids=lambda hole: hole.open.__name__)
def test_a_hole_is_found(hole: Hole, tmp_path: Path) -> None:
    program = Forked(tmp_path / 'data', '--workers', '1')
    program.before = hole.open
    program.start()
    try:
        target = ran(program) if hole.needs_run else Target(program)
        assert found(target, hole.found_by) == dict.fromkeys(hole.found_by, True)
    finally:
        program.stop()
