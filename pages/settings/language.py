"""Language, first day of the week and time zone: what a person chooses, or leaves to the browser and the machine."""

from pages.parts.cards import set_class
from pages.parts.controls import Picker, entry
from pages.parts.dialogs import attempt
from pages.parts.html import button, el
from pages.parts.name_list import NameList
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import AUTO, LANGUAGES, _
from synapse.preferences import PreferencesChanged
from synapse.recurrence.zones import zone_names

from .rows import explained_row, row

ZONE = 'preference-zone'


class LanguageRows(Scope):
    """A language and a day count at once; a time zone is typed, so it waits for Save, and for the next start."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._pickers: dict[str, Picker] = {}
        with self:
            self._draw_language()
            self._draw_week()
            self._draw_zone()
        self.follow(room.bus, PreferencesChanged, lambda message: self._show())
        self._show()

    def _draw_language(self) -> None:
        flag = self._room.settings.language
        if flag is not None:
            text = _('Synapse was started with --language, which comes before what is chosen here.')
            with row(_('Language'), text):
                el('span', text=LANGUAGES.get(flag, flag))
            return
        with row(_('Language'), _('Of pages and messages, and of log lines from now on.')):
            self._pick('language', {AUTO: _('As the browser asks')} | LANGUAGES, _('Language'))

    def _draw_week(self) -> None:
        days = {'monday': _('Monday'), 'sunday': _('Sunday'), 'saturday': _('Saturday')}
        text = _('In the month, the week and the days of an event.')
        with row(_('Weeks begin on'), text):
            self._pick('week_start', {AUTO: _('As the language has it')} | days, _('Weeks begin on'))

    def _pick(self, name: str, options: dict[str, str], label: str) -> None:
        value = getattr(self._room.choices.now, name)
        self._pickers[name] = Picker(options, value, label=label, changed=lambda key: self._change(name, key))

    def _draw_zone(self) -> None:
        chosen = self._room.choices.now.timezone
        self._typed = '' if chosen == AUTO else chosen
        self._help, value = explained_row(_('Time zone'), '')
        with value, el('span', 'keep-limit sy-field') as self._box:
            with el('span', 'keep-controls'):
                field = entry(
                    ZONE,
                    self._typed,
                    self._type,
                    list=f'{ZONE}-names',
                    placeholder=_('That of the machine'),
                    aria_label=_('Time zone'),
                    aria_describedby=f'{ZONE}-error',
                )
                # With a full name in the box, the list would offer only that zone.
                field.on('focus', js_handler='(e) => e.target.select()')
                field.on('keydown.enter', self._save_zone)
                NameList(f'{ZONE}-names', zone_names())
                button(_('Save')).on('click', self._save_zone)
            self._problem = el('span', 'sy-error', role='alert', id=f'{ZONE}-error')

    def _show(self) -> None:
        now, here = self._room.choices.now, self._room.here
        for name, picker in self._pickers.items():
            if picker.value != getattr(now, name):
                picker.choose(getattr(now, name))
        is_in_use = now.timezone == here.name or (now.timezone == AUTO and not here.is_chosen)
        text = _('All times are shown in it: {zone}. {why}', zone=here.name, why=here.why)
        if not is_in_use:
            text = _('Saved. It counts from the next start on; until then all times are in {zone}.', zone=here.name)
        self._help.set_text(text)

    def _type(self, text: str) -> None:
        self._typed = text

    async def _change(self, name: str, value: str) -> None:
        await attempt(self._room.choices.change(**{name: value}))

    async def _save_zone(self) -> None:
        problem = ''
        try:
            await self._room.choices.change(timezone=self._typed.strip() or AUTO)
        except Invalid as error:
            problem = error.fields.get('timezone', error.message)
        if not self.is_deleted:
            self._problem.set_text(problem)
            set_class(self._box, 'is-wrong', problem)
