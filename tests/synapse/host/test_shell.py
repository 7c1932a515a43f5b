"""Programs that print more than the control room reads."""

import os
import threading
import time
from pathlib import Path

import pytest

from synapse.host.channel import Channel
from synapse.host.control import Cancelled, Control
from synapse.host.shell import run_program
from synapse.host.streams import ProgramOutput
from synapse.pipelines.pipeline import StepFailed
from synapse.protocol import spool as spool_module
from synapse.protocol.spool import SPOOL, Spool

PATIENCE_SECONDS = 30


@pytest.fixture
def channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """A channel whose spool is soon full, since it is never read."""
    monkeypatch.setattr(spool_module, 'FILE_BYTES', 100_000)
    monkeypatch.setattr(spool_module, 'MAX_FILES', 2)
    channel = Channel(os.open(tmp_path / 'messages', os.O_WRONLY | os.O_CREAT, 0o600))
    channel.spool = Spool(tmp_path / SPOOL)
    return channel


def ended(channel: Channel, folder: Path, control: Control, timeout: float | None) -> list[BaseException]:
    """Run `yes` in a thread; the list gets what ends it."""
    errors: list[BaseException] = []

    def work() -> None:
        output = ProgramOutput(channel, 'yes')
        try:
            environment = {'PATH': '/usr/bin:/bin'}
            run_program(['yes'], cwd=folder, env=environment, timeout=timeout, control=control, output=output)
        except (StepFailed, Cancelled) as error:
            output.finish()
            with channel.without_waiting():
                channel.log('error', 'step', str(error))
            errors.append(error)

    threading.Thread(target=work, daemon=True).start()
    return errors


def wait_for(errors: list[BaseException]) -> BaseException:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not errors and time.monotonic() < deadline:
        time.sleep(0.01)
    assert errors, 'it still waits for the control room'
    return errors[0]


def test_a_timeout_holds_while_the_spool_is_full(channel: Channel, tmp_path: Path) -> None:
    errors = ended(channel, tmp_path, Control(lambda is_held: None), timeout=0.5)

    assert 'took longer than 0.5 s' in str(wait_for(errors))


def test_a_stop_reaches_a_program_while_the_spool_is_full(channel: Channel, tmp_path: Path) -> None:
    control = Control(lambda is_held: None)
    errors = ended(channel, tmp_path, control, timeout=None)
    while not channel.is_backed_up:
        time.sleep(0.01)

    control.cancel()

    assert isinstance(wait_for(errors), Cancelled)
