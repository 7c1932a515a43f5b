"""Reads a subtitle file of a person's own: any usual encoding, SubRip, WebVTT or SubStation Alpha, with its faults."""

import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from storage.foreign_words import system_words
from synapse.durations import clock
from synapse.language import _, _n
from synapse.language.figures import number
from synapse.pipelines.pipeline import StepFailed

from .reading_speed import READ_PER_SECOND
from .text import JOINER, Cue

SUFFIXES = ('.srt', '.vtt', '.ass', '.ssa')
LARGEST_BYTES = 20_000_000
LONGEST_CUE_SECONDS = 7.0
"""How long a cue without an end is shown at most."""
_TOGETHER_SECONDS = 0.5  # cues that begin this close are shown as one
_SLIGHT_SECONDS = 0.1  # an overlap too short to report


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The cues of a file, in order and apart; `problems` has a sentence for each that was changed or left out."""

    cues: list[Cue]
    encoding: str
    problems: list[str]

    @property
    def is_guessed(self) -> bool:
        """Whether nothing but the letters themselves tells the encoding."""
        return not self.encoding.startswith('utf')


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    """Of its times, counted from 1."""
    start: float
    end: float | None
    text: str


_Problems = list[tuple[int, str]]
"""What is wrong, with the line."""


def read_subtitles(path: Path, seconds: float, *, shift: float = 0.0) -> Subtitles:
    """Return what a subtitle file shows during a film.

    Formatting is dropped. Cues are sorted; where two overlap, the first ends earlier or they are shown as one; what
    comes before the film or after it is left out.

    :param seconds: length of the film
    :param shift: seconds by which all cues are later; earlier if negative
    :raises StepFailed: if it cannot be read, or shows nothing
    """
    text, encoding = decoded(_content(path), path.name)
    problems: _Problems = []
    entries = [replace(entry, text=_tidy(entry.text)) for entry in _entries(text, problems)]
    if not entries:
        raise StepFailed(
            _('{name} has no subtitles in it.', name=path.name),
            _('Choose another file: {names}.', names=', '.join(SUFFIXES)),
        )
    cues = _clipped(_apart(_sorted(entries, problems), problems), shift, seconds, problems)
    if not cues:
        raise StepFailed(
            _(
                'Nothing in {name} is shown during the film, which lasts {length}.',
                name=path.name,
                length=clock(seconds),
            ),
            _('Check whether it is for this film, or shift it.'),
        )
    return Subtitles(
        cues, encoding, [_('Line {line}: {what}', line=line, what=what) for line, what in sorted(problems)]
    )


def neighbour(video: Path) -> Path | None:
    """Return the subtitle file that lies next to a video under the same name, unless Synapse delivered it there."""
    try:
        names = {path.name: path for path in video.parent.iterdir() if path.stem == video.stem}
    except OSError:
        return None
    delivered = _delivered(names.get(f'{video.stem}.json'))
    for suffix in SUFFIXES:
        for name, path in names.items():
            if name.lower().endswith(suffix) and path.is_file() and delivered.get(name) != _sha256(path):
                return path
    return None


def _delivered(report: Path | None) -> dict[str, str]:
    """Return the SHA-256 of each file that an earlier run left in this folder, by name, as its report has them."""
    try:
        document = json.loads(report.read_bytes()) if report else {}
        return {file['name']: file['sha256'] for file in document['files']}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.stat().st_size <= LARGEST_BYTES else ''
    except OSError:
        return ''


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise StepFailed(
                _('{name} is too large for subtitles: {size} MB.', name=path.name, size=number(size / 1e6, digits=0)),
                _('Choose another file.'),
            )
        return path.read_bytes()
    except OSError as error:
        raise StepFailed(
            _('{path} cannot be read: {strerror}.', path=path, strerror=system_words(error)),
            _('Choose another subtitle file.'),
        ) from error


_BOMS = (
    (b'\xef\xbb\xbf', 'utf-8'),
    (b'\xff\xfe\0\0', 'utf-32'),
    (b'\0\0\xfe\xff', 'utf-32'),
    (b'\xff\xfe', 'utf-16'),
    (b'\xfe\xff', 'utf-16'),
)


def decoded(data: bytes, name: str) -> tuple[str, str]:
    """Return the text of a file and the encoding it is in, which is guessed if it is not Unicode.

    :raises StepFailed: if it is not text
    """
    encoding = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None) or _unmarked(data)
    try:
        # The mark itself is no text, and `utf-8` would keep it.
        return data.decode(encoding).removeprefix('\ufeff'), encoding
    except (UnicodeError, LookupError):
        raise StepFailed(
            _('{name} is not a text file.', name=name), _('Choose a subtitle file, such as .srt or .vtt.')
        ) from None


def _unmarked(data: bytes) -> str:
    if b'\0' in data:
        # Half of the bytes of digits and Latin letters are zero in UTF-16, in times too.
        return 'utf-16-be' if data[::2].count(0) > data[1::2].count(0) else 'utf-16-le'
    try:
        data.decode()
    except UnicodeDecodeError:
        return _guessed(data)
    return 'utf-8'


# Where fewer of the letters are outside ASCII, the script is Latin, and one of these the encoding.
_LATIN_SHARE = 0.3
_LATIN = ('cp1252', 'cp1250', 'cp1254', 'cp1257')
_TIE = 0.01


def _guessed(data: bytes) -> str:
    # Measured with 102 subtitles of one line and 59 of four or eight, in 22 languages and encodings: 96 and 59 are
    # right. chardet alone has 83 and 53, charset-normalizer 46 and 41.
    import chardet

    foreign, letters = sum(byte > 127 for byte in data), len(re.findall(rb'[A-Za-z]', data))
    if foreign >= _LATIN_SHARE * (foreign + letters):
        found = chardet.detect(data, encoding_era=chardet.EncodingEra.MODERN_WEB)['encoding']
        return str(found or 'cp1252').lower()
    guesses = chardet.detect_all(data, include_encodings=_LATIN, ignore_threshold=True)
    sure = {str(guess['encoding']).lower(): guess['confidence'] for guess in guesses}
    return max(sure, key=lambda name: sure[name] + (_TIE if name == 'windows-1252' else 0), default='cp1252')


_CLOCK = r'(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)'
_TIMES = re.compile(rf'\s*{_CLOCK}\s*-+>\s*(?:{_CLOCK})?(?:\s.*)?')
_BROKEN_TIMES = re.compile(r'\s*\d\S*:\S*\s*-+>')


def _entries(text: str, problems: _Problems) -> Iterator[_Entry]:
    lines = re.split(r'\r\n|\r|\n', text)
    if any(line.strip().lower() == '[events]' for line in lines):
        yield from _ass_entries(lines, problems)
    elif lines[0].startswith('WEBVTT'):
        yield from _timed_entries(lines, problems, is_vtt=True)
    else:
        yield from _timed_entries(lines, problems, is_vtt=False)


def _timed_entries(lines: list[str], problems: _Problems, *, is_vtt: bool) -> Iterator[_Entry]:
    """Yield the entries of SubRip or WebVTT; whatever comes before a line of times is not shown."""
    at = [number for number, line in enumerate(lines) if _TIMES.fullmatch(line) or _BROKEN_TIMES.match(line)]
    for row, following in pairwise([*at, len(lines)]):
        times = _TIMES.fullmatch(lines[row])
        if times is None:
            problems.append(
                (
                    row + 1,
                    _('the times {times!r} cannot be read, so the cue is left out.', times=lines[row].strip()),
                )
            )
            continue
        end = _seconds(*times.groups()[3:]) if times[5] else None
        below = lines[row + 1 : following]
        text = _vtt_text(below) if is_vtt else _srt_text(below, is_last=following == len(lines))
        yield _Entry(row + 1, _seconds(*times.groups()[:3]), end, text)


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(',', '.'))


def _srt_text(lines: list[str], *, is_last: bool) -> str:
    """Return what comes before the number of the next entry; a blank line may be part of the text."""
    text = '\n'.join(lines).rstrip()
    if not is_last:
        text = re.sub(r'(^|\n)[ \t]*\d+$', '', text)
    return _PARTED.sub('', _SRT_FORMATTING.sub('', text))


def _vtt_text(lines: list[str]) -> str:
    """Return what comes before the first blank line; comments, styles and names of cues follow one."""
    shown = []
    for line in lines:
        if not line.strip():
            break
        shown.append(line)
    return html.unescape(re.sub(r'<[^>]*>', '', '\n'.join(shown)))


_PARTED = re.compile(rf'(?<=[<\\{{-]){JOINER}')  # as `as_srt` does it
# Only what players know as such: `a<b and c>d` is text.
_SRT_FORMATTING = re.compile(r'</?[bius]>|</?font\b[^>]*>|\{\\[^}]*\}|\{[CcFfoPSsYy]:[^}]*\}', re.IGNORECASE)


def _ass_entries(lines: list[str], problems: _Problems) -> Iterator[_Entry]:
    names: list[str] = []
    for row, line in enumerate(lines, 1):
        kind, __, rest = line.partition(':')
        if kind.strip() == 'Format':
            names = [name.strip() for name in rest.split(',')]
        elif kind.strip() == 'Dialogue' and 'Text' in names:
            values = dict(zip(names, rest.split(',', len(names) - 1), strict=False))
            start, end = (re.fullmatch(_CLOCK, values.get(name, '').strip()) for name in ('Start', 'End'))
            if start is None:
                problems.append((row, _('the start of the cue cannot be read, so it is left out.')))
            elif not re.search(r'\{[^}]*\\p[1-9]', values.get('Text', '')):  # a drawing
                text = re.sub(r'\{[^}]*\}', '', values.get('Text', ''))
                text = re.sub(r'\\[Nn]', '\n', text).replace(r'\h', ' ')
                yield _Entry(row, _seconds(*start.groups()), _seconds(*end.groups()) if end else None, text)


def _tidy(text: str) -> str:
    return '\n'.join(line.strip() for line in text.splitlines() if line.strip())


def _sorted(entries: Iterable[_Entry], problems: _Problems) -> list[_Entry]:
    kept: list[_Entry] = []
    latest = 0.0
    for entry in entries:
        if not entry.text:
            problems.append((entry.line, _('the cue has no text, so it is left out.')))
            continue
        if entry.start < latest:
            problems.append((entry.line, _('the cue starts before the one above it, so it was moved up.')))
        latest = max(latest, entry.start)
        kept.append(entry)
    return sorted(kept, key=lambda entry: entry.start)


def _apart(entries: list[_Entry], problems: _Problems) -> list[tuple[int, Cue]]:
    """Return the cues with their lines, each ending before the next one starts."""
    result: list[tuple[int, Cue]] = []
    for entry in entries:
        end = entry.end
        if end is None or end <= entry.start:
            what = _('the cue has no end, so it is shown for as long as it takes to read.')
            if end is not None:
                what = _('the cue ends before it starts, so it is shown for as long as it takes to read.')
            problems.append((entry.line, what))
            end = entry.start + min(LONGEST_CUE_SECONDS, max(1.0, len(entry.text) / READ_PER_SECOND))
        cue = Cue(entry.start, end, entry.text)
        line, before = result[-1] if result else (0, cue)
        if not result or before.end <= cue.start:
            result.append((entry.line, cue))
        elif cue.start - before.start < _TOGETHER_SECONDS:
            problems.append(
                (entry.line, _('the cue starts when line {line} does, so both are shown at once.', line=line))
            )
            result[-1] = (line, Cue(before.start, max(before.end, end), f'{before.text}\n{cue.text}'))
        else:
            if before.end - cue.start > _SLIGHT_SECONDS:
                problems.append(
                    (entry.line, _('the cue starts before line {line} ends, so that one ends earlier.', line=line))
                )
            result[-1] = (line, replace(before, end=cue.start))
            result.append((entry.line, cue))
    return result


def _clipped(items: list[tuple[int, Cue]], shift: float, seconds: float, problems: _Problems) -> list[Cue]:
    kept = []
    early, late = [], []
    for line, cue in items:
        start, end = cue.start + shift, cue.end + shift
        if end <= 0:
            early.append(line)
        elif start >= seconds:
            late.append(line)
        else:
            kept.append(Cue(max(0.0, start), min(seconds, end), cue.text))
    if early:
        problems.append((early[0], _too_early(len(early) - 1)))
    if late:
        problems.append((late[0], _too_late(len(late) - 1, clock(seconds))))
    return kept


def _too_early(others: int) -> str:
    if not others:
        return _('the cue comes before the film starts, so it is left out.')
    return _n(
        'the cue and another come before the film starts, so they are left out.',
        'the cue and {count} others come before the film starts, so they are left out.',
        others,
    )


def _too_late(others: int, end: str) -> str:
    if not others:
        return _('the cue comes after the film ends at {end}, so it is left out.', end=end)
    return _n(
        'the cue and another come after the film ends at {end}, so they are left out.',
        'the cue and {count} others come after the film ends at {end}, so they are left out.',
        others,
        end=end,
    )
