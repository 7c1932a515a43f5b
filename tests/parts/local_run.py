"""A real `Run` in the process of the test, for what needs no step: programs run, and its log is read from a file."""

import json
import os
from pathlib import Path

from synapse.host.channel import Channel
from synapse.host.control import Control
from synapse.host.run import Run


class LocalRun:
    """A run whose messages go to a file."""

    def __init__(self, folder: Path) -> None:
        (folder / 'work').mkdir(parents=True)
        self._messages = folder / 'messages'
        self._fd = os.open(self._messages, os.O_WRONLY | os.O_CREAT, 0o600)
        self._channel = Channel(self._fd)
        self.run = Run(
            id='r1',
            number=1,
            pipeline='test',
            folder=folder,
            profile=None,
            channel=self._channel,
            control=Control(lambda is_held: None),
            save=lambda: None,
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The level and message of each log line."""
        self._channel.flush()
        messages = [json.loads(line) for line in self._messages.read_text().splitlines()]
        return [(line[1], line[3]) for message in messages if message['t'] == 'logs' for line in message['e']]

    def close(self) -> None:
        os.close(self._fd)
