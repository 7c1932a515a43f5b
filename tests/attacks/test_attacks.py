"""All attacks against the running program: each is refused as it says, leaves nothing behind, and harms nobody."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks import feeding, getting_in, reaching
from tests.attacks.attack import Attack, Target, faults_of, ran
from tests.parts.forked import forked

STORED = ('/runs', '/scheduler/list', '/profiles', '/inbox', '/watches', '/scheduler/feed', '/scheduler/subscriptions')

pytestmark = pytest.mark.fault


@pytest.fixture(scope='module', params=['this machine', 'all addresses'])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp('attacked')
    (folder / 'password').write_text('correct horse battery')
    lan = ('--host', '0.0.0.0', '--password-file', str(folder / 'password'))  # noqa: S104
    program = forked(folder / 'data', '--workers', '1', *(lan if request.param != 'this machine' else ())).start()
    yield ran(program)
    program.stop()


def stored(target: Target) -> dict[str, Any]:
    return {path: target.ask(path) for path in STORED}


def refused(target: Target, attacks: Iterator[Attack]) -> list[str]:
    """Carry out attacks; return what is wrong, a line each."""
    faults, before = [], stored(target)
    for attack in attacks:
        found = faults_of(target, attack, target.send(attack))
        if target.send(Attack('', path='/api/v1/health')).status != 200:
            found.append('left no living program')
        after = stored(target)
        if after != before and not attack.stores:
            found += [f'changed {path}' for path in STORED if before[path] != after[path]]
        before = after
        faults += [f'{attack.name}: {fault}' for fault in found]
    return faults


def test_who_does_not_belong_here_does_not_reach_it(target: Target) -> None:
    faults = refused(target, reaching.attacks(target))
    assert not faults, '\n'.join(faults)


def test_nobody_gets_in_without_credentials(target: Target) -> None:
    faults = refused(target, getting_in.attacks(target))
    assert not faults, '\n'.join(faults)


def test_content_is_never_more_than_content(target: Target) -> None:
    faults = refused(target, feeding.attacks(target))
    assert not faults, '\n'.join(faults)


def test_nothing_of_all_this_was_a_surprise(target: Target) -> None:
    errors = target.ask('/logs?level=error&limit=1000')['entries']
    assert [entry['message'] for entry in errors if entry['source'] != 'attack'] == []
    assert not [line for line in target.program.output if 'Traceback' in line or 'Error' in line]
    assert not list(Path(target.program.data).rglob('pwned*'))
