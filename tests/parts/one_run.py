"""One run of a built-in pipeline in a real host process, without a control room."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.parts.forked import ForkedHost, forked_host
from tests.parts.harness import ROOT
from tests.parts.said import Said


def _start(through: Sequence[str]) -> subprocess.Popen[bytes] | ForkedHost:
    environment = os.environ | {'SYNAPSE_ROOM': 'test', 'SYNAPSE_HOST': 'test', 'PYTHONPATH': str(ROOT)}
    if sys.platform == 'linux' and not through:
        return forked_host(environment)
    return subprocess.Popen(
        [*through, sys.executable, '-m', 'synapse.host'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
        env=environment,
    )


class OneRun:
    """Starts a run; `finish` waits for its end and stores its output in the attributes.

    :param through: a program that starts the host, with its arguments; without one it is forked on Linux
    """

    def __init__(
        self,
        folder: Path,
        pipeline: str,
        parameters: dict[str, Any],
        *,
        destination: Path | str | None = None,
        secrets: dict[str, str] | None = None,
        on_message: Callable[['OneRun', dict[str, Any]], None] = lambda *_: None,
        through: Sequence[str] = (),
        **order: Any,
    ) -> None:
        self.folder = folder
        self.messages: list[dict[str, Any]] = []
        self._on_message = on_message
        self._process = _start(through)
        profile = {'id': 'studio', 'label': 'Studio', 'defaults': {}, 'secrets': secrets or {}}
        run = {'id': 'r1', 'number': 1, 'folder': str(folder), 'pipeline': pipeline, 'file': None, 'origin': None}
        run |= {'parameters': parameters, 'profile': {**profile, 'destination': str(destination or '')}}
        self.tell('run', run=run | {'from_step': None, 'state': None} | order)

    def tell(self, do: str, **more: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({'do': do, **more}).encode() + b'\n')
        self._process.stdin.flush()

    def finish(self, *, timeout: float = 60) -> 'OneRun':
        assert self._process.stdout is not None
        watchdog = threading.Timer(timeout, self._process.kill)
        watchdog.start()
        try:
            said = Said(self.folder)
            for line in self._process.stdout:
                for message in said.unfold(json.loads(line)):
                    self.messages.append(message)
                    self._on_message(self, message)
            self._process.wait()
            self.messages += said.rest()
        finally:
            watchdog.cancel()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        assert self.state, f'the run said no end: {self.messages[-3:]}'
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message['t'] == kind]

    @property
    def state(self) -> str:
        return next((str(message['state']) for message in self.of('end')), '')

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.of('end')[-1]['error'] or {})

    @property
    def failed_step(self) -> str:
        return next(
            message['step' if 'step' in message else 'name']
            for message in self.of('step')
            if message['state'] == 'failed'
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The level and message of each log line."""
        return [(line[1], line[3]) for message in self.of('logs') for line in message['e']]

    def progress(self, step: str) -> list[tuple[float, str]]:
        return [(item['percent'], item.get('note', '')) for item in self.of('progress') if item['step'] == step]

    @property
    def artifacts(self) -> list[str]:
        return [str(item['name']) for item in self.of('artifact')]
