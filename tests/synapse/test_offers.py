"""Whether a machine has what a run needs."""

import pytest

from synapse.offers import fits


@pytest.mark.parametrize(
    ('shares', 'more', 'is_enough'),
    [
        ([0.9], 0.1, True),
        ([0.1] * 9, 0.1, True),
        ([0.3, 0.3, 0.3], 0.1, True),
        ([0.7, 0.2], 0.1, True),
        ([], 1, True),
        ([0.9], 0.1001, False),
        ([0.1] * 10, 0.1, False),
        ([], 1.0001, False),
    ],
)
def test_shares_of_a_gpu_add_up_to_one(shares: list[float], more: float, is_enough: bool) -> None:
    assert fits({'gpu': more}, {'gpu': 1}, [{'gpu': share} for share in shares]) is is_enough


def test_what_a_machine_does_not_have_is_not_there() -> None:
    assert not fits({'tpu': 1}, {'gpu': 1})
    assert fits({}, {})
