"""Whether what is shown can be read in its time."""

from collections.abc import Sequence

from synapse.durations import clock
from synapse.sentences import count_of

from .line_breaks import width
from .text import Cue

READ_PER_SECOND = 15
"""Characters a second: what subtitlers reckon with."""
TOO_FAST_PER_SECOND = 25
"""No one reads more; a CJK character counts as two."""
A_GLANCE_SECONDS = 1.0
"""What is read in less than this is not worth a warning, however short the film."""


def too_fast(cues: Sequence[Cue], *, is_one_text: bool) -> str:
    """Return a sentence if cues are too fast to read, with the seconds that reading takes and those that there are.

    :param is_one_text: whether they are the parts of one caption, whose time is that of the film
    """
    hurried = [cue for cue in cues if _letters(cue) > TOO_FAST_PER_SECOND * (cue.end - cue.start)]
    if not hurried:
        return ''
    if is_one_text:
        needed = sum(map(_letters, cues)) / READ_PER_SECOND
        if needed < A_GLANCE_SECONDS:
            return ''
        there = cues[-1].end - cues[0].start
        return f'The caption is too long to read: that takes about {_in_words(needed)}, the film {_in_words(there)}.'
    first = hurried[0]
    needed, there = _letters(first) / READ_PER_SECOND, first.end - first.start
    return (
        f'{len(hurried)} of {count_of(len(cues), "caption")} {"is" if len(hurried) == 1 else "are"} too fast to read. '
        f'The first, at {clock(first.start)}, takes about {_in_words(needed)} and is shown for {_in_words(there)}.'
    )


def _letters(cue: Cue) -> int:
    return sum(map(width, cue.text.splitlines()))


def _in_words(seconds: float) -> str:
    return f'{seconds:.1f} s' if seconds < 10 else f'{seconds:.0f} s'
