"""Caption text from a template, when each part of it is shown, and the subtitle files made from that."""

import html
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from synapse.language import _
from synapse.media.probe import Hdr

from .line_breaks import width, wrapped

NAMES = ('title', 'date', 'duration', 'profile')
LINES = 2
"""How many lines of a caption are shown at once."""
MOST_LINES = 8
"""How many there may be where the film is too short for that; about half of the picture."""
MIN_CUE_SECONDS = 1.0
SHORTEST_CUE_SECONDS = 0.04
"""Where even `MOST_LINES` are not enough: one frame."""


def check_template(template: str) -> None:
    """Check the placeholders of a template.

    :raises ValueError: with a sentence, if it has a name other than those in `NAMES`, or an unmatched brace
    """
    known = ', '.join(f'{{{name}}}' for name in NAMES)
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        raise ValueError(_('A brace is unmatched. Use {known}; write {{{{ or }}}} for a brace.', known=known)) from None
    for __, name, spec, conversion in parts:
        if name is not None and (name not in NAMES or spec or conversion):
            raise ValueError(
                _('{{{name}}} is not known here. Use {known}; write {{{{ or }}}} for a brace.', name=name, known=known)
            )


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

    A line that is too wide is broken, and shown two lines at a time. What would be shown for less than a second shares
    a cue.
    """
    return _shared([block for line in text.splitlines() for block in _blocks(wrapped(line))], 0.0, seconds)


def fitted(items: Iterable[Cue]) -> list[Cue]:
    """Return cues of a person or of a recognizer with lines that fit; a long text becomes several cues."""
    result = []
    for cue in items:
        lines = [part for line in cue.text.splitlines() for part in wrapped(line)]
        if len(lines) <= LINES + 1:  # three are common in files that people made, and better than a flicker
            result.append(replace(cue, text='\n'.join(lines)))
        else:
            result += _shared(_blocks(lines), cue.start, cue.end)
    return result


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    return [list(lines[at : at + LINES]) for at in range(0, len(lines), LINES)]


def _shared(blocks: Sequence[list[str]], start: float, end: float) -> list[Cue]:
    """Return a cue for each block, one after the other; fewer and higher ones if there is no time for so many."""
    seconds = end - start
    if len(blocks) > max(1, int(seconds / MIN_CUE_SECONDS)):
        lines = [line for block in blocks for line in block]
        count = max(1, int(seconds / MIN_CUE_SECONDS), -(-len(lines) // MOST_LINES))
        count = min(count, len(lines), max(1, int(seconds / SHORTEST_CUE_SECONDS)))
        blocks = [lines[at * len(lines) // count : (at + 1) * len(lines) // count] for at in range(count)]
    least = min(MIN_CUE_SECONDS, seconds / max(1, len(blocks)))
    spare = seconds - least * len(blocks)
    weights = [max(12, sum(map(width, block))) for block in blocks]
    result, at = [], start
    for block, weight in zip(blocks, weights, strict=True):
        until = at + least + spare * weight / sum(weights)
        result.append(Cue(at, until, '\n'.join(block)))
        at = until
    return [*result[:-1], *(replace(last, end=end) for last in result[-1:])]


def as_srt(items: Sequence[Cue]) -> str:
    """Return the cues as SubRip, as players and ffmpeg read it.

    SubRip knows no escaping. What players take for a command is parted by an invisible U+2060, so that they show it;
    only those that are made with ffmpeg leave out all text in braces.
    """
    blocks = (
        f'{number}\n{_time(cue.start, ",")} --> {_time(cue.end, ",")}\n{_SRT_COMMAND.sub(_parted, cue.text)}\n'
        for number, cue in enumerate(items, 1)
    )
    return '\n'.join(blocks)


def as_vtt(items: Sequence[Cue]) -> str:
    """Return the cues as WebVTT (W3C)."""
    blocks = (
        f'{_time(cue.start, ".")} --> {_time(cue.end, ".")}\n{html.escape(cue.text, quote=False)}\n' for cue in items
    )
    return '\n'.join(['WEBVTT\n', *blocks])


def as_ass(items: Sequence[Cue], size: tuple[int, int], hdr: Hdr | None = None) -> str:
    """Return the cues as Advanced SubStation Alpha, for burning in with libass.

    :param size: of the picture, in pixels; letters are as high as suits it, and as lets `COLUMNS` fit
    :param hdr: the curve of a picture that stays HDR, whose white would blind; it is then that of paper, 203 nits
    """
    wide, high = size
    letter = min(high / 16, wide / 18)
    lines = (
        f'Dialogue: 0,{_ass_time(cue.start)},{_ass_time(cue.end)},Caption,,0,0,0,,{_ass_text(cue.text)}'
        for cue in items
    )
    style = _ASS_STYLE.format(
        white=_WHITES[hdr],
        size=f'{letter:.2f}',
        outline=f'{letter / 16:.2f}',
        side=round(wide / 50),
        bottom=round(letter * 0.6),
    )
    return '\n'.join([_ASS_HEAD.format(wide=wide, high=high), style, _ASS_EVENTS, *lines, ''])


JOINER = '\u2060'
"""WORD JOINER: takes no room, and neither players nor libass look for it in a font."""

_SRT_COMMAND = re.compile(r'<(?=[A-Za-z/])|\\(?=[Nnh])|\{(?=\\)|--(?=>)')

_ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: {wide}
PlayResY: {high}
WrapStyle: 0
ScaledBorderAndShadow: yes
YCbCr Matrix: None

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, \
MarginL, MarginR, MarginV, Encoding"""
# ITU-R BT.2408: 58 % of the range with PQ, 75 % with HLG.
_WHITES: dict[Hdr | None, str] = {None: 'FFFFFF', 'pq': '949494', 'hlg': 'BFBFBF'}
# An encoding of -1 lets each line run as its first letter does, from the right in Hebrew and Arabic.
_ASS_STYLE = (
    'Style: Caption,sans-serif,{size},&H00{white},&H00{white},&H00000000,&H00000000,0,0,0,0,'
    '100,100,0,0,1,{outline},0,2,{side},{side},{bottom},-1\n'
)
_ASS_EVENTS = """[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"""


def _parted(found: re.Match[str]) -> str:
    return found[0] + JOINER


def _ass_text(text: str) -> str:
    """Return text that libass shows as it is: no backslash begins a command, no brace a block of them."""
    safe = text.replace('\\', '\\' + JOINER).replace('{', r'\{').replace('}', r'\}')
    return safe.replace('\n', r'\N')


def _time(seconds: float, mark: str) -> str:
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours:02}:{minutes:02}:{whole:02}{mark}{milliseconds:03}'


def _ass_time(seconds: float) -> str:
    whole, hundredths = divmod(round(seconds * 100), 100)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{whole:02}.{hundredths:02}'
