"""Everything that a pipeline file may use is documented, and the examples in the docstrings run."""

import inspect
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import synapse
from synapse.host.run import Run, RunLog, RunProfile
from synapse.pipelines.pipeline import Pipeline, StepFailed

CLASSES: tuple[type, ...] = (Run, RunLog, RunProfile, Pipeline, StepFailed)


def methods_of(cls: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(cls).items():
        if not name.startswith('_') and (inspect.isfunction(value) or isinstance(value, property)):
            yield f'{cls.__name__}.{name}', value


PUBLIC = {
    **{name: getattr(synapse, name) for name in synapse.__all__ if name != '__version__'},
    'RunLog': RunLog,
    'RunProfile': RunProfile,
    **{name: value for cls in CLASSES for name, value in methods_of(cls)},
}


def parameters_of(value: Any) -> list[str]:
    """Return the parameters that the author of a pipeline passes or, for `RunProfile`, reads."""
    if isinstance(value, property) or value in (Run, RunLog, Pipeline):
        return []
    return [name for name in inspect.signature(value).parameters if name != 'self']


def examples() -> Iterator[tuple[str, str]]:
    for name, value in PUBLIC.items():
        for block in re.findall(r'::\n\n((?: {4}.*\n|\n)+)', inspect.getdoc(value) or ''):
            yield name, textwrap.dedent(block)


EXAMPLES = [pytest.param(source, id=name) for name, source in examples()]


@pytest.mark.parametrize('name', PUBLIC)
def test_each_public_name_has_a_docstring_that_names_its_parameters(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ''

    assert len(text) > 40
    assert [name for name in parameters_of(PUBLIC[name]) if f':param {name}:' not in text] == []


def test_each_attribute_of_a_run_is_described() -> None:
    source = inspect.getsource(Run)

    described = re.findall(r'^    (\w+): .+\n    """.+"""$', source, re.MULTILINE)

    assert described == list(get_type_hints(Run))
    assert {'profile', 'workdir', 'attempt', 'log'} <= set(described)


def test_there_are_examples_of_a_whole_file_and_of_each_larger_subject() -> None:
    assert {param.id for param in EXAMPLES} == {'Run', 'Run.ask', 'Run.shell', 'Pipeline'}


@pytest.mark.parametrize('source', EXAMPLES)
def test_an_example_of_the_docstrings_runs_to_its_end(source: str, tmp_path: Path) -> None:
    file = tmp_path / 'example.py'
    file.write_text(source)
    job = {
        'id': 'r1',
        'number': 1,
        'folder': str(tmp_path / 'run'),
        'pipeline': re.findall(r'class (\w+)', source)[0],
        'file': str(file),
        'parameters': {},
    }

    messages = messages_of_host({'do': 'run', 'run': job})

    ends = [message for message in messages if message['t'] == 'end']
    assert ends == [{'t': 'end', 'state': 'succeeded', 'error': None}]
    assert [message for message in messages if message['t'] in ('artifact', 'logs', 'raw', 'spool')]


def messages_of_host(command: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a real host sends for one job; its input stays open until it exits, as in production.

    Questions are answered with their first choice.
    """
    with subprocess.Popen(
        [sys.executable, '-m', 'synapse.host'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as host:
        assert host.stdin is not None
        assert host.stdout is not None
        host.stdin.write(json.dumps(command).encode() + b'\n')
        host.stdin.flush()
        messages = []
        for line in host.stdout:
            messages.append(json.loads(line))
            if messages[-1]['t'] == 'question':
                reply = {'do': 'answer', 'question': messages[-1]['id'], 'answer': messages[-1]['choices'][0]}
                host.stdin.write(json.dumps(reply).encode() + b'\n')
                host.stdin.flush()
        return messages
