"""Real servers, one of each kind for all tests of a process, and one of each with a full disk."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.parts.servers import KINDS, RunningServer, missing, running

_numbers = itertools.count()


class Servers:
    """Starts a server of each kind when it is first wanted."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home, self._stack = home, stack
        self._running: dict[tuple[str, bool], RunningServer] = {}

    def get(self, kind: str, *, is_full: bool = False) -> RunningServer:
        reason = missing(kind)
        if reason and os.environ.get('CI') == 'true':
            pytest.fail(f'no {kind} server can be started here: it {reason}')
        if reason:
            pytest.skip(f'no {kind} server can be started here: it {reason}')
        key = (kind, is_full)
        if key not in self._running:
            home = self._home / f'{kind}{"-full" if is_full else ""}'
            self._running[key] = self._stack.enter_context(running(kind, home, is_full=is_full))
        return self._running[key]


@pytest.fixture(scope='session')
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp('servers'), stack)


@pytest.fixture(params=KINDS)
def server(servers: Servers, request: pytest.FixtureRequest) -> RunningServer:
    """A server of each kind, with a folder of this test's own."""
    return servers.get(request.param).with_folder(f'test-{next(_numbers)}')
