"""The signatures of NiceGUI's own methods, looked at once."""

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

from nicegui import helpers

expects_arguments = helpers.expects_arguments


def remember_signatures() -> None:
    """Let NiceGUI (3.18.0) look once at the signature of a method, not again for each object that has it.

    Each element has three collections, and each of them asks whether a method of its class takes an argument: a sixth
    of what it takes to build a page.
    """
    helpers.expects_arguments = _expects_arguments  # type: ignore[assignment]


def _expects_arguments(function: Callable[..., Any]) -> bool:
    if type(function) is MethodType and type(function.__func__) is FunctionType:
        return _of_method(function.__func__)
    return expects_arguments(function)


@lru_cache(maxsize=1024)
def _of_method(function: FunctionType) -> bool:
    return expects_arguments(MethodType(function, object()))
