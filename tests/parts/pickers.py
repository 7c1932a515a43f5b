"""What a browser shows and tells of a `Picker`."""

from typing import Any

from nicegui import ui

from tests.parts.screens import fire


def chosen(select: ui.element) -> Any:
    """The option that was sent as the selected one."""
    [value] = [option.props['value'] for option in select.default_slot.children if option.props.get('^selected')]
    return value


def choice(select: ui.element, value: str) -> list[Any]:
    """What the browser tells when a person chooses this option."""
    return [value, select.props['data-offer']]


async def pick(select: ui.element, value: str) -> None:
    """Choose this option, and wait for the end of what the page does about it."""
    await fire(select, 'change', choice(select, value))
