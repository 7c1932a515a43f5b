"""Real damage to real databases: bytes of pages, lost ends, an empty file, something else in its place."""
# ruff: noqa: S311 - damage need not be a secret

import contextlib
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage.database import DamagedFile
from storage.documents import NewerSchema
from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.past_plans import PastPlans
from storage.runs import RunStore, insert_runs
from storage.taken_files import TakenFiles
from synapse.runs.records import RunRecord
from synapse.runs.recovery.rebuilding import rebuild
from tests.parts.damaged import drop_computed

RUNS = 1_500
ROWS_OF_A_PAGE = 60
"""No page has more rows; a damaged one loses at most these."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def run_document(number: int) -> dict[str, Any]:
    at = (BEGIN + timedelta(minutes=number)).isoformat()
    return {
        'id': f'{number:016x}',
        'number': number,
        'state': 'succeeded',
        'pipeline': 'RunCommand',
        'profile': 'default',
        'parameters': {'command': ['echo', 'ä' * (number % 40)], 'note': 'x' * (9_000 if number % 100 == 0 else 300)},
        'created_at': at,
        'started_at': at,
        'finished_at': at,
        'steps': [],
    }


def row_document(number: int) -> dict[str, Any]:
    due = (BEGIN + timedelta(minutes=number)).isoformat()
    return {'event_id': f'event{number % 7}', 'due': due, 'state': 'fired', 'run': f'{number:016x}', 'reason': ''}


@pytest.fixture(scope='module')
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history as a crash leaves it: the last runs are only in the journal."""
    folder = tmp_path_factory.mktemp('history')
    store = RunStore(folder / 'open' / 'runs.db')
    ledger, _, taken = Ledger(store), PastPlans(store), TakenFiles(store)
    numbers = range(1, RUNS + 1)
    with store.transaction() as connection:
        insert_runs(connection, [run_document(number) for number in numbers])
    ledger.account([(row_document(number), None) for number in numbers])
    taken.remember('watch', [(f'/in/{number}', f'1:{number}', 5, number) for number in numbers], at=BEGIN)
    with store.reading() as connection:
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
    store.create(run_document(0) | {'id': 'only-in-the-journal', 'state': 'queued', 'finished_at': None})
    shutil.copytree(folder / 'open', folder / 'crashed')
    store.close()
    return folder / 'crashed'


@pytest.fixture
def path(history: Path, tmp_path: Path) -> Path:
    shutil.copytree(history, tmp_path / 'data')
    return tmp_path / 'data' / 'runs.db'


def overwrite(path: Path, place: int, data: bytes) -> None:
    with path.open('r+b') as file:
        file.seek(place)
        file.write(data)


def numbers_in(store: RunStore) -> set[int]:
    with store.reading() as connection:
        rows = connection.execute('SELECT number, document FROM runs').fetchall()
    assert all(json.loads(document)['number'] == number for number, document in rows)
    return {number for number, _ in rows}


def assert_in_order(store: RunStore) -> None:
    with store.reading() as connection:
        assert connection.execute('PRAGMA integrity_check').fetchall() == [('ok',)]


def asides(path: Path) -> list[Path]:
    return sorted(found for found in path.parent.glob('*.corrupt-*') if not found.name.endswith(('-wal', '-shm')))


def test_an_intact_history_is_left_alone(path: Path) -> None:
    store = RunStore(path, was_used=True)

    assert store.damage is None
    assert numbers_in(store) == set(range(1, RUNS + 2))
    assert asides(path) == []


@pytest.mark.parametrize('share', [0.0, *(random.Random(15).random() for _ in range(14)), 1.0])
def test_one_damaged_page_costs_at_most_its_own_rows(path: Path, share: float) -> None:
    pages = path.stat().st_size // 4096
    page = max(3, round(share * (pages - 1)))  # the first ones are in the journal, too
    overwrite(path, page * 4096, random.Random(share).randbytes(4096))

    store = RunStore(path, was_used=True)

    found = numbers_in(store)
    assert len(found) >= RUNS + 1 - ROWS_OF_A_PAGE
    assert RUNS + 1 in found  # from the journal
    assert Ledger(store).count(BEGIN, BEGIN + timedelta(days=9)) >= RUNS - ROWS_OF_A_PAGE
    assert_in_order(store)
    assert store.damage is not None
    assert [aside.name for aside in asides(path)] == [store.damage.kept_as]
    for number in set(range(1, RUNS + 2)) - found:
        assert 'Not found' in store.damage.missing, number
    store.close()
    assert RunStore(path, was_used=True).damage is None  # told once


