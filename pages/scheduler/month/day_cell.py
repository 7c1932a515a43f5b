"""One day of the month: drawn by the browser from a picture, and sent again only when the picture is another one."""

from nicegui import ui

from .layout import DayPicture


class DayCell(ui.element, component='day_cell.js'):
    """Made once for its place in the grid; `show` puts a day into it."""

    def __init__(self) -> None:
        super().__init__()
        self.picture: DayPicture | None = None
        self._props['picture'] = None

    def show(self, picture: DayPicture) -> None:
        """Bring the cell to this picture; chips that stay the same are not touched."""
        if picture != self.picture:
            self.picture = picture
            self._props['picture'] = picture.as_props()
            self.update()
