import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from nicegui import binding

from synapse import machine as machine_module
from synapse.bus import Bus
from synapse.machine import Machine
from synapse.status import Status


def test_the_snapshot_has_the_shape_of_the_contract() -> None:
    worker = {'id': 'worker-1', 'name': 'worker-1', 'state': 'idle', 'run': None, 'step': None, 'since': None}
    status = Status(workers=(worker,), waiting=2, queue_paused=True, counts={'failed': 1})

    snapshot = json.loads(json.dumps(status.snapshot()))

    assert set(snapshot) == {
        *('state', 'job', 'queue', 'workers', 'bots', 'system', 'counts', 'next', 'version', 'started_at'),
        *('timezone', 'timezone_data'),
    }
    assert snapshot['queue'] == {'waiting': 2, 'running': 0, 'paused': True}
    assert snapshot['workers'] == snapshot['bots'] == [worker]
    assert set(snapshot['system']) == {'cpu_percent', 'ram_percent', 'disk_usage'}
    assert snapshot['counts'] == {'today': {'succeeded': 0, 'failed': 1, 'cancelled': 0, 'missed': 0}}
    assert snapshot['started_at'].endswith('+00:00')


class Shown:
    text = ''


def test_a_page_that_binds_to_a_field_is_updated_without_polling() -> None:
    status, shown = Status(), Shown()
    binding.bind_from(shown, 'text', status, 'waiting', backward=lambda count: f'{count} waiting')

    status.waiting = 3

    assert shown.text == '3 waiting'
    assert binding.active_links == []


def test_two_status_objects_share_nothing() -> None:
    first, second = Status(), Status()

    assert first.counts is not second.counts


async def test_the_machine_is_measured_at_start(tmp_path: Path) -> None:
    status = Status()
    machine = Machine(status, tmp_path, Bus())

    await machine.start()
    await machine.stop()

    assert status.cores >= 1
    assert 0 < status.ram_used < status.ram_total
    assert 0 < status.disk_free <= status.disk_total
    assert 0 <= status.cpu_percent <= 100
    assert len(machine.history) == 1


async def test_it_is_measured_at_once_when_someone_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, 'UNWATCHED_SECONDS', 3600)
    monkeypatch.setattr(machine_module, 'WATCHED_SECONDS', 0.02)
    machine = Machine(Status(), tmp_path, Bus())
    await machine.start()

    machine.add_watcher()
    await until(lambda: len(machine.history) >= 4)
    machine.remove_watcher()

    assert not machine.is_watched
    await machine.stop()


async def test_a_disk_that_went_away_does_not_stop_the_measuring(tmp_path: Path) -> None:
    machine = Machine(Status(), tmp_path / 'gone', Bus())

    await machine.start()
    await machine.stop()

    assert not machine.history


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - waits for a plain value
            await asyncio.sleep(0.005)
