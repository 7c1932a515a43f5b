"""The protocol between a run host and the control room."""

import json
import subprocess
import sys

import pytest

from synapse.protocol.messages import Do, Hello, HostCommand, HostMessage, Kind, Spooled, StepMoved


@pytest.mark.parametrize(
    ('message', 'line'),
    [
        (HostCommand(do=Do.PAUSE), '{"do": "pause"}'),
        (Hello(t=Kind.HELLO, pid=7), '{"t": "hello", "pid": 7}'),
        (HostMessage(t=Kind.PAUSED), '{"t": "paused"}'),
        (Spooled(t=Kind.SPOOL, file=1, size=20), '{"t": "spool", "file": 1, "size": 20}'),
        (
            StepMoved(t=Kind.STEP, name='render', state='running', attempt=1, error=None, at='2026-10-14T16:00:00'),
            '{"t": "step", "name": "render", "state": "running", "attempt": 1, "error": null, '
            '"at": "2026-10-14T16:00:00"}',
        ),
    ],
)
def test_a_message_is_a_plain_line_of_json(message: HostMessage | HostCommand, line: str) -> None:
    assert json.dumps(message) == line


def test_every_run_host_gets_them_without_pydantic() -> None:
    code = "import sys, synapse.protocol.messages; print(*({'pydantic', 'shutil'} & {*sys.modules}))"

    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ''
