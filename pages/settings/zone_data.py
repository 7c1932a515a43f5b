"""The row of the Settings page with the time-zone data in use, and a button that looks for newer data."""

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.html import button, el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _, translated
from synapse.log.log import Level

from .rows import row

SHOWN_LINES = 40


class ZoneDataRow(Scope):
    """Version and source; under them what pip says while it looks."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self._room = room
        self._lines: list[str] = []
        data = room.status.timezone_data
        with self:
            with (
                row(
                    _('Time-zone data'), _('The newest found at startup: {source}.', source=translated(data['source']))
                ),
                el('span', 'sy-x'),
            ):
                el('span', 'sy-num', data['version'] or _('Unknown'))
                self._look = button(_('Look for newer'), small=True)
            self._said = el('p', 'sy-2 set-said', role='status', hidden=True)
            self._output = el('pre', 'sy-mono set-output', hidden=True, aria_label=_('What pip says'), tabindex='0')
        self._look.on('click', self._update)

    async def _update(self) -> None:
        from synapse.zone_update import update_zone_data

        if self._room.zone_update.locked():
            self._say(_('It is being looked for already.'))
            return
        self._lines.clear()
        self._say(_('Looking for newer data…'))
        set_props(self._look, disabled=True)
        async with self._room.zone_update:
            done = await attempt(update_zone_data(self._add))
        if done is not None:
            level = Level.INFO if done.is_done else Level.WARNING
            self._room.log.append(level, _('Time-zone data: {message}', message=done.message), source='synapse')
            self._call(lambda: self._say(done.message))
        self._call(lambda: set_props(self._look, disabled=None))

    def _say(self, sentence: str) -> None:
        self._said.set_text(sentence)
        set_props(self._said, hidden=None)

    def _add(self, line: str) -> None:
        self._lines = [*self._lines, line][-SHOWN_LINES:]
        self._call(lambda: self._show('\n'.join(self._lines)))

    def _show(self, text: str) -> None:
        self._output.set_text(text)
        set_props(self._output, hidden=None)
