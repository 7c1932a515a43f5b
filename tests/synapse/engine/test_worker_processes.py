"""Pipeline files that start processes of their own with `multiprocessing` or joblib."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.parts.hosts import ELSEWHERE, WAYS, Bench, Heard, started

KINDS = ['spawn', 'forkserver', 'fork'] if WAYS[1:] else ['spawn']
HEAD = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from synapse import Pipeline, step
from _helpers import triple

def prepare(offset):
    global shift
    shift = offset

class Point:
    def __init__(self, x):
        self.x = x

def double(number):
    return 2 * number

def shifted(number):
    return Point(number + shift)

def fail(number):
    raise ValueError(f'no luck with {number}')

def put(queue):
    queue.put(os.getpid() != os.getppid())

def sleep(number):
    print('asleep', flush=True)
    time.sleep(60)

class Work(Pipeline):
    @step
    def go(self, run):
"""


@pytest.fixture(params=WAYS + ELSEWHERE)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / '_helpers.py').write_text('def triple(number): return 3 * number\n')
    async with started(request.param, tmp_path) as engine:
        yield Bench(engine, tmp_path)


def work(body: str) -> str:
    return HEAD + '\n'.join(f'        {line}' for line in body.strip('\n').split('\n')) + '\n'


@pytest.mark.parametrize('kind', KINDS)
async def test_workers_find_the_functions_and_classes_of_the_file_and_its_helpers(bench: Bench, kind: str) -> None:
    heard, outcome = await bench.run_file(
        work(f"""
context = multiprocessing.get_context({kind!r})
with context.Pool(2, prepare, (10,)) as pool:
    print(pool.map(double, range(3)), pool.map(triple, range(3)), [point.x for point in pool.map(shifted, [1, 2])])
with ProcessPoolExecutor(2, mp_context=context) as executor:
    try: list(executor.map(fail, [1]))
    except ValueError as error: print(error)
queue, lock = context.Queue(), context.Lock()
process = context.Process(target=put, args=(queue,))
process.start(); print(queue.get()); process.join()
print(context.Pool(1).apply(double, (7,)))  # and never closed
""")
    )

    assert heard.end == 'succeeded', heard.error
    assert heard.printed == ['[0, 2, 4] [0, 3, 6] [11, 12]', 'no luck with 1', 'True', '14']
    assert heard.lines == []  # no word of resource trackers and semaphores
    assert outcome.ended == ()


@pytest.mark.parametrize('now', [False, True], ids=['asked', 'forced'])
@pytest.mark.parametrize('kind', KINDS)
async def test_a_stop_ends_the_workers_without_a_word(bench: Bench, kind: str, now: bool) -> None:
    source = work(f"""
context = multiprocessing.get_context({kind!r})
lock, queue = context.Lock(), context.Queue()
with context.Pool(2) as pool:
    pool.map(sleep, range(2), chunksize=1)
""")
    file = bench.folder / 'sleepy.py'
    file.write_text(source)
    heard = Heard()
    host = await bench.start('pass', heard, file=str(file), origin=str(file))
    await heard.until(lambda: ''.join(heard.lines).count('asleep') == 2)

    outcome = await host.stop(now=now)

    assert outcome.survivors == 0
    assert ''.join(heard.lines) == 'asleep' * 2
    assert heard.printed == []


@pytest.mark.skipif(not WAYS[1:], reason='os.fork is of POSIX')
async def test_a_worker_that_is_forked_during_a_stop_ends_by_sigterm(bench: Bench) -> None:
    """A pool replaces the workers that a stop has ended, and its next SIGTERM may come before they have settled in."""
    file = bench.folder / 'forking.py'
    file.write_text(
        work("""
import signal
handler = signal.getsignal(signal.SIGTERM)
print('ready', flush=True)
try:
    time.sleep(60)
finally:
    if not (pid := os.fork()):
        signal.signal(signal.SIGTERM, handler)
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    )
    heard = Heard()
    host = await bench.start('pass', heard, file=str(file), origin=str(file))
    await heard.until(lambda: 'ready' in heard.printed)

    await host.stop()

    assert heard.printed == ['ready', '-15']
    assert heard.lines == []


async def test_workers_run_the_version_of_the_file_that_the_run_has(bench: Bench) -> None:
    snapshot, origin = bench.folder / 'snapshot.py', bench.folder / 'theirs.py'
    snapshot.write_text(work("print(multiprocessing.get_context('spawn').Pool(1).map(double, [1]))"))
    origin.write_text('def double(number): return "edited since"\n')

    heard, _ = await bench.run('pass', file=str(snapshot), origin=str(origin))

    assert heard.printed == ['[2]'], heard.error


async def test_joblib_works_with_functions_of_the_file(bench: Bench) -> None:
    heard, outcome = await bench.run_file(
        work("""
from joblib import Parallel, delayed
print(Parallel(n_jobs=2)(delayed(double)(number) for number in range(4)))
print([point.x for point in Parallel(n_jobs=2)(delayed(Point)(number) for number in range(2))])
print(Parallel(n_jobs=2)(delayed(lambda number: triple(number))(number) for number in range(4)))
""")
    )

    assert heard.end == 'succeeded', heard.error
    assert heard.printed == ['[0, 2, 4, 6]', '[0, 1]', '[0, 3, 6, 9]']
    assert (heard.lines, outcome.ended) == ([], ())