def test_without_its_first_page_all_rows_are_found(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchall()
    connection.close()
    overwrite(path, 0, b'\0' * 4096)

    store = RunStore(path, was_used=True)

    assert numbers_in(store) == set(range(1, RUNS + 2))
    assert Ledger(store).count(BEGIN, BEGIN + timedelta(days=9)) == RUNS
    assert store.create(run_document(0) | {'id': 'new'})['number'] == RUNS + 2


@pytest.mark.parametrize('seed', range(4))
def test_single_bytes_are_found_and_all_that_is_whole_is_kept(path: Path, seed: int) -> None:
    chance = random.Random(seed)
    size = path.stat().st_size
    for _ in range(25):
        overwrite(path, chance.randrange(size), bytes([chance.randrange(256)]))

    store = RunStore(path, was_used=True)

    assert len(numbers_in(store)) >= RUNS - 25 * ROWS_OF_A_PAGE // 2
    assert_in_order(store)


@pytest.mark.parametrize('share', [0.0001, 0.1, 0.5, 0.9, 0.9999])
def test_of_a_cut_file_everything_before_the_cut_is_kept(path: Path, share: float) -> None:
    with path.open('r+b') as file:
        file.truncate(int(share * path.stat().st_size))

    store = RunStore(path, was_used=True)

    assert len(numbers_in(store)) >= share * RUNS * 0.3  # what else was in the file before the cut are other tables
    assert RUNS + 1 in numbers_in(store)
    assert store.damage is not None
    assert_in_order(store)


@pytest.mark.parametrize('content', [b'', b'\0' * 20_000, b'not a database' * 500])
def test_a_file_without_anything_of_ours_is_kept_and_told(path: Path, content: bytes) -> None:
    path.with_name('runs.db-wal').unlink()
    path.with_name('runs.db-shm').unlink(missing_ok=True)
    path.write_bytes(content)

    store = RunStore(path, was_used=True)

    assert numbers_in(store) == set()
    assert [aside.read_bytes() for aside in asides(path)] == [content]
    assert store.damage is not None
    assert store.damage.missing
    assert store.create(run_document(1))['number'] == 1


def test_a_history_that_is_gone_is_told_and_a_first_one_is_not(path: Path) -> None:
    shutil.rmtree(path.parent)
    assert RunStore(path).damage is None
    shutil.rmtree(path.parent)

    lost = RunStore(path, was_used=True).damage

    assert lost is not None
    assert lost.sentence.startswith('runs.db is gone or empty.')


def test_a_damaged_document_leaves_what_its_columns_say(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        drop_computed(connection)
        connection.execute('UPDATE runs SET document = substr(document, 1, 50) WHERE number = 7')
        connection.execute("UPDATE occurrences SET document = CAST(x'7bff7d' AS TEXT) WHERE run = ?", [f'{7:016x}'])
    connection.close()

    store = RunStore(path, was_used=True)

    run = store.find_by_number(7)
    assert run is not None
    assert (run['id'], run['state'], run['pipeline']) == (f'{7:016x}', 'succeeded', 'RunCommand')
    assert 'was damaged' in run['error']['message']
    assert run['is_recovered']
    row = Ledger(store).of_run(run['id'])
    assert row is not None
    assert row['state'] == 'fired'
    assert store.damage is not None
    assert 'without their details: 1 of the runs' in store.damage.missing


def test_a_run_of_which_a_name_is_damaged_is_made_of_its_columns(path: Path, tmp_path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET document = replace(document, 'parameters', 'paremeters') WHERE number = 7")
        connection.execute('UPDATE runs SET document = replace(document, \'"id"\', \'"ie"\') WHERE number = 8')
    connection.close()
    overwrite(path, 4096 * 40, b'\xff' * 4096)
    store, logs = RunStore(path, was_used=True), LogStore(tmp_path / 'logs.db')

    rebuild(store, Ledger(store), logs, tmp_path / 'runs')

    for number in (7, 8):
        run = store.find_by_number(number)
        assert run is not None
        assert RunRecord.model_validate(run).is_recovered


def test_a_waiting_run_with_a_damaged_document_is_not_started(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        drop_computed(connection)
        connection.execute("UPDATE runs SET document = '{' WHERE state = 'queued'")
    connection.close()

    store = RunStore(path, was_used=True)

    assert store.with_states(['queued']) == []
    run = store.find_by_number(RUNS + 1)
    assert run is not None
    assert (run['state'], run['finished_at']) == ('interrupted', run['created_at'])


def test_a_recovery_that_is_interrupted_starts_again(path: Path) -> None:
    overwrite(path, 4096 * 20, b'\xff' * 4096)
    path.with_name('runs.db.recovering.tmp').write_bytes(b'half')
    path.with_name('runs.db.recovered').write_bytes(b'of an earlier attempt')

    store = RunStore(path, was_used=True)

    assert len(numbers_in(store)) >= RUNS - ROWS_OF_A_PAGE
    assert not path.with_name('runs.db.recovered').exists()


def page_of(path: Path, text: str) -> int:
    """Where the page begins that has this text."""
    at = path.read_bytes().replace(b'": "', b'":"').find(text.encode())
    return at - at % 4096


def test_damage_that_shows_later_is_recovered_by_the_next_start(path: Path) -> None:
    RunStore(path).close()
    closed = path.with_name('runs.db.closed')
    overwrite(path, page_of(path, f'"id":"{RUNS // 2:016x}"'), b'\xff' * 4096)
    found = path.stat()
    closed.write_text(f'{found.st_size} {found.st_mtime_ns} False')  # a disk that decays changes no time
    store = RunStore(path)
    assert store.damage is None
    reads: list[Callable[[], Any]] = [lambda number=number: store.find_by_number(number) for number in range(RUNS)]
    with pytest.raises(Exception, match='Restart Synapse'):
        [read() for read in reads]
    store.close()

    assert RunStore(path).damage is not None


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Return it with one bit flipped, or some, more of them where SQLite says what is where."""
    damaged = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 100])):
        page = chance.randrange(len(data) // 4096) if chance.random() < 0.6 else 0
        damaged[page * 4096 + chance.randrange(chance.choice([100, 4096]))] ^= chance.choice([0x80, 0x20, 0x01])
    return bytes(damaged)


def opened_like_the_program(open_store: Callable[[], Any]) -> Any:
    """Start once more if the first start comes upon damage, see `pages.server`."""
    try:
        return open_store()
    except DamagedFile:
        return open_store()


def test_wherever_bits_flip_the_history_opens_and_can_be_used(tmp_path: Path) -> None:
    path, chance = tmp_path / 'runs.db', random.Random(1)
    store = RunStore(path)
    with store.transaction() as connection:
        insert_runs(connection, [run_document(number) for number in range(1, 60)])
    Ledger(store).account([(row_document(number), None) for number in range(1, 60)])
    store.close()
    whole = path.read_bytes()

    def used() -> RunStore:
        store = RunStore(path, was_used=True)
        Ledger(store), PastPlans(store), TakenFiles(store)
        store.page(limit=100)
        run = store.create(run_document(0) | {'id': 'new', 'state': 'queued', 'finished_at': None})
        store.save(run | {'state': 'failed', 'finished_at': run['created_at']})
        return store

    for _ in range(50):
        path.with_name('runs.db.closed').unlink(missing_ok=True)
        path.write_bytes(flipped(whole, chance))
        store = opened_like_the_program(used)
        assert store.get('new')['state'] == 'failed'
        store.close()


def test_wherever_bits_flip_the_log_opens_and_can_be_read(tmp_path: Path) -> None:
    path, chance = tmp_path / 'logs.db', random.Random(2)
    log_of(path, 300)
    whole = path.read_bytes()

    def read() -> LogStore:
        store = LogStore(path, was_used=True)
        store.query(limit=1_000)
        return store

    for _ in range(30):
        path.with_name('logs.db.closed').unlink(missing_ok=True)
        path.write_bytes(flipped(whole, chance))
        with contextlib.suppress(NewerSchema):  # the version itself was hit
            opened_like_the_program(read).close()


def log_of(path: Path, count: int) -> None:
    store = LogStore(path)
    store.append(
        [
            {
                'id': f'x{seq}',
                'seq': seq,
                'timestamp': (BEGIN + timedelta(seconds=seq)).isoformat(),
                'level': 'error' if seq % 10 == 0 else 'info',
                'message': f'line {seq} ' + 'ü' * 40,
                'source': 'test',
                'run': f'run{seq % 5}',
                'step': None,
                'fields': None,
            }
            for seq in range(1, count + 1)
        ]
    )
    while store.index_next():
        pass
    store.close()


@pytest.mark.parametrize('share', [0.0, 0.2, 0.5, 0.8, 1.0])
def test_a_damaged_log_keeps_its_other_entries_and_their_counts(tmp_path: Path, share: float) -> None:
    path, count = tmp_path / 'logs.db', 3_000
    log_of(path, count)
    pages = path.stat().st_size // 4096
    overwrite(path, round(share * (pages - 1)) * 4096, random.Random(share).randbytes(4096))

    store = LogStore(path, was_used=True)

    entries = [*store.iterate()]
    assert len(entries) >= count - ROWS_OF_A_PAGE
    assert sum(store.stats().values()) == len(entries)
    assert [entry['seq'] for entry in store.query(q='line 1500 ')] in ([1500], [])
    assert store.damage is not None
    assert 'entries of the log were recovered' in store.damage.recovered
    assert store.last_seq() >= entries[-1]['seq']


def test_a_damaged_byte_in_a_line_hides_neither_it_nor_others(tmp_path: Path) -> None:
    path = tmp_path / 'logs.db'
    log_of(path, 50)
    data = path.read_bytes()
    path.write_bytes(data.replace('line 30 ü'.encode(), b'line 30 \xff\xff'))

    found = [entry['message'] for entry in LogStore(path).query()]

    assert len(found) == 50
    assert found[20].startswith('line 30 ��')
