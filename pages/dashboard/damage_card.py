"""Files of the data folder that were damaged: what was recovered, what may be missing, what to do."""

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, el
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.damage import DamageChanged, DamageReport
from synapse.language import _
from synapse.language.formats import moment


class DamageCard(Scope):
    """Hidden while no report is open; what is dismissed in another tab disappears here too."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self.classes('zone-cards')
        self._room = room
        self.follow(room.bus, DamageChanged, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        reports = self._room.damage.all
        self.clear()
        with self:
            for report in reports:
                self._draw(report)
        set_props(self, hidden=not reports or None)

    def _draw(self, report: DamageReport) -> None:
        state = 'failed' if report.missing else 'missed'
        with el('section', f'glass-card st-{state} aw', aria_label=report.title), el('div', 'aw-head'):
            Glyph(state, size=18)
            with el('div', 'sy-grow dm-words'):
                el('h2', text=report.title)
                for text in filter(None, (report.recovered, report.missing, report.hint)):
                    el('p', 'sy-2', text)
                el('p', 'sy-cap', self._kept(report))
            with el('div', 'aw-acts'):
                dismiss = button(_('Got it'), small=True, aria_label=_('Got it: {what}', what=report.title))
        dismiss.on('click', lambda: attempt(self._room.damage.dismiss(report.id)))

    def _kept(self, report: DamageReport) -> str:
        local = self._room.local(report.found_at)
        found = _('Found {day}, {time}', day=moment('yMMMd', local), time=moment('Hm', local))
        if not report.kept_as:
            return found
        place = self._room.settings.data / report.kept_as
        return _('{found}. The damaged file is kept: {place}', found=found, place=place)
