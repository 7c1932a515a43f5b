"""What Dask says: nothing of what is normal, our words for who is refused, and the reason of all else."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from distributed.comm import CommClosedError, connect
from distributed.core import Server

from synapse.cluster import dask_set_up  # noqa: F401 - it takes what Dask says
from synapse.cluster.identity import new_code, security_of
from synapse.cluster.knocking import knock

CODE = new_code()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What handlers of the whole program get: the log, or the terminal of a worker."""
    messages: list[str] = []

    class _Listed(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    listed = _Listed(logging.WARNING)
    logging.getLogger().addHandler(listed)
    yield messages
    logging.getLogger().removeHandler(listed)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    found = Server({})
    await found.listen('tls://127.0.0.1:0', **security_of(CODE, tmp_path / 'server').get_listen_args('scheduler'))
    yield found.address
    await found.close()


async def test_who_knocks_or_hangs_up_is_nothing_to_tell(server: str, tmp_path: Path, said: list[str]) -> None:
    await knock(server, security_of(CODE, tmp_path / 'own'))
    host, _, port = server.removeprefix('tls://').rpartition(':')
    with socket.create_connection((host, int(port))):
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)

    assert said == []


async def test_who_has_another_code_is_told_once(server: str, tmp_path: Path, said: list[str]) -> None:
    stranger = security_of(new_code(), tmp_path / 'stranger').get_connection_args('worker')
    for _ in range(2):
        with pytest.raises(OSError, match=r'TLS|SSL|certificate'):
            await connect(server, timeout=3, **stranger)
    await asyncio.sleep(0.3)

    assert said == ['A connection from 127.0.0.1 was refused: it does not have the code of this cluster.']


def test_what_we_say_ourselves_and_what_says_nothing_is_left_out(said: list[str]) -> None:
    log = logging.getLogger('distributed.client')

    log.error('')
    log.error('Failed to reconnect to scheduler after %.2f seconds, closing client', 10)
    for error in (CommClosedError('gone'), asyncio.CancelledError(), TimeoutError()):
        log.error('', exc_info=error)

    assert said == []


def test_what_nobody_expects_keeps_its_reason(said: list[str]) -> None:
    log = logging.getLogger('distributed.client')

    log.error('', exc_info=ValueError())
    log.warning('%s is odd', '100%')

    assert said == ['ValueError()', '100% is odd']
