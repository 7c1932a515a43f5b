"""Entries as rows: one line of text, its styles and matches as JavaScript counts, folds and samples."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pages.logs.rows import detail_of, folded, one_line, row_of, sample_of
from synapse.log.log import Entry, Level
from synapse.log.search import Search

AT = datetime(2026, 10, 14, 14, 8, 31, 204_000, tzinfo=UTC)
TRACEBACK = (
    'Traceback (most recent call last):\n'
    '  File "a.py", line 1, in <module>\n    f()\n'
    '  File "b.py", line 2, in f\n    g()\n'
    '  File "c.py", line 3, in g\n    raise ValueError("x")\n'
    'ValueError: x'
)


def entry(message: str, *, seq: int = 1, level: Level = Level.INFO, **rest: Any) -> Entry:
    return Entry(id=f'x-{seq}', seq=seq, timestamp=AT, level=level, message=message, source='render', **rest)


def test_a_row_has_positions_and_no_names() -> None:
    row = row_of(entry('hello', seq=7, level=Level.WARNING, fields={':onclick': 'x'}), '#12', None)

    assert row == [7, 1, 7, int(AT.timestamp() * 1000), 3, 'render', '#12', 'hello', '', 0, None, None]


def test_the_start_of_a_step_is_a_rule_that_names_the_one_before() -> None:
    started = entry(
        'RENDER started', step='render', fields={'rule': 'started', 'before': 'CAPTION', 'before_seconds': 138.2}
    )

    row = row_of(started, '#12', None, pipeline='Video publish')

    assert row[7:10] == ['RENDER started', 'rule', 'Video publish, CAPTION took 2:18']


def test_one_line_of_a_message_and_how_many_more_it_has() -> None:
    assert one_line('first\nsecond\nthird\n') == ('first', 2, None)
    assert one_line('\n\nfirst') == ('first', 0, None)
    assert one_line('') == ('', 0, None)


def test_a_bare_traceback_shows_what_it_ends_with() -> None:
    assert one_line(TRACEBACK)[:2] == ('ValueError: x', 7)
    assert one_line(f'it broke\n{TRACEBACK}')[0] == 'it broke'


def test_styles_and_matches_count_as_javascript_does() -> None:
    row = row_of(entry('😀 \x1b[31mred\x1b[0m line'), '', Search(text='line'))

    assert row[7] == '😀 red line'
    assert row[10] == [[3, 6, 'a-fg-1']]
    assert row[11] == [[7, 11]]


def test_a_match_in_what_is_not_shown_is_told_as_such() -> None:
    assert row_of(entry('first\nsecond'), '', Search(text='second'))[11] == []
    assert row_of(entry('first\nsecond'), '', Search(text='third'))[11] is None


@given(st.text(), st.text(min_size=1, max_size=3))
def test_any_text_becomes_one_line_with_marks_inside_it(message: str, wanted: str) -> None:
    row = row_of(entry(message), '', Search(text=wanted))
    length = len(row[7].encode('utf-16-le', 'surrogatepass')) // 2

    assert '\n' not in row[7]
    assert all(0 <= start < end <= length for start, end in row[11] or [])
    assert all(0 <= start < end <= length for start, end, _ in row[10] or [])


def test_repeated_rows_fold_and_rules_never_do() -> None:
    again = [row_of(entry('again', seq=seq), '', None) for seq in (1, 2, 3)]
    other = row_of(entry('other', seq=4), '', None)
    rules = [row_of(entry('STEP started', seq=seq, step='a', fields={'rule': 'started'}), '', None) for seq in (5, 6)]

    rows = folded([*again, other, *rules])

    assert [row[:3] for row in rows] == [[1, 3, 3], [4, 1, 4], [5, 1, 5], [6, 1, 6]]


@given(st.integers(1, 5000), st.integers(1, 300), st.integers(0, 299))
def test_a_sample_is_even_and_bounded_and_its_end_is_whole(count: int, most: int, last: int) -> None:
    entries = [entry('x', seq=seq) for seq in range(1, count + 1)]
    last = min(last, most - 1, count)

    sample, step = sample_of(entries, most, last=last)

    assert len(sample) <= most
    assert sample[-1] is entries[-1]
    assert sample[len(sample) - last :] == entries[count - last :]
    assert {later.seq - earlier.seq for earlier, later in pairwise(sample[: len(sample) - last])} <= {step}


def test_the_traceback_of_a_record_is_shown_with_its_message_and_folded() -> None:
    about = detail_of(entry('it broke', fields={'traceback': TRACEBACK, 'status': 503}), '')

    assert about['text'] == f'it broke\n{TRACEBACK}'
    assert about['hidden'][2] == 'Show 2 more frames'
    assert about['facts'] == [['line', '1'], ['status', '503']]


def test_an_opened_line_tells_all_and_folds_the_frames_but_the_last() -> None:
    about = detail_of(entry(f'it broke\n{TRACEBACK}', run='r1', step='render', fields={'status': 503}), '#12')

    start, end, words = about['hidden']
    assert about['text'][:start].endswith('(most recent call last):\n')
    assert about['text'][end:].startswith('  File "c.py"')
    assert words == 'Show 2 more frames'
    assert about['facts'] == [['line', '1'], ['step', 'render'], ['status', '503']]
    assert [act[0] for act in about['acts']] == ['run', 'context', 'source', 'json', 'link']
