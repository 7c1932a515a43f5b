"""Log entries as the rows that `log_rows.js` draws: values by position, so that no text of a message becomes a key.

A row is `[first, count, last, milliseconds, level, source, run, text, kind, more, styles, marks]`: the numbers of the
first and last line it stands for, the rank of the level, the number of the run with its `#`, one line of text, `rule`
for the start of a step, how many more lines the message has (for a rule: the words at its right end), and lists of
`[start, end, classes]` and `[start, end]` in UTF-16 units, as JavaScript counts; null if there are none.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pages.parts.words import length_of
from synapse.language import _, _n
from synapse.log.log import Entry
from synapse.log.search import Search
from synapse.log.text import plain, styled, visible
from synapse.protocol.tracebacks import summary_of

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
    took = (
        _('{step} took {length}', step=before, length=length_of(seconds))
        if before and isinstance(seconds, int | float)
        else ''
    )
    return ', '.join(filter(None, (visible(one_line(pipeline)[0][:LONGEST_TITLE]), took)))


def one_line(message: str) -> tuple[str, int, Spans | None]:
    """The one line of a message to show, how many more lines it has, and the styles of the text.

    Of a traceback this is the last line, which says what happened.
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
    """Start and end of the line to show."""
    start = len(said) - len(said.lstrip('\n'))
    end = said.find('\n', start)
    if end < 0:
        return start, len(said)
    if found := summary_of(said[start:]):
        return start + found[0], start + found[1]
    if said.startswith(_TRACEBACK, start):
        last = said.rstrip('\n')
        return last.rfind('\n') + 1, len(last)
    return start, end


def marks_of(text: str, message: str, search: Search | None) -> Spans | None:
    """The matches in the text that is shown; an empty list if all are in the part that is not, None without any."""
    if search is None:
        return None
    if spans := search.spans(text):
        return _utf16(text, spans)
    return [] if len(message) > len(text) and search.is_in(plain(message)) else None


def marks_by_line(entries: Iterable[Entry], search: Search) -> list[tuple[int, Spans]]:
    """The number and the matches of each line that has any."""
    found = ((entry.seq, marks_of(one_line(entry.message)[0], entry.message, search)) for entry in entries)
    return [(seq, marks) for seq, marks in found if marks is not None]


def _utf16(text: str, spans: Sequence[tuple[Any, ...]]) -> Spans | None:
    """The same spans as JavaScript counts: a character beyond the basic plane counts twice."""
    if not spans:
        return None
    if text.isascii() or max(text) <= '\uffff':
        return [list(span) for span in spans]
    places = [0]
    for char in text:
        places.append(places[-1] + (2 if char > '\uffff' else 1))
    return [[places[start], places[min(end, len(text))], *rest] for start, end, *rest in spans]


def folded(rows: Iterable[Row]) -> list[Row]:
    """The rows without those that only repeat the one before, which add to its count instead."""
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
    """At most `most` of these, evenly spread, and how many each of them stands for.

    :param last: how many at the end are all taken, since a flood may end with them; fewer than `most`
    """
    if len(entries) <= most:
        return list(entries), 1
    border = len(entries) - last
    step = -(-border // (most - last))
    return [*reversed(entries[:border][::-1][::step]), *entries[border:]], step


# One line, opened

_FRAME = re.compile(r'^ {2}File ".*", line \d+', re.MULTILINE)


def detail_of(entry: Entry, run: str) -> dict[str, Any]:
    """One entry as `log_rows.js` draws it when opened: facts, actions, and the whole text unless the row has it."""
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
    facts: list[list[str]] = [[_('line'), f'{entry.seq}']]
    if entry.step:
        facts.append([_('step'), visible(entry.step)])
    for name, value in entry.fields.items():
        if name == 'traceback' and isinstance(value, str):
            continue  # shown with the message
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        facts.append([visible(str(name)[:80]), visible(text[:4_000])])
    return facts


def _acts(entry: Entry, run: str) -> list[list[str]]:
    acts = [['run', 'open', _('Open run {run}', run=run).strip()]] if entry.run else []
    return [
        *acts,
        ['context', 'logs', _('See in context')],
        ['source', 'filter', _('Only this source')],
        ['json', 'copy', _('Copy as JSON')],
        ['link', 'open', _('Copy link')],
    ]


def _hidden_frames(text: str) -> tuple[int, int, str] | None:
    """Start and end of all frames of a traceback but the last, and the words of the button that shows them."""
    begin = text.find(_TRACEBACK)
    if begin < 0:
        return None
    frames = [match.start() for match in _FRAME.finditer(text, begin)]
    if len(frames) < 2:
        return None
    start = text.find('\n', begin) + 1
    words = _n('Show {count} more frame', 'Show {count} more frames', len(frames) - 1)
    return start, frames[-1], words
