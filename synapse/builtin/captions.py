"""Caption text from a template, and the subtitle files made of it."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAMES = ('title', 'date', 'duration', 'profile')
MIN_CUE_SECONDS = 1.0


def check_template(template: str) -> None:
    """:raises ValueError: with a sentence, if it has a name other than those in `NAMES`, or a lone brace"""
    known = ', '.join(f'{{{name}}}' for name in NAMES)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(f'A brace has no partner. Known are {known}; write {{{{ or }}}} for a brace.') from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in NAMES or spec or conversion):
            raise ValueError(f'{{{name}}} is not known here. Known are {known}; write {{{{ or }}}} for a brace.')


def filled(template: str, values: Mapping[str, str]) -> str:
    """The text of a template that `check_template` took.

    :param values: one for each of `NAMES`
    """
    return template.format_map(values).strip()


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown, in seconds; `end` is not included."""

    start: float
    end: float
    text: str


def cues(text: str, seconds: float) -> list[Cue]:
    """Each line of the text is shown once, longer ones longer; together they fill the video.

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
    """SubRip, as players and ffmpeg read it."""
    blocks = (
        f'{number}\n{_time(cue.start, ",")} --> {_time(cue.end, ",")}\n{_plain(cue.text)}\n'
        for number, cue in enumerate(items, 1)
    )
    return '\n'.join(blocks)


def as_vtt(items: Sequence[Cue]) -> str:
    """WebVTT (W3C), where `&` and `<` are written as entities."""
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
