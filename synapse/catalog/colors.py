"""Which colour stands for each pipeline: the one chosen on its page, else that of its class, else the next free one."""

from collections import Counter
from collections.abc import Mapping

from synapse.language import N_, Words
from synapse.pipelines.options import COLORS

# Translators: colours that stand for pipelines
COLOR_WORDS = Words(
    {
        'violet': N_('Violet'),
        'cyan': N_('Cyan'),
        'pink': N_('Pink'),
        'olive': N_('Olive'),
        'steel': N_('Steel'),
        'sand': N_('Sand'),
        'teal': N_('Teal'),
        'lavender': N_('Lavender'),
        'brown': N_('Brown'),
    }
)
OF_BUILT_IN = 3
"""How many of them, the first, are those of the built-in pipelines."""


class PipelineColors:
    """A pipeline keeps its colour whatever comes and goes beside it.

    :param chosen: the names of colours that a person has chosen, by pipeline
    """

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        self.chosen = dict(chosen or {})
        self.given: dict[str, int] = {}
        """Those that were given in the order of appearance, by pipeline."""

    def of(self, name: str, declared: str | None) -> int:
        """Return the index in `COLORS` of the colour of a person's own pipeline.

        :param declared: what its class says
        """
        wanted = self.chosen.get(name) or declared
        if wanted in COLORS:
            return COLORS.index(wanted)
        if name not in self.given:
            used = Counter(self.given.values())
            self.given[name] = min(range(OF_BUILT_IN, len(COLORS)), key=lambda index: (used[index], index))
        return self.given[name]

    def of_built_in(self, name: str, index: int) -> int:
        """Return the index of the colour of a built-in pipeline, which by itself has this one."""
        return COLORS.index(self.chosen[name]) if self.chosen.get(name) in COLORS else index

    def recall(self, given: object) -> None:
        """Take over what an earlier start has given, as far as it can be read."""
        if isinstance(given, dict):
            fitting = {name: index for name, index in given.items() if index in range(OF_BUILT_IN, len(COLORS))}
            self.given = fitting | self.given
