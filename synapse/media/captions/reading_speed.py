"""Whether what is shown can be read in its time."""

from collections.abc import Sequence

from synapse.durations import clock
from synapse.language import _, _n
from synapse.language.figures import number

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
        return _(
            'The caption is too long to read: that takes about {needed}, the film {there}.',
            needed=_in_words(needed),
            there=_in_words(there),
        )
    first = hurried[0]
    needed, there = _letters(first) / READ_PER_SECOND, first.end - first.start
    many = _n(
        '{count} of {total} captions is too fast to read.',
        '{count} of {total} captions are too fast to read.',
        len(hurried),
        total=number(len(cues)),
    )
    which = _(
        'The first, at {at}, takes about {needed} and is shown for {there}.',
        at=clock(first.start),
        needed=_in_words(needed),
        there=_in_words(there),
    )
    only = _('1 of 1 caption is too fast to read.')
    return f'{many if len(cues) > 1 else only} {which}'


def _letters(cue: Cue) -> int:
    return sum(map(width, cue.text.splitlines()))


def _in_words(seconds: float) -> str:
    return _('{seconds} s', seconds=number(seconds, digits=1 if seconds < 10 else 0))
