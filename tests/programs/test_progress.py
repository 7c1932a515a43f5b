"""Programs that draw their progress: rows that change in place, one stored line each, the step's progress."""

import re
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from synapse.log.messages import RowsRedrawn
from synapse.log.text import plain
from synapse.protocol.screen import FULL_SCREEN
from tests.parts.program_runs import Programs, Ran, need

BOTH = pytest.mark.parametrize('terminal', [False, True])
TQDM = 'import time, tqdm\nfor _ in tqdm.tqdm(range(30), ascii=True): time.sleep(0.05)'
NESTED = """
import time, tqdm
for _ in tqdm.trange(3, desc='outer'):
    for _ in tqdm.trange(15, desc='inner', leave=False): time.sleep(0.05)
"""
RICH = """
import time
from rich.progress import Progress
with Progress() as progress:
    tasks = [progress.add_task(name, total=20) for name in ('first', 'second')]
    for number in range(20):
        for task in tasks: progress.advance(task)
        if number == 10: progress.console.print('half way')
        time.sleep(0.08)
"""


def drawn(ran: Ran, pattern: str) -> list[str]:
    """The different texts of the rows that match, as they changed."""
    texts = [plain(row.message) for _, news in ran.news for row in news.rows if row.run == ran.run.id]
    return list(dict.fromkeys(text for text in texts if re.search(pattern, text)))


def stored(ran: Ran, pattern: str) -> list[str]:
    return [text for text in map(plain, ran.lines) if re.search(pattern, text)]


async def run(programs: Programs, *command: str, **parameters: object) -> Ran:
    ran = await programs.run(*command, kinds=(RowsRedrawn,), **parameters)
    assert ran.state == 'succeeded', ran.error
    assert programs.room.log.rows() == []
    return ran


def assert_progress(ran: Ran, source: str) -> None:
    """The step's progress was read from this source, went up only, and not to its end before the end."""
    seen = [(percent, note) for _, percent, note in ran.progress]
    percents = [percent for percent, note in seen if note.endswith(f"% read from {source}'s output")]
    assert len(percents) >= 3, seen
    assert all(a < b for a, b in pairwise(percents)), percents
    assert percents[-1] <= 99
    assert ran.run.steps[0].progress == 100


@BOTH
async def test_tqdm(programs: Programs, terminal: bool) -> None:
    need('tqdm')

    ran = await run(programs, sys.executable, '-c', TQDM, terminal=terminal)

    assert len(drawn(ran, 'it/s')) >= 5
    [line] = stored(ran, r'\d%\|')
    assert re.match(r'100%\|#+\| 30/30 ', line)
    assert_progress(ran, 'tqdm')


@BOTH
async def test_nested_tqdm(programs: Programs, terminal: bool) -> None:
    need('tqdm')

    ran = await run(programs, sys.executable, '-c', NESTED, terminal=terminal)

    assert len(drawn(ran, '^inner')) >= 5
    both = [news.rows for _, news in ran.news if len(news.rows) == 2]
    assert [row.message.partition(':')[0] for row in both[0]] == ['outer', 'inner']
    assert [line.partition('|')[0] for line in ran.lines] == ['outer: 100%']


async def test_rich_in_a_terminal(programs: Programs) -> None:
    need('rich')

    ran = await run(programs, sys.executable, '-c', RICH, terminal=True)

    assert len(drawn(ran, '^first')) >= 5
    assert stored(ran, 'half way') == ['half way']
    assert [line.split()[0] for line in map(plain, ran.lines)] == ['half', 'first', 'second']
    assert all('100%' in line for line in stored(ran, '^(first|second)'))
    assert any('\x1b[' in line for line in ran.lines)
    assert_progress(ran, Path(sys.executable).name)


@BOTH
async def test_dd(programs: Programs, terminal: bool) -> None:
    need('dd', 'pv')
    command = 'pv -q -L 20m /dev/zero | dd of=/dev/null bs=1M count=60 iflag=fullblock status=progress'

    ran = await run(programs, 'sh', '-c', command, terminal=terminal)

    assert len(drawn(ran, 'copied')) >= 2
    assert len(stored(ran, 'copied')) == 2  # the last redraw, and the line at the end
    assert stored(ran, r'records') == ['60+0 records in', '60+0 records out']


@BOTH
async def test_pv(programs: Programs, terminal: bool) -> None:
    need('pv')
    command = 'pv -f -i 0.1 -L 20m -S -s 30m /dev/zero > /dev/null'

    ran = await run(programs, 'sh', '-c', command, terminal=terminal)

    assert len(drawn(ran, r'%')) >= 5
    assert len(stored(ran, '%')) == len(ran.lines) == 1
    assert '100%' in ran.lines[0]
    assert_progress(ran, 'sh')


