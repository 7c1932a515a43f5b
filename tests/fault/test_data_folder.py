"""The data folder is moved or deleted while Synapse runs: nothing is accepted that would be lost, and it is said."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parts.harness import SynapseUnderTest, wait_until

pytestmark = pytest.mark.fault


def status_of(program: SynapseUnderTest, token: str) -> dict[str, Any]:
    with program.client(token) as api:
        return dict(api.get('/status').json())


@pytest.mark.parametrize(
    'lose',
    [
        lambda data: data.rename(data.with_name('elsewhere')),
        shutil.rmtree,
        lambda data: (data / 'runs.db').unlink(),
    ],
    ids=['moved', 'deleted', 'history deleted'],
)
def test_a_run_that_would_be_lost_is_refused_with_the_reason(
    program: SynapseUnderTest, lose: Callable[[Path], object]
) -> None:
    token = program.token
    lose(program.data)

    with program.client(token) as api:
        refused = api.post('/runs', json={'pipeline': 'RunCommand', 'parameters': {'command': ['true']}})

    assert refused.status_code == 503, refused.text
    error = refused.json()['error']
    assert error['code'] == 'data_folder_gone'
    assert str(program.data) in error['message']
    assert 'Put it back where it was' in error['hint']
    wait_until(lambda: status_of(program, token)['state'] == 'error', timeout=10)
    assert str(program.data) in status_of(program, token)['fault']


def test_a_folder_that_is_put_back_is_used_again(program: SynapseUnderTest) -> None:
    token, aside = program.token, program.data.with_name('elsewhere')
    program.data.rename(aside)
    wait_until(lambda: 'fault' in status_of(program, token), timeout=10)

    aside.rename(program.data)

    wait_until(lambda: 'fault' not in status_of(program, token), timeout=10)
    assert status_of(program, token)['state'] == 'idle'
    run = program.create_run('RunCommand', command=['true'])
    assert program.wait_for_run(run['id'])['state'] == 'succeeded'
