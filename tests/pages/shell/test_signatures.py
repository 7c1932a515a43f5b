"""Signatures that are looked at once: the same answers, and no more looks."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from nicegui import helpers

from pages.shell import signatures
from tests.parts.screens import staged


class Example:
    def none(self) -> None: ...

    def one(self, event: object) -> None: ...

    def optional(self, event: object = None) -> None: ...

    @classmethod
    def of_class(cls, event: object) -> None: ...


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, 'expects_arguments', signatures.expects_arguments)
    signatures.remember_signatures()


@pytest.mark.parametrize(
    'function',
    [
        Example().none,
        Example().one,
        Example().optional,
        Example.of_class,
        Example.one,
        Example,
        lambda: None,
        lambda event: event,
        partial(Example().one, 1),
        [].append,
    ],
)
def test_the_answer_is_that_of_nicegui(remembered: None, function: Callable[..., Any]) -> None:
    for _ in range(2):
        assert helpers.expects_arguments(function) is signatures.expects_arguments(function)


async def test_elements_of_the_same_kind_look_at_no_signature_again(
    remembered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.parts.html import el

    async with staged() as stage:
        stage.screen.draw(lambda: el('div', 'first'))
        looks: list[object] = []
        signature = inspect.signature

        def noted(function: Callable[..., Any], **options: Any) -> inspect.Signature:
            looks.append(function)
            return signature(function, **options)

        monkeypatch.setattr('nicegui.helpers.functions.signature', noted)
        stage.screen.draw(lambda: [el('span', 'next', 'text', title='again') for _ in range(10)])

    assert looks == []
