"""Synapse: the control room for the automations a person runs on their own machine.

`from synapse import Pipeline, Run, StepFailed, step` is the whole API of a pipeline file: see `Run` for an example.
The names are loaded on first use, so that a process that needs only a part (the warden, the command line) starts
without Pydantic.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .host.run import Run
    from .pipelines.pipeline import Pipeline, StepFailed, step

__version__ = '0.1.0'
__all__ = ['Pipeline', 'Run', 'StepFailed', '__version__', 'step']

_HOMES = {
    'Pipeline': 'pipelines.pipeline',
    'StepFailed': 'pipelines.pipeline',
    'step': 'pipelines.pipeline',
    'Run': 'host.run',
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value: object = getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
    globals()[name] = value
    return value
