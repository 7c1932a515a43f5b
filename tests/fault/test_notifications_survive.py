"""What happened before a kill -9 and was not sent yet is sent after the next start."""

from pathlib import Path

import pytest

from tests.parts.api_room import PIPELINES
from tests.parts.forked import forked
from tests.parts.harness import wait_until
from tests.parts.receivers import free_port, http_receiver

pytestmark = pytest.mark.fault


def test_an_alert_from_before_a_crash_arrives_after_it(tmp_path: Path) -> None:
    port = free_port()
    program = forked(tmp_path / 'data')
    program.write_pipeline('samples.py', PIPELINES)
    program.start()
    try:
        channel = {'id': 'phone', 'url': f'json://127.0.0.1:{port}/'}
        with program.api as api:
            api.put('/notifications', json={'channels': [channel]}).raise_for_status()
        run = program.create_run('Breaks')
        program.wait_for_run(run['id'], 'failed')

        def has_failed() -> bool:
            with program.api as api:
                return bool(api.get('/notifications').json()['channels'][0]['last_error'])

        wait_until(has_failed, timeout=60)  # it is tried again ten seconds later
        program.kill9()
        with http_receiver(port) as server:
            program.start()

            (body,) = server.wait(timeout=60)
            assert body['title'] == 'Breaks failed at SECOND'
            assert f'/runs/{run["number"]}' in body['message']
    finally:
        program.stop()
