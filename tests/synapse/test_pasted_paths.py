import os
from pathlib import Path
from typing import Any

import pytest

from synapse.builtin.run_command import RunCommand
from synapse.inbox.inputs import with_home
from synapse.pasted_paths import understood
from synapse.pipelines.describe import describe, validate_parameters

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='paths of POSIX')

PASTED = {
    '/srv/a b/c.sh': '/srv/a b/c.sh',
    ' /srv/a\n': '/srv/a',
    '"/srv/a b"': '/srv/a b',
    "'/srv/a'": '/srv/a',
    '“/srv/a”': '/srv/a',
    '/srv/a\\ b\\ (1).mp4': '/srv/a b (1).mp4',
    'file:///srv/a%20b/%C3%BC.mp4': '/srv/a b/ü.mp4',
    'file://localhost/srv/a': '/srv/a',
    'file:/srv/a': '/srv/a',
    '"file:///srv/a#b?c"': '/srv/a#b?c',
    '~/a': str(Path('~/a').expanduser()),
    "'~/a b'": str(Path('~/a b').expanduser()),
}
AS_THEY_ARE = ['inbox:abc', 'file://nas/share/a', 'relative/a', '"', '', "/srv/it's", '/srv/100%25', 'C:\\a']


@pytest.mark.parametrize('text', PASTED)
def test_a_pasted_path_is_understood(text: str) -> None:
    assert understood(text) == PASTED[text]
    assert understood(PASTED[text]) == PASTED[text]


@pytest.mark.parametrize('text', AS_THEY_ARE)
def test_everything_else_is_kept(text: str) -> None:
    assert understood(text) == text


@pytest.mark.parametrize('name', ['script', 'cwd'])
@pytest.mark.parametrize('text', PASTED)
def test_every_path_of_a_run_is_understood_before_it_is_checked_and_in_the_run(name: str, text: str) -> None:
    given: dict[str, Any] = {name: text} | ({} if name == 'script' else {'command': ['true']})

    checked = with_home(describe(RunCommand)['schema'], given)

    assert checked[name] == PASTED[text]
    assert validate_parameters(RunCommand, given)['parameters'][name] == PASTED[text]


def test_the_pattern_of_an_event_is_understood_too() -> None:
    schema = describe(RunCommand)['schema']

    assert with_home(schema, {'script': 'newest:"/srv/a b/*.sh"'}) == {'script': 'newest:/srv/a b/*.sh'}
