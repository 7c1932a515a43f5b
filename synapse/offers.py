"""Which machine a run may use: what its pipeline needs against what each machine offers and its live runs leave."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psutil

from synapse.language import _
from synapse.language.figures import number
from synapse.sizes import short_size

HERE = ''
"""The name of this machine."""
ONLY_HERE = 'here'
"""The label that no other machine has, for runs that work on the files of this one."""
CORES, MEMORY = 'cores', 'memory'

_ROUNDED = 1 - 1e-9
"""Shares such as 0.9 and 0.1 of a GPU do not add up to 1 in binary, and the last tenth would wait for ever."""

Amounts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Offer:
    """How many runs a machine carries out at a time, and what it has: `memory` in bytes, `cores`, labels."""

    places: int
    has: Amounts = field(default_factory=dict)


def offer_here(labels: Amounts) -> dict[str, float]:
    """Return what this machine has."""
    return {CORES: float(os.cpu_count() or 1), MEMORY: float(psutil.virtual_memory().total), **labels}


def fits(needs: Amounts, has: Amounts, taken: Iterable[Amounts] = ()) -> bool:
    """Whether a machine has what a run needs, beside what its live runs take."""
    used = list(taken)
    return all(
        has.get(name, 0) - math.fsum(each.get(name, 0) for each in used) >= much * _ROUNDED
        for name, much in needs.items()
    )


def needs_words(needs: Amounts) -> str:
    """Return `gpu 1, 4 cores, 8 GB of memory`."""
    words = []
    for name, much in needs.items():
        if name == MEMORY:
            words.append(_('{size} of memory', size=short_size(int(much))))
        elif name == CORES:
            words.append(_('{count} cores', count=number(much)))
        else:
            words.append(f'{name} {number(much)}')
    return ', '.join(words)
