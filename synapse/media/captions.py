"""Caption text from a template, and subtitle files made from it."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMES = ('title', 'date', 'duration', 'profile')
MIN_CUE_SECONDS = 1.0


def check_template(template: str) -> None:
    """Check the placeholders of a template.

    :raises ValueError: with a sentence, if it has a name other than those in `NAMES`, or an unmatched brace
    """
    known = ', '.join(f'{{{name}}}' for name in NAMES)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(f'A brace is unmatched. Use {known}; write {{{{ or }}}} for a brace.') from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in NAMES or spec or conversion):
            raise ValueError(f'{{{name}}} is not known here. Use {known}; write {{{{ or }}}} for a brace.')


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the text of a template that `check_template` has accepted.

    :param values: one for each of `NAMES`
    """
    return template.format_map(values).strip()


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in seconds; `end` is exclusive."""

    start: float
    end: float
    text: str


def cues(text: str, seconds: float) -> list[Cue]:
    """Return cues that show each line of the text once and fill the video, longer lines for longer.

    Lines that would be shown for less than a second share a cue.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    most = max(1, int(seconds / MIN_CUE_SECONDS))
    if len(lines) > most:
        lines = [
            '\n'.join(lines[index * len(lines) // most : (index + 1) * len(lines) // most]) for index in range(most)
        ]
    weights = [max(len(line), 12) for line in lines]
    result, at = [], 0.0
    for line, weight in zip(lines, weights, strict=True):
        end = at + seconds * weight / sum(weights)
        result.append(Cue(at, end, line))
        at = end
    return result


def as_srt(items: Sequence[Cue]) -> str:
    """Return the cues as SubRip, as players and ffmpeg read it."""
    blocks = (
        f'{number}\n{_time(cue.start, ",")} --> {_time(cue.end, ",")}\n{_plain(cue.text)}\n'
        for number, cue in enumerate(items, 1)
    )
    return '\n'.join(blocks)


def as_vtt(items: Sequence[Cue]) -> str:
    """Return the cues as WebVTT (W3C), in which `&` and `<` are entities."""
    blocks = (f'{_time(cue.start, ".")} --> {_time(cue.end, ".")}\n{_escaped(cue.text)}\n' for cue in items)
    return '\n'.join(['WEBVTT\n', *blocks])


def _plain(text: str) -> str:
    return text.replace('-->', '→')


def _escaped(text: str) -> str:
    return _plain(text).replace('&', '&amp;').replace('<', '&lt;')


def _time(seconds: float, mark: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02}:{minutes:02}:{whole:02}{mark}{milliseconds:03}'
