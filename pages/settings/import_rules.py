"""The rules that give imported events their work: a list, and the dialog for one of them."""

from collections.abc import Mapping
from typing import Any

from pages.parts.cards import set_props
from pages.parts.controls import Slot, entry, select
from pages.parts.dialogs import Dialog, attempt, focus_first_field, focus_wrong, leave_button
from pages.parts.fields import Field, Unreadable, sorted_errors
from pages.parts.html import button, el, opens
from pages.parts.schema_fields import field_for
from pages.parts.scope import Scope
from pages.parts.words import pipeline_color
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.ical.import_rules import ImportRule, ImportRulesChanged
from synapse.language import N_, _, translated

WHEN = {'title': N_('Title contains'), 'category': N_('Category is'), 'any': N_('Any other that names no pipeline')}
NO_PROFILE = ''


class RuleList(Scope):
    """The rules in their order. A change is kept at once."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self.classes('im-rules')
        self._room = room
        with self:
            self._rows = el('div', 'im-rules')
            opens(button(_('Add a rule'), icon_name='plus', small=True), self._add)
        self._show()
        self.follow(room.bus, ImportRulesChanged, lambda _: self._show())

    def _show(self) -> None:
        self._rows.clear()
        with self._rows:
            rules = _in_order(self._room)
            for place, rule in enumerate(rules):
                above = rules[place - 1] if place else None
                can_go_up = above is not None and (above.when == 'any') == (rule.when == 'any')
                self._draw(place, rule, can_go_up=can_go_up)

    # Dialogs are drawn outside of the rows, which are drawn anew while one is open.

    def _add(self) -> None:
        with self:
            RuleDialog(self._room, sum(rule.when != 'any' for rule in self._room.import_rules.rules))

    def _edit(self, place: int, rule: ImportRule) -> None:
        with self:
            RuleDialog(self._room, place, rule)

    def _draw(self, place: int, rule: ImportRule, *, can_go_up: bool) -> None:
        with el('div', 'im-rule'):
            el('i', f'sy-pdot {pipeline_color(self._room, rule.pipeline)}')
            with el('span', 'sy-grow'):
                el('span', text=rule.words)
                profile = self._room.profiles.find(rule.profile) if rule.profile else None
                whom = f', {profile.label}' if profile is not None else ''
                el('span', 'sy-cap', f'{self._room.catalog.title_of(rule.pipeline)}{whom}')
            if can_go_up:
                up = button(_('Up'), kind='ghost', small=True, aria_label=_('Move up: {words}', words=rule.words))
                up.on('click', lambda: self._move_up(place))
            edit = button(_('Edit'), kind='ghost', small=True, aria_label=_('Edit: {words}', words=rule.words))
            opens(edit, lambda: self._edit(place, rule))
            gone = button(
                '', icon_name='x', kind='ghost', small=True, aria_label=_('Remove: {words}', words=rule.words)
            )
            gone.on('click', lambda: self._remove(rule))

    async def _move_up(self, place: int) -> None:
        rules = _in_order(self._room)
        rules[place - 1], rules[place] = rules[place], rules[place - 1]
        await attempt(self._room.import_rules.set([rule.as_json() for rule in rules]))

    async def _remove(self, gone: ImportRule) -> None:
        rules = [rule.as_json() for rule in _in_order(self._room) if rule != gone]
        await attempt(self._room.import_rules.set(rules))


def _in_order(room: ControlRoom) -> list[ImportRule]:
    """Return the rules in the order in which they count: one for any other event comes after all others."""
    return sorted(room.import_rules.rules, key=lambda rule: rule.when == 'any')


class RuleDialog:
    """Asks for a rule, and keeps it. Opens as soon as it is made.

    :param place: where it is in the list
    :param rule: the one to change
    """

    def __init__(self, room: ControlRoom, place: int, rule: ImportRule | None = None) -> None:
        self._room = room
        self._place = place
        self._rule = rule
        self._infos = {info.name: info for info in room.catalog.all() if info.is_runnable}
        pipeline = rule.pipeline if rule else next(iter(self._infos), '')
        self._values: dict[str, Any] = {
            'when': rule.when if rule else 'title',
            'text': rule.text if rule else '',
            'pipeline': pipeline,
            'profile': rule.profile if rule else None,
        }
        self._given = dict(rule.shown()['parameters']) if rule else {}
        self._fields: dict[str, Field] = {}
        self._slots: dict[str, Slot] = {}
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=_('Rule'))
            focus_first_field(self._dialog, box)
            with box:
                self._draw()
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self) -> None:
        with el('div', 'form-head'):
            el('h2', 'sy-grow', _('Edit rule') if self._rule else _('New rule'))
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)
        with el('div', 'form-scroll'):
            with el('div', 'form-two'):
                self._choice(
                    'when', _('Events'), {key: translated(words) for key, words in WHEN.items()}, self._choose_when
                )
                slot = self._slots['text'] = Slot('rule-text', _('Text'), help_text=_('Capitals do not matter.'))
                with slot.body:
                    entry('rule-text', self._values['text'], lambda text: self._set('text', text), maxlength='200')
            with el('div', 'form-two'):
                titles = {name: info.title for name, info in self._infos.items()}
                titles.setdefault(
                    self._values['pipeline'], _('{pipeline} (not found)', pipeline=self._values['pipeline'])
                )
                self._choice('pipeline', _('Run'), titles, self._choose_pipeline)
                profiles = {NO_PROFILE: _('None')} | {item.id: item.label for item in self._room.profiles.all()}
                self._choice('profile', _('Profile'), profiles, lambda id: self._set('profile', id or None))
            self._place_of_fields = el('div', 'form-fields')
            self._draw_fields()
        with el('div', 'form-foot'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            leave_button(self._dialog)
            button(_('Save rule'), kind='primary').on('click', self._save)
        self._choose_when(self._values['when'])

    def _choice(self, name: str, title: str, options: Mapping[str, str], chosen: Any) -> None:
        slot = self._slots[name] = Slot(f'rule-{name}', title)
        with slot.body:
            select(f'rule-{name}', options, self._values[name] or NO_PROFILE, chosen)

    def _set(self, name: str, value: Any) -> None:
        self._values[name] = value

    def _choose_when(self, when: str) -> None:
        self._set('when', when)
        set_props(self._slots['text'].box, hidden=when == 'any' or None)

    def _choose_pipeline(self, name: str) -> None:
        self._set('pipeline', name)
        self._given = {}
        self._draw_fields()

    def _draw_fields(self) -> None:
        info = self._infos.get(self._values['pipeline'])
        schema: Mapping[str, Any] = info.schema if info is not None else {}
        self._fields = {}
        self._place_of_fields.clear()
        with self._place_of_fields:
            for name, part in schema.get('properties', {}).items():
                value = self._given.get(name, part.get('default'))
                is_required = name in schema.get('required', [])
                field = field_for(
                    self._room, name, part, schema, value, is_required=is_required, prefix='rule-parameter'
                )
                self._fields[name] = field
        for field in self._fields.values():
            field.connect(self._fields)

    def _read(self) -> dict[str, Any]:
        """Return the values of the rule; untouched parameters keep their defaults, which may still change.

        :raises Invalid: if what was typed cannot be read
        """
        parameters, wrong = dict(self._given), {}
        for name, field in self._fields.items():
            if not field.is_touched:
                continue
            try:
                parameters[name] = field.value()
            except Unreadable as error:
                wrong[f'parameters.{name}'] = str(error)
            except KeyError:
                parameters.pop(name, None)
        if wrong:
            raise Invalid(_('Some values cannot be read.'), wrong)
        text = '' if self._values['when'] == 'any' else self._values['text']
        return {**self._values, 'text': text, 'parameters': parameters}

    async def _save(self) -> None:
        try:
            rule = await self._room.import_rules.checked(self._read())
            rules = [item.as_json() for item in _in_order(self._room) if item != self._rule]
            rules.insert(self._place, rule.as_json())
            await self._room.import_rules.set(rules)
        except Invalid as error:
            self._show_errors(error.fields)
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.close()

    def _show_errors(self, fields: Mapping[str, str]) -> None:
        for name, slot in self._slots.items():
            slot.show_error(fields.get(name, ''))
        named = {name.removeprefix('parameters.'): text for name, text in fields.items() if '.' in name}
        by_field, rest = sorted_errors(named, self._fields)
        for name, text in by_field.items():
            self._fields[name].show_error(text)
        others = [text for name, text in fields.items() if '.' not in name and name not in self._slots]
        self._problem.set_text(' '.join([*rest, *others]) or _('Fix the marked fields.'))


class RulesDialog:
    """The rules in a dialog of their own."""

    def __init__(self, room: ControlRoom) -> None:
        with (
            Dialog() as dialog,
            el('section', 'sy-dialog im-dialog', role='dialog', aria_modal='true', aria_label=_('Rules')) as box,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=_('What imported events run'))
            text = _('For events of imported files and subscribed calendars. The first rule that fits an event counts.')
            el('p', 'sy-2', ' '.join((text, _('“Any other” comes after all others.'))))
            RuleList(room)
            with el('div', 'sy-dialog-buttons'):
                button(_('Close'), autofocus=True).on('click', dialog.close)
        dialog.on('hide', dialog.delete)
        dialog.open()
