"""Log entries as the rows of `log_lines.js`: plain positions instead of names, so that no key of a person's gets in.

A row is `[first, count, last, milliseconds, level, source, run, text, kind, more, styles, marks]`: the numbers of the
first and last line it stands for, the rank of the level, the number of the run with its `#`, one line of text, `rule`
for the start of a step, how many more lines the message has (for a rule: the words at its right end), and
`[start, end, classes]` and `[start, end]` in units of UTF-16, as JavaScript counts; null where there are none.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pages.parts.words import length_of
from synapse.log.log import Entry
from synapse.log.search import Search
from synapse.log.text import plain, styled, visible
from synapse.sentences import count_of

LONGEST_LINE = 1_000
LONGEST_TITLE = 60
Row = list[Any]
Spans = list[list[Any]]

_TRACEBACK = 'Traceback (most recent call last):'


def row_of(entry: Entry, run: str, search: Search | None, *, pipeline: str = '') -> Row:
    """The row of one entry.

    :param run: its number as shown, such as `#12`
    :param pipeline: the title of its pipeline, for the start of a step
    """
    milliseconds = int(entry.timestamp.timestamp() * 1000)
    source = visible(entry.source[:60])
    if entry.step and entry.fields.get('rule') == 'started':
        text, side = visible(entry.message[:LONGEST_LINE]), _side(entry, pipeline)
        marks = marks_of(text, entry.message, search)
        return [entry.seq, 1, entry.seq, milliseconds, 1, source, run, text, 'rule', side, None, marks]
    text, more, styles = one_line(entry.message)
    marks = marks_of(text, entry.message, search)
    return [entry.seq, 1, entry.seq, milliseconds, entry.level.rank, source, run, text, '', more, styles, marks]


def _side(entry: Entry, pipeline: str) -> str:
    before, seconds = entry.fields.get('before'), entry.fields.get('before_seconds')
    took = f'{before} took {length_of(seconds)}' if before and isinstance(seconds, int | float) else ''
    return ', '.join(filter(None, (visible(one_line(pipeline)[0][:LONGEST_TITLE]), took)))


def one_line(message: str) -> tuple[str, int, Spans | None]:
    """What of a message fits into one line, how many lines more it has, and how its text is styled.

    A bare traceback shows its last line, which says what happened.
    """
    if '\x1b' in message or '\x9b' in message:
        said, spans = styled(message)
    else:
        said, spans = message, []
    start, end = _best_line(said)
    lines = said.strip('\n').count('\n')
    text = visible(said[start:end][:LONGEST_LINE])
    if end - start > LONGEST_LINE:
        text += '…'
    inside = [(max(a, start) - start, min(b, start + LONGEST_LINE) - start, look) for a, b, look in spans]
    return text, lines, _utf16(text, [span for span in inside if span[0] < span[1]])


def _best_line(said: str) -> tuple[int, int]:
    """Where the line to show begins and ends."""
    start = len(said) - len(said.lstrip('\n'))
    end = said.find('\n', start)
    if end < 0:
        return start, len(said)
    if said.startswith(_TRACEBACK, start):
        last = said.rstrip('\n')
        return last.rfind('\n') + 1, len(last)
    return start, end


def marks_of(text: str, message: str, search: Search | None) -> Spans | None:
    """The matches in the shown text; an empty list if there are some only in what is not shown, None for none."""
    if search is None:
        return None
    if spans := search.spans(text):
        return _utf16(text, spans)
    return [] if len(message) > len(text) and search.is_in(plain(message)) else None


def _utf16(text: str, spans: Sequence[tuple[Any, ...]]) -> Spans | None:
    """The same spans as JavaScript counts: characters beyond the basic plane count twice."""
    if not spans:
        return None
    if text.isascii() or max(text) <= '\uffff':
        return [list(span) for span in spans]
    places = [0]
    for char in text:
        places.append(places[-1] + (2 if char > '\uffff' else 1))
    return [[places[start], places[min(end, len(text))], *rest] for start, end, *rest in spans]


def folded(rows: Iterable[Row]) -> list[Row]:
    """The same rows, those that repeat the one before added to its count: the fewer to send."""
    kept: list[Row] = []
    for row in rows:
        last = kept[-1] if kept else None
        if last is not None and not row[8] and last[4:10] == row[4:10]:
            last[1] += row[1]
            last[2] = row[2]
            last[11] = last[11] if last[11] is not None else row[11]
        else:
            kept.append(row)
    return kept


def sample_of(entries: Sequence[Entry], most: int, *, last: int = 0) -> tuple[list[Entry], int]:
    """At most `most` of these, evenly, and of how many one was taken.

    :param last: so many at the end come without a gap, since a flood may end with them; fewer than `most`
    """
    if len(entries) <= most:
        return list(entries), 1
    border = len(entries) - last
    step = -(-border // (most - last))
    return [*reversed(entries[:border][::-1][::step]), *entries[border:]], step


# One line, opened

_FRAME = re.compile(r'^ {2}File ".*", line \d+', re.MULTILINE)


def detail_of(entry: Entry, run: str) -> dict[str, Any]:
    """All about one entry as `log_lines.js` draws it: facts, whole text where the row has not all of it, actions."""
    trace = entry.fields.get('traceback')
    said, styles = styled(f'{entry.message}\n{trace}' if isinstance(trace, str) else entry.message)
    shown = visible(said)
    is_whole = '\n' not in said.strip('\n') and len(said) <= LONGEST_LINE
    about: dict[str, Any] = {
        'seq': entry.seq,
        'facts': _facts(entry),
        'acts': _acts(entry, run),
        'json': json.dumps(entry.as_json(), ensure_ascii=False),
        'link': f'/logs?line={entry.seq}',
    }
    if not is_whole:
        hidden = _hidden_frames(shown)
        about['text'] = shown
        about['styles'] = _utf16(shown, styles)
        if hidden is not None:
            about['hidden'] = [*(_utf16(shown, [hidden[:2]]) or [[0, 0]])[0], hidden[2]]
    return about


def _facts(entry: Entry) -> list[list[str]]:
    facts = [['line', f'{entry.seq}']]
    if entry.step:
        facts.append(['step', visible(entry.step)])
    for name, value in entry.fields.items():
        if name == 'traceback' and isinstance(value, str):
            continue  # it is shown as what it is, with the message
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        facts.append([visible(str(name)[:80]), visible(text[:4_000])])
    return facts


def _acts(entry: Entry, run: str) -> list[list[str]]:
    acts = [['run', 'open', f'Open run {run}'.strip()]] if entry.run else []
    return [
        *acts,
        ['context', 'logs', 'See in context'],
        ['source', 'filter', 'Only this source'],
        ['json', 'copy', 'Copy as JSON'],
        ['link', 'open', 'Copy link'],
    ]


def _hidden_frames(text: str) -> tuple[int, int, str] | None:
    """What of a traceback is folded away: all frames but the last."""
    begin = text.find(_TRACEBACK)
    if begin < 0:
        return None
    frames = [match.start() for match in _FRAME.finditer(text, begin)]
    if len(frames) < 2:
        return None
    start = text.find('\n', begin) + 1
    count = len(frames) - 1
    return start, frames[-1], f'Show {count_of(count, "more frame")}'
