"""The name of what is shown, as a button that opens a choice of months."""

from collections.abc import Callable
from datetime import date

from pages.parts.cards import set_props
from pages.parts.html import button, el, icon
from pages.parts.popup import Popup
from pages.parts.scope import Scope
from pages.scheduler.parts.views import FIRST_YEAR, LAST_YEAR
from synapse.language import _
from synapse.language.formats import moment, months


class MonthPicker(Scope):
    """:param chosen: called with the first day of the month that was pressed"""

    def __init__(self, chosen: Callable[[date], None]) -> None:
        super().__init__()
        self.classes('mo-title')
        self._chosen = chosen
        self._shown = date(2000, 1, 1)
        self._today = date(2000, 1, 1)
        self._year = 2000
        with (
            self,
            el('button', 'mo-name', type_='button', aria_haspopup='dialog', data_key='pick-month') as self._button,
        ):
            self._strong = el('b')
            self._faint = el('span')
            icon('down', size=18)
            with Popup(_('Choose a month')).props(
                'anchor="bottom left" self="top left" :offset="[0, 6]"'
            ) as self._menu:
                self._draw()
        self._menu.on('show', js_handler=_FOCUS)
        self._button.props['title'] = _('Choose a month (Y)')

    def _draw(self) -> None:
        with el('div', 'mo-months') as box:
            box.on('keydown', js_handler=_ARROWS)
            with el('div', 'years'):
                earlier = button('', icon_name='left', kind='ghost', small=True, aria_label=_('Earlier year'))
                self._years = el('b', 'sy-num', role='status')
                later = button('', icon_name='right', kind='ghost', small=True, aria_label=_('Later year'))
            with el('div', 'months'):
                self._months = [el('button', 'month', name, type_='button') for name in months('abbreviated')]
        earlier.on('click', lambda: self._turn(-1))
        later.on('click', lambda: self._turn(1))
        for number, month in enumerate(self._months, start=1):
            month.on('click', lambda number=number: self._pick(number))

    def show(self, name: str, faint: str, day: date, today: date) -> None:
        """Show this name, and mark the month of `day`."""
        self._strong.set_text(f'{name} ')  # readers and voice control need the space between its parts
        self._faint.set_text(faint)
        set_props(self._button, aria_label=_('{name} {year}, choose month and year', name=name, year=faint))
        self._shown, self._today, self._year = day, today, day.year
        self._mark()

    def _turn(self, years: int) -> None:
        self._year = min(LAST_YEAR, max(FIRST_YEAR, self._year + years))
        self._mark()

    def _mark(self) -> None:
        self._years.set_text(str(self._year))
        for number, month in enumerate(self._months, start=1):
            is_shown = (self._year, number) == (self._shown.year, self._shown.month)
            is_now = (self._year, number) == (self._today.year, self._today.month)
            set_props(
                month,
                aria_pressed=str(is_shown).lower(),
                aria_current='date' if is_now else None,
                aria_label=moment('yMMM', date(self._year, number, 1)),
            )

    def _pick(self, number: int) -> None:
        self._menu.close()
        self._chosen(date(self._year, number, 1))


_FOCUS = """() => setTimeout(() => {
    const box = document.querySelector('.mo-months');
    if (box?.contains(document.activeElement)) return;
    (box?.querySelector('[aria-pressed=true]') || box?.querySelector('.month'))?.focus();
})"""
_ARROWS = """(event) => {
    const months = [...event.currentTarget.querySelectorAll('.month')], place = months.indexOf(document.activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -3, ArrowDown: 3 }[event.key];
    if (!step || place < 0) return;
    event.preventDefault();
    months[Math.min(11, Math.max(0, place + step))].focus();
}"""
