"""Events that moved because the rules of their time zone changed: which, and from when on."""

from zoneinfo import ZoneInfo

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt
from pages.parts.html import Glyph, button, el
from pages.parts.scope import Scope
from synapse.calendar.messages import ZonesChanged
from synapse.calendar.zone_changes import MovedEvent, ZoneChange
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.recurrence.words import city_words

from .days import day_words, length_words

ROWS = 20


class ZoneCard(Scope):
    """Hidden while no change is open; what is dismissed in another tab disappears here too."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self.classes('zone-cards')
        self._room = room
        self.follow(room.bus, ZonesChanged, lambda _message: self._show())
        self._show()

    def _show(self) -> None:
        changes = self._room.zone_changes.all
        self.clear()
        with self:
            for change in changes:
                self._draw(change)
        set_props(self, hidden=not changes or None)

    def _draw(self, change: ZoneChange) -> None:
        with el('section', 'glass-card st-missed aw', aria_label=_('Events moved')):
            with el('div', 'aw-head'):
                Glyph('missed', size=18)
                with el('div', 'sy-grow'):
                    el('h2', text=change.sentence)
                    el('p', 'sy-2', _('Each keeps its wall time, so it now runs at another moment.'))
                with el('div', 'aw-acts'):
                    dismiss = button(_('Got it'), small=True, aria_label=_('Got it: {title}', title=change.sentence))
            with el('ul', 'aw-rows'):
                for event in change.moved[:ROWS]:
                    with el('li'), el('div', 'sy-grow aw-what'), el('p', 'sy-x'):
                        el('b', 'sy-ell', event.title)
                        el('span', 'sy-num sy-2', moved_words(event))
            if change.count > ROWS:
                el('p', 'sy-cap aw-more', _n('And {count} more.', 'And {count} more.', change.count - ROWS))
        dismiss.on('click', lambda: attempt(self._room.zone_changes.dismiss(change.id)))


def moved_words(event: MovedEvent) -> str:
    """`Still 09:00 Vancouver time; from Mon 30 Nov 2026 on 1 h earlier: 16:00 instead of 17:00 UTC`."""
    wall = event.due.astimezone(ZoneInfo(event.timezone))
    values = {
        'time': f'{wall:%H:%M}',
        'city': city_words(event.timezone),
        'day': day_words(wall.date()),
        'length': length_words(abs(event.by).total_seconds()),
        'due': f'{event.due:%H:%M}',
        'was': f'{event.was:%H:%M}',
    }
    if event.was < event.due:
        return _('Still {time} {city} time; from {day} on {length} later: {due} instead of {was} UTC', **values)
    return _('Still {time} {city} time; from {day} on {length} earlier: {due} instead of {was} UTC', **values)
