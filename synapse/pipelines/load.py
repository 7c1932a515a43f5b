"""Loads pipeline classes into this process, from a file or from those built in."""

import importlib
import linecache
import os
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from synapse.language import _

from .pipeline import BrokenPipeline, Pipeline, steps_of

_INSTALLED = tuple({os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix)})
_OURS = tuple(str(Path(__file__).parents[2] / room) + os.sep for room in ('synapse', 'storage'))
_loaded: dict[tuple[str, str | None], ModuleType] = {}
"""By file and origin; a process that runs are forked from has imported the file for them."""


class PipelineMissing(BrokenPipeline):
    """A file without the pipeline it should hold."""


def load_pipeline(name: str, file: str | None, origin: str | None = None) -> type[Pipeline]:
    """Return the pipeline class of this name.

    :param file: a snapshot of the person's file; None for a built-in pipeline
    :param origin: the person's file itself, which tracebacks name; by default `file`
    :raises PipelineMissing: if there is none of this name
    :raises BaseException: whatever the file raises while it is imported
    """
    if file is None:
        return _built_in(name)
    for pipeline in pipelines_in(load_module(file, origin)):
        if pipeline.__name__ == name:
            return pipeline
    raise PipelineMissing(_('The file {origin} holds no pipeline called {name!r}.', origin=origin or file, name=name))


def load_model(name: str) -> type[BaseModel]:
    """Return a model by its `module:name`, once the pipeline that uses it is loaded.

    :raises BaseException: if there is none
    """
    module, __, path = name.partition(':')
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in path.split('.'):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise TypeError(f'{path} is no model')
    return found


def load_module(file: str, origin: str | None = None) -> ModuleType:
    """Execute a file as a module, once; its imports are looked up in its own folder first."""
    if (file, origin) in _loaded:
        return _loaded[file, origin]
    shown = origin or file
    source = Path(file).read_bytes()
    name = f'synapse_pipeline_{re.sub(r"[^0-9A-Za-z_]", "_", Path(shown).stem)}'
    module = ModuleType(name)
    module.__file__ = shown
    # The person's folder is watched: cache folders next to the file would look like changes.
    sys.dont_write_bytecode = True
    sys.modules[name] = module
    sys.path.insert(0, str(Path(shown).parent))
    warnings.filterwarnings('default', module=name)
    text = source.decode('utf-8', 'replace')
    # Tracebacks show the lines that ran, even when the file has changed since.
    linecache.cache[shown] = (len(source), None, text.splitlines(keepends=True), shown)
    exec(compile(source, shown, 'exec', dont_inherit=True), vars(module))  # noqa: S102  running it is the purpose
    _loaded[file, origin] = module
    return module


def is_installed(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    return os.path.realpath(file).startswith(_INSTALLED)


def own_sources(names: Iterable[str]) -> set[str]:
    """Return the files of those modules that the person wrote: neither installed packages nor ours."""
    files = {getattr(sys.modules.get(name), '__file__', None) or '' for name in names}
    return {file for file in files if is_own(file)}


def is_own(file: str) -> bool:
    """Whether a file is Python code that the person wrote."""
    return file.endswith('.py') and not file.startswith(_OURS) and not is_installed(file)


def pipelines_in(module: ModuleType) -> list[type[Pipeline]]:
    """Return the pipelines that a module defines itself, in order, without those that are only bases of others.

    :raises PipelineMissing: if there is none
    """
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Pipeline) and value.__module__ == module.__name__
    ]
    found = [
        pipeline
        for pipeline in dict.fromkeys(own)
        if not pipeline.__name__.startswith('_') and (steps_of(pipeline) or not _is_base(pipeline, own))
    ]
    if not found:
        raise PipelineMissing(_('This file has no pipeline: no class in it is based on synapse.Pipeline.'))
    return found


def _is_base(pipeline: type[Pipeline], others: list[type[Pipeline]]) -> bool:
    return any(other is not pipeline and issubclass(other, pipeline) for other in others)


def _built_in(name: str) -> type[Pipeline]:
    module_name = _module_of(name)
    try:
        module = importlib.import_module(f'synapse.builtin.{module_name}')
    except ModuleNotFoundError as error:
        if error.name != f'synapse.builtin.{module_name}':
            raise
        raise PipelineMissing(_('No built-in pipeline is called {name!r}.', name=name)) from None
    pipeline = getattr(module, name, None)
    if not (isinstance(pipeline, type) and issubclass(pipeline, Pipeline)):
        raise PipelineMissing(_('No built-in pipeline is called {name!r}.', name=name))
    return pipeline


def built_in_file(name: str) -> Path:
    """Return the file of a built-in pipeline."""
    return Path(__file__).parents[1] / 'builtin' / f'{_module_of(name)}.py'


def _module_of(name: str) -> str:
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()
