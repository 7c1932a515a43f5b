"""The processes that `multiprocessing` starts for a step: what they import, and those that it would leave behind."""

import contextlib
import gc
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

FOLDER = 'modules'
_POOL = 'multiprocessing.pool'
COLLECT_SECONDS = 1.0


def offer(module: ModuleType, file: str, origin: str | None, folder: Path) -> None:
    """Make the module of a pipeline file importable by name for processes that take over our `sys.path`.

    With the start methods `spawn` and `forkserver`, and in joblib, workers import the module of each function that they
    are given. They read the same snapshot as this process, even if the person's file has changed since.

    :param folder: of the run; gets a module that loads the file
    """
    place = folder / FOLDER
    source = f'from synapse.pipelines.load import load_module\n\nload_module({file!r}, {origin!r})\n'
    with contextlib.suppress(OSError):  # no room on the disk: a run that starts no such processes works all the same
        place.mkdir(mode=0o700, exist_ok=True)
        path = place / f'{module.__name__}.py'
        path.touch(mode=0o600)
        path.write_text(source, encoding='utf-8')
        sys.path.append(str(place))


def silence_pools(is_stopping: Callable[[], bool]) -> None:
    """Let no pool complain that it cannot replace its workers once the run is being stopped."""
    before = threading.excepthook

    def unless_of_a_pool(arguments: threading.ExceptHookArgs) -> None:
        frames = (frame for frame, _ in traceback.walk_tb(arguments.exc_traceback))
        if not (is_stopping() and any(frame.f_globals.get('__name__') == _POOL for frame in frames)):
            before(arguments)

    threading.excepthook = unless_of_a_pool


def stop_helpers() -> None:
    """End the processes that `multiprocessing` and joblib keep for others, after these packages have tidied up.

    They would end a moment after this process, which looks as if the run had left something behind.
    """
    found = (getattr(sys.modules.get(name), attribute, None) for name, attribute in _HELPERS)
    helpers = [helper for helper in found if helper is not None]
    if helpers:
        _let_go_of_resources()
    for helper in helpers:
        with contextlib.suppress(Exception):  # internals, which may change
            helper._stop()


def _let_go_of_resources() -> None:
    """Let semaphores that nobody holds any more tell the resource tracker so while it is there.

    The collector may have found some in another thread, which would complain about a closed pipe. Asked to collect
    while it does, it does nothing at all, so it is asked until it does.
    """
    gc.disable()
    seen: list[str] = []
    gc.callbacks.append(lambda phase, _about: seen.append(phase))
    ends_at = time.monotonic() + COLLECT_SECONDS
    gc.collect()
    while not seen and time.monotonic() < ends_at:
        time.sleep(0.001)  # the other thread has no event for its end
        gc.collect()


# Fork servers first: they hold the pipe of the resource tracker open.
_HELPERS = (
    ('multiprocessing.forkserver', '_forkserver'),
    ('joblib.externals.loky.backend.resource_tracker', '_resource_tracker'),
    ('multiprocessing.resource_tracker', '_resource_tracker'),
)
