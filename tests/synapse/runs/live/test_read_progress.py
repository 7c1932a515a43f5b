"""The progress of a step, as it is read from what its programs draw."""

from datetime import UTC, datetime

import pytest

from synapse.log.entry import Entry, Level
from synapse.runs.live.read_progress import ReadProgress, percent_in


def row(text: str, id: str = 'r/1/0', source: str = 'rsync') -> Entry:
    return Entry(id=id, seq=0, timestamp=datetime.now(UTC), level=Level.INFO, message=text, source=source)


@pytest.mark.parametrize(
    ('text', 'percent'),
    [
        (' 45%|████▌     | 45/100 [00:04<00:05,  9.97it/s]', 45),
        ('    117,440,512  37%   55.61MB/s    0:00:03 (xfr#1, to-chk=0/1)', 37),
        ('video.mkv            12%[=>                  ]  36.00M  12.1MB/s    eta 21s', 12),
        ('  1.2GiB 0:00:04 [ 250MiB/s] [====>         ] 42% ETA 0:00:05', 42),
        (' 45  300M   45  137M    0     0  55.2M      0  0:00:05  0:00:02  0:00:03 55.2M', 45),
        ('[download]  99.5% of 10.00MiB at 1.00MiB/s', 99.5),
        ('12,5 % fertig', 12.5),
        ('frame=  120 fps= 60 q=28.0 size=     256kB time=00:00:04.00', None),
        ('107374182 bytes (107 MB, 102 MiB) copied, 3 s, 35.8 MB/s', None),
        ('200% of nothing', None),
        ('  % Total    % Received % Xferd  Average Speed', None),
        ('url%20encoded', None),
    ],
)
def test_a_percent_is_read_where_there_is_one(text: str, percent: float | None) -> None:
    assert percent_in(text) == percent


def test_progress_names_its_source_and_never_goes_back_nor_to_the_end() -> None:
    read = ReadProgress()

    assert read.of([row('10%')]) == (10, "10 % read from rsync's output")
    assert read.of([row('9%')]) is None
    assert read.of([row('no percent')]) is None
    assert read.of([row('45.7%')]) == (45.7, "45 % read from rsync's output")
    assert read.of([row('100%')]) == (99, "99 % read from rsync's output")
    assert read.of([]) is None


def test_the_topmost_row_counts_and_the_next_one_is_a_new_phase() -> None:
    read = ReadProgress()
    outer, inner = row('outer 20%', 'r/1/0', 'sh'), row('inner 90%', 'r/1/1', 'sh')

    assert read.of([outer, inner]) == (20, "20 % read from sh's output")
    assert read.of([outer, row('inner 95%', 'r/1/1', 'sh')]) is None
    assert read.of([row('next 5%', 'r/1/2', 'sh')]) == (5, "5 % read from sh's output")


def test_a_row_that_begins_again_is_a_new_phase() -> None:
    read = ReadProgress()
    read.of([row('100% of the first')])

    assert read.of([row('3% of the second')]) == (3, "3 % read from rsync's output")


@pytest.mark.parametrize(
    ('text', 'source', 'of'),
    [
        (' 5%|▌   | 5/100 [00:04<00:05,  9.97it/s]', 'stderr', "tqdm's"),
        ('5 %', 'stdout', "the step's"),
        ('5 %', 'dd', "dd's"),
    ],
)
def test_the_source_is_named(text: str, source: str, of: str) -> None:
    assert ReadProgress().of([row(text, source=source)]) == (5, f'5 % read from {of} output')
