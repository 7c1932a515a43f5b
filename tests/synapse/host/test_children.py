"""What is tidied up before the helpers of `multiprocessing` end."""

import gc
import threading
from collections.abc import Iterator

import pytest

from synapse.host.children import _let_go_of_resources


@pytest.fixture
def collector() -> Iterator[None]:
    """The garbage collector as it was."""
    callbacks = [*gc.callbacks]
    yield
    gc.callbacks[:] = callbacks
    gc.enable()


@pytest.mark.usefixtures('collector')
def test_a_collection_in_another_thread_is_waited_for() -> None:
    begun, ended = threading.Event(), threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            begun.set()
            threading.Event().wait(0.2)
            ended.set()

    gc.disable()
    Slow()
    other = threading.Thread(target=gc.collect)
    other.start()
    assert begun.wait(10)

    _let_go_of_resources()

    assert ended.is_set()
    other.join()
