"""Whether this machine has fonts for what is burnt into a picture, asked of the program that will do it."""

import re
import sys
from collections.abc import Sequence

from synapse.host.run import Run
from synapse.language import _
from synapse.media.ffmpeg import FfmpegResult, ffmpeg
from synapse.pipelines.pipeline import StepFailed

from .line_breaks import graphemes
from .text import Cue, as_ass

SHOWN_LETTERS = 12
"""How many of the missing letters are named."""

_SIZE = (320, 180)
_NO_FONT = '0'
# libass says this for each letter, in every language; it never repeats the text.
_MISSING = re.compile(r'failed to find any fallback with glyph 0x([0-9A-F]+) ')
_EMOJI = r'[\p{Extended_Pictographic}\p{Regional_Indicator}]'
# libass passes over the font of fonts-noto-color-emoji, although fontconfig offers it: that has pictures, no outlines.
_PACKAGES = (
    ('fonts-noto-cjk', r'[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}\p{InCJK_Symbols_And_Punctuation}]'),
    ('fonts-symbola', rf'{_EMOJI}|[\p{{Sm}}\p{{So}}]'),
    ('fonts-noto-core', r'.'),
)


def check_letters(run: Run, text: str) -> None:
    """Burn each letter of a text into an empty frame, as a test.

    :raises StepFailed: if this ffmpeg cannot do that, or no font here can draw one of the letters; with what to install
    """
    letters = sorted({'A', *(letter for letter in graphemes(text) if letter.strip())})
    missing = _missing(_burnt(run, [' '.join(letters)]))
    if _NO_FONT in missing:
        raise StepFailed(
            _('No font is installed for burning in captions.'),
            _('Install one, or choose mux or sidecar for the captions.'),
        )
    if missing:
        codes = {chr(int(number, 16)) for number in missing}
        unknown = [letter for letter in letters if codes & set(letter)]
        raise StepFailed(
            _('No font on this machine has these letters of the caption: {letters}.', letters=_named(unknown)),
            _('Install {fonts}, or choose mux or sidecar for the captions.', fonts=_what_has(unknown)),
        )
    invisible = _invisible(run, [letter for letter in letters if _is(_EMOJI, letter)])
    if invisible:
        raise StepFailed(
            _(
                'The font of this machine for {letters} has colours only, which cannot be burnt in.',
                letters=_named(invisible),
            ),
            _('Leave them out, or choose mux or sidecar for the captions.'),
        )


def _burnt(run: Run, texts: Sequence[str]) -> FfmpegResult:
    """Burn each text into a black frame of its own; the frames are in `trial.gray`."""
    trial = run.workdir / 'trial.ass'
    trial.write_text(as_ass([Cue(at, at + 1, text) for at, text in enumerate(texts)], _SIZE), encoding='utf-8')
    wide, high = _SIZE
    result = ffmpeg(
        run,
        [
            *('-f', 'lavfi', '-i', f'color=black:size={wide}x{high}:rate=1:duration={len(texts)}'),
            *('-vf', f'ass=filename={trial.name}', '-pix_fmt', 'gray', '-f', 'rawvideo', 'trial.gray'),
        ],
        is_quiet=True,
    )
    if result.code:
        raise StepFailed(
            _('This ffmpeg cannot burn captions into the picture.'), _('Choose mux or sidecar for the captions.')
        )
    return result


def _missing(result: FfmpegResult) -> list[str]:
    """Return the code points, in hexadecimal, that libass has found no font for; 0 if there is no font at all."""
    return list(dict.fromkeys(number for line in result.warnings for number in _MISSING.findall(line)))


def _invisible(run: Run, letters: Sequence[str]) -> list[str]:
    """Return the letters of which nothing is seen: libass takes a font with colour layers, and draws its outlines."""
    if not letters:
        return []
    _burnt(run, letters)
    frames, size = (run.workdir / 'trial.gray').read_bytes(), _SIZE[0] * _SIZE[1]
    return [letter for at, letter in enumerate(letters) if max(frames[at * size : (at + 1) * size]) < 128]


def _named(letters: Sequence[str]) -> str:
    # Not how many: ffmpeg's first 200 warnings are kept, and a page of Chinese has more.
    shown = ' '.join(letters[:SHOWN_LETTERS])
    return _('{letters} and others', letters=shown) if len(letters) > SHOWN_LETTERS else shown


def _what_has(letters: Sequence[str]) -> str:
    """Return the packages of Debian and Ubuntu, or what to look for elsewhere."""
    if not sys.platform.startswith('linux'):
        return _('a font that has them (for emoji, one with outlines)')
    found = dict.fromkeys(next(name for name, pattern in _PACKAGES if _is(pattern, letter)) for letter in letters)
    packages = found.popitem()[0]
    for name in reversed(found):
        packages = _('{one} and {another}', one=name, another=packages)
    return _('{packages} (as Debian and Ubuntu call it)', packages=packages)


def _is(pattern: str, letter: str) -> bool:
    import regex  # see `graphemes`

    return regex.match(pattern, letter, regex.DOTALL) is not None
