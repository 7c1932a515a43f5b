"""The suggestions of a text box."""

from nicegui import ui


class NameList(ui.element, component='name_list.js'):
    """The box names it in its `list` attribute."""

    def __init__(self, id: str, names: list[str]) -> None:
        super().__init__()
        self._props['id'] = id
        self._props['names'] = names
