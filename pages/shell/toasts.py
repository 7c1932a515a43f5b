"""Alerts at the bottom right until they are closed: at most three, the rest as a number that opens the bell."""

from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.html import Glyph, button, el, icon
from pages.parts.scope import Scope
from synapse.alerts.alerts import Alert, AlertKind, AlertsChanged
from synapse.control_room import ControlRoom
from synapse.language import _, _n, spoken

from .bell import help_with

MOST = 3


class Toasts(Scope):
    """Shows the alerts that arrive while the tab is open; earlier ones are in the bell."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        # Not a live region: the bell announces what is new, even where no toast is shown.
        self.classes('sy-toasts').props.update({'role': 'region', 'aria-label': _('Notices')})
        self._room = room
        self._router = ui.context.client.sub_pages_router
        self._news = room.alerts.news
        # In order of arrival, so that no toast moves away under the pointer.
        self._wanted: dict[str, Alert] = {}
        self._toasts: dict[str, _Toast] = {}
        self._more: _More | None = None
        self.follow(room.bus, AlertsChanged, lambda _: self._update())
        self._router.on_path_changed(self._moved)
        self._moved(self._router.current_path)

    def _moved(self, path: str) -> None:
        """Opening the page of a run marks its alerts as seen; a list of runs says too little about one."""
        page = self._page_at(path)
        if page.startswith('/runs/'):
            self._room.alerts.mark_page_seen(page)

    def _page_at(self, path: str) -> str:
        """The address without its query, and with the number of a run instead of its id."""
        path = path.split('?')[0].split('#')[0].rstrip('/')
        number = self._room.runs.number_of(path.removeprefix('/runs/'))
        return path if number is None else f'/runs/{number}'

    def _update(self) -> None:
        alerts = self._room.alerts
        fresh = {alert.id: alert for alert in alerts.since(self._news) if not self._is_on_page(alert)}
        self._news = alerts.news
        going = {alert.id: alert for alert in alerts if alert.is_active and not alert.is_seen}
        self._wanted = {id: going[id] for id in {**self._wanted, **fresh} if id in going}
        self._show()

    def _is_on_page(self, alert: Alert) -> bool:
        """Whether the page open in this tab shows the same already."""
        page = self._page_at(self._router.current_path)
        if alert.kind is AlertKind.OCCURRENCES_MISSED:
            return page in ('', '/scheduler')
        return page == alert.target and page.startswith('/runs/')

    def _show(self) -> None:
        wanted = [*self._wanted.values()]
        # The last place is taken by the number of the others.
        shown = wanted if len(wanted) <= MOST else wanted[: MOST - 1]
        for id in self._toasts.keys() - {alert.id for alert in shown}:
            self._toasts.pop(id).delete()
        for alert in shown:
            if alert.id not in self._toasts:
                close = partial(self._room.alerts.mark_seen, alert.id)
                self._toasts[alert.id] = _Toast(alert.look, help=partial(self._help, alert.id), close=close)
            self._toasts[alert.id].show(alert)
        self._show_more(len(wanted) - len(shown))

    def _show_more(self, count: int) -> None:
        if self._more is not None and not count:
            self._more.delete()
            self._more = None
        elif count:
            self._more = self._more or _More(self._drop_rest)
            self._more.show(count)
            if self.default_slot.children[-1] is not self._more:
                self._more.move(target_index=-1)

    async def _help(self, id: str) -> None:
        alert = self._room.alerts.get(id)
        if alert is not None:
            await help_with(self._room, alert)

    def _drop_rest(self) -> None:
        """Leave the alerts without a toast to the bell."""
        self._wanted = {id: alert for id, alert in self._wanted.items() if id in self._toasts}
        self._show()


class _Box(TextElement):
    """The frame of a toast, with a close button."""

    def __init__(self, look: str, glyph: str, close: Callable[[], Any]) -> None:
        super().__init__(tag='section', text='')
        self.classes(f'sy-toast st-{look}')
        with self:
            Glyph(glyph, size=16)
            self.body = el('div', 'sy-grow')
            shut = el('button', 'sy-btn is-ghost is-sm is-icon', type_='button', aria_label=_('Close'))
            with shut:
                icon('x', size=14)
            shut.on('click', close)


class _Toast(_Box):
    """One alert; repeated ones are counted in the same toast."""

    def __init__(self, look: str, *, help: Callable[[], Any], close: Callable[[], Any]) -> None:
        super().__init__(look, look, close)
        with self.body:
            with el('div', 'sy-x'):
                self._title = el('b', 'sy-ell')
                self._times = el('span', 'sy-tag sy-num')
            self._words = el('p', 'sy-cap')
            with el('button', 'sy-btn is-sm', type_='button') as act:
                self._verb = el('span')
            act.on('click', help)

    def show(self, alert: Alert) -> None:
        title = spoken(alert.title)
        self._title.set_text(title)
        self._title.props['title'] = title
        self._times.set_text(_n('{count} time', '{count} times', alert.count) if alert.count > 1 else '')
        self._times.set_visibility(alert.count > 1)
        self._words.set_text(spoken(alert.text))
        self._verb.set_text(spoken(alert.verb))


class _More(_Box):
    """The number of alerts without a toast."""

    def __init__(self, close: Callable[[], Any]) -> None:
        super().__init__('idle', 'info', close)
        self.classes('is-more')
        with self.body, el('div', 'sy-x'):
            self._words = el('b', 'sy-num sy-grow')
            act = button(_('Show them'), small=True)
        act.on('click', js_handler="() => window.dispatchEvent(new CustomEvent('synapse-bell', {detail: 'open'}))")
        act.on('click', close)

    def show(self, count: int) -> None:
        self._words.set_text(_n('{count} more alert', '{count} more alerts', count))