@BOTH
async def test_rsync(programs: Programs, tmp_path: Path, terminal: bool) -> None:
    need('rsync')
    (tmp_path / 'from').mkdir()
    for number in range(8):
        (tmp_path / 'from' / f'{number}').write_bytes(bytes(400_000))
    command = [
        'rsync',
        '-a',
        '--whole-file',
        '--bwlimit=1500',
        '--info=progress2',
        f'{tmp_path}/from/',
        f'{tmp_path}/to',
    ]

    ran = await run(programs, *command, terminal=terminal)

    assert len(drawn(ran, '%')) >= 3
    assert len(stored(ran, '%')) == len(ran.lines) == 1
    assert ' 100% ' in ran.lines[0]
    assert_progress(ran, 'rsync')


def download(command: Sequence[str], website: tuple[str, Path], size: int) -> list[str]:
    """The command, loading a film from a local server."""
    address, folder = website
    (folder / 'film.mkv').write_bytes(bytes(size))
    return [*command, f'{address}film.mkv']


@BOTH
async def test_curl(programs: Programs, website: tuple[str, Path], terminal: bool) -> None:
    need('curl')
    command = download(['curl', '--limit-rate', '12m', '-o', '/dev/null'], website, 40_000_000)

    ran = await run(programs, *command, terminal=terminal)

    assert len(drawn(ran, r'^ *\d+ ')) >= 2
    [line] = stored(ran, r'^ *\d+ ')
    assert line.startswith('100 ')
    assert any(note.endswith("read from curl's output") for _, _, note in ran.progress)


@BOTH
async def test_wget(programs: Programs, website: tuple[str, Path], tmp_path: Path, terminal: bool) -> None:
    need('wget')
    command = download(['wget', '--limit-rate', '3m', '-O', str(tmp_path / 'film')], website, 6_000_000)

    ran = await run(programs, *command, terminal=terminal)

    assert len(drawn(ran, r'\d%')) >= 3
    [line] = stored(ran, r'\d%')
    assert '100%' in line
    assert stored(ran, ' saved ')
    assert_progress(ran, 'wget')


@BOTH
async def test_ffmpeg(programs: Programs, tmp_path: Path, terminal: bool) -> None:
    need('ffmpeg')
    source = ['-re', '-f', 'lavfi', '-i', 'testsrc=size=64x64:rate=25:duration=3']

    ran = await run(programs, 'ffmpeg', '-nostdin', *source, '-f', 'null', '-', terminal=terminal)

    assert len(drawn(ran, '^frame=')) >= 3
    assert len(stored(ran, '^frame=')) == 1


@BOTH
async def test_pip(programs: Programs, website: tuple[str, Path], tmp_path: Path, terminal: bool) -> None:
    need('pip')
    address, folder = website
    (folder / 'large-1.0.tar.gz').write_bytes(bytes(8_000_000))
    command = ['-m', 'pip', 'download', '--no-deps', '--isolated', '--disable-pip-version-check', '--no-cache-dir']

    ran = await programs.run(
        sys.executable,
        *command,
        '-d',
        str(tmp_path),
        f'{address}large-1.0.tar.gz',
        terminal=terminal,
        kinds=(RowsRedrawn,),
    )

    # The archive is none, so that pip fails after it has loaded it.
    assert len(stored(ran, '━')) == len(stored(ran, '8.0/8.0 MB')) == 1


@BOTH
@pytest.mark.parametrize('program', ['perl', 'mawk'])
async def test_a_program_that_buffers_prints_line_by_line_to_a_terminal(
    programs: Programs, terminal: bool, program: str
) -> None:
    need(program)
    code = {
        'perl': ['perl', '-e', 'print "a\\n"; sleep 1; print "b\\n"'],
        'mawk': ['mawk', 'BEGIN { print "a"; system("sleep 1"); print "b" }'],
    }[program]

    ran = await run(programs, *code, terminal=terminal)

    first, second = (at for at, entry in ran.published if entry.message in ('a', 'b'))
    if terminal or program == 'mawk':  # which flushes before it calls a shell
        assert second - first > 0.8
    else:
        assert second - first < 0.2


async def test_a_program_on_a_full_screen_does_no_harm(programs: Programs) -> None:
    code = """
import curses, time
def draw(screen):
    for number in range(10):
        screen.addstr(number, 0, f'row {number}')
        screen.refresh()
        time.sleep(0.03)
curses.wrapper(draw)
print('back')
"""

    ran = await run(programs, sys.executable, '-c', code, terminal=True)

    assert ran.lines == [FULL_SCREEN, 'back']


async def test_what_a_terminal_says_of_itself(programs: Programs) -> None:
    ran = await run(programs, 'sh', '-c', 'tty; stty size; echo $TERM $COLUMNS $LINES; cat; echo end', terminal=True)

    assert re.match(r'/dev/(pts/|tty)', ran.lines[0])
    assert ran.lines[1:] == ['50 120', 'xterm-256color 120 50', 'end']
