"""A form made from the schema of a pipeline: its fields, their help, and errors where they belong."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt, focus_first_field, say
from pages.parts.fields import Field, FieldMaker, Unreadable
from pages.parts.html import button, el, icon
from pages.parts.schema_fields import field_for
from synapse.catalog.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError

LEAST_FOLDED = 3


class RunForm:
    """The fields of one pipeline, drawn into whatever is open.

    :param values: what the fields hold first; defaults of the profile and of the pipeline fill in the rest
    :param make: makes each field, as `field_for` does
    :param changed: called with each change by the person, to judge it anew
    :param folds: whether what may stay at its default is folded away
    """

    def __init__(
        self,
        room: ControlRoom,
        info: PipelineInfo,
        values: Mapping[str, Any],
        profile: str | None,
        *,
        make: FieldMaker = field_for,
        changed: Callable[[], None] | None = None,
        folds: bool = False,
    ) -> None:
        self._room = room
        self._info = info
        self._make = make
        self._changed = changed
        self._folds = folds
        self._is_unfolded = False
        self._given = dict(values)
        self._body = el('div', 'form-fields')
        self.fields: dict[str, Field] = {}
        self._draw(self._given, profile)

    def values(self) -> dict[str, Any]:
        """The parameters as typed; what is left empty where a default applies is not among them.

        :raises Invalid: with a sentence for each field that cannot be read
        """
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.value()
            except Unreadable as error:
                wrong[name] = str(error)
            except KeyError:
                continue
        if wrong:
            raise Invalid('Some values cannot be read.', wrong)
        return values

    def show_errors(self, errors: Mapping[str, str]) -> list[str]:
        """Put each sentence under its field; gives those that belong to none."""
        for name, field in self.fields.items():
            mine = [text for place, text in errors.items() if place == name or place.startswith(f'{name}.')]
            field.show_error(' '.join(mine))
        if any(f'{place}.'.startswith(tuple(f'{name}.' for name in self._rare)) for place in errors):
            set_props(self._details, open=True)
        known = tuple(f'{name}.' for name in self.fields)
        return [text for place, text in errors.items() if not f'{place}.'.startswith(known)]

    def take(self, values: Mapping[str, Any], profile: str | None) -> None:
        """Start over with these values."""
        self._given = dict(values)
        self._draw(self._given, profile)

    def switch_profile(self, profile: str | None) -> None:
        """Let the defaults of another profile fill in what the person has not touched."""
        touched: dict[str, Any] = {}
        for name, field in self.fields.items():
            if field.is_touched:
                try:
                    touched[name] = field.value()
                except (KeyError, Unreadable):
                    continue
        self._draw(self._given | touched, profile, touched=touched)

    def _draw(
        self, values: Mapping[str, Any], profile: str | None, *, touched: Mapping[str, Any] | None = None
    ) -> None:
        schema = self._info.schema
        defaults = self._room.profiles.get(profile).defaults if profile else {}
        properties = schema.get('properties', {})
        # Where nothing is required, the first one is still what the pipeline is about.
        needed = schema.get('required') or list(properties)[:1]
        rare = [name for name in properties if name not in {*needed, *self._given}]
        self._rare = rare if self._folds and len(rare) >= LEAST_FOLDED else []

        def draw(name: str) -> None:
            field = properties[name]
            value = values[name] if name in values else defaults.get(name, field.get('default'))
            is_required = name in schema.get('required', [])
            made = self.fields[name] = self._make(self._room, name, field, schema, value, is_required=is_required)
            made.is_touched = name in (touched or {})
            if self._changed is not None:
                made.changed, made.is_checked_live = self._changed, True

        self._body.clear()
        self.fields = {}
        with self._body:
            for name in properties:
                if name not in self._rare:
                    draw(name)
            if self._rare:
                with self._fold(), el('div', 'form-fields'):
                    for name in self._rare:
                        draw(name)
            if not properties:
                el('p', 'sy-cap', 'It takes no parameters.')

    def _fold(self) -> TextElement:
        """Around what may stay as it is; open again after it was drawn anew, if it was open."""
        with el('details', 'form-fold') as fold, el('summary'):
            icon('right', size=14)
            el('span', text='More options')
            el('span', 'sy-cap sy-ell sy-grow', 'they stay as the profile or the pipeline says')
        set_props(fold, open=self._is_unfolded or None)
        fold.on('toggle', lambda event: self._folded(is_open=bool(event.args)), js_handler='(e) => emit(e.target.open)')
        self._details = fold
        return fold

    def _folded(self, *, is_open: bool) -> None:
        self._is_unfolded = is_open


class RunFormDialog:
    """Ask for the parameters of a run and start it; one opening starts at most one run."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._is_sending = False
        self._key = uuid.uuid4().hex

    def open(self, *, pipeline: str = '', profile: str | None = None, values: Mapping[str, Any] | None = None) -> None:
        """Open with this pipeline, or the first that can run."""
        self._infos = {info.name: info for info in self._room.catalog.all() if info.is_runnable}
        if not self._infos:
            say('No pipeline can run. The Pipelines page says why.', kind='warning')
            return
        self._pipeline = pipeline if pipeline in self._infos else next(iter(self._infos))
        profiles = {item.id: item.label for item in self._room.profiles.all()}
        self._profile = profile if profile in profiles else next(iter(profiles), '')
        with ui.dialog() as self._dialog:
            self._draw(profiles, values or {})
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, profiles: Mapping[str, str], values: Mapping[str, Any]) -> None:
        box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label='New run')
        focus_first_field(self._dialog, box)
        # Only the browser knows of a file that is still on its way.
        asked = f'() => emit(Boolean(getHtmlElement({box.id}).querySelector(".upload-zone.is-sending")))'
        box.on('keydown.ctrl.enter', self._asked, js_handler=asked)
        box.on('keydown.meta.enter', self._asked, js_handler=asked)
        with box:
            with el('header'):
                self._dot = el('i', 'sy-pdot')
                el('h2', text='New run')
                self._about = el('span', 'sy-cap sy-ell sy-grow')
                close = button('', icon_name='x', kind='ghost', small=True, aria_label='Close')
                close.on('click', self._dialog.close)
            with el('div', 'form-scroll'):
                with el('div', 'form-two'):
                    self._pick('Pipeline', {name: info.title for name, info in self._infos.items()}, self._switch)
                    self._pick('Profile', profiles, self._switch_profile)
                self._broken = el('p', 'hint', hidden=True)
                self._slot = el('div')
            with el('footer'):
                last = button('Use the last values', icon_name='retry', kind='ghost')
                last.props['title'] = 'The parameters of the last run of this pipeline that succeeded'
                last.on('click', self._take_last)
                self._problem = el('span', 'sy-error sy-grow', role='alert')
                button('Cancel').on('click', self._dialog.close)
                self._run_button = button('Run', icon_name='play', kind='primary')
                with self._run_button:
                    el('span', 'sy-kbd', 'Ctrl Enter')
                self._run_button.on('click', self._asked, js_handler=asked)
        self._show(values)

    def _pick(self, words: str, options: Mapping[str, str], changed: Callable[[str], None]) -> None:
        with el('div', 'sy-field'):
            el('span', 'sy-label', words)
            chosen = self._pipeline if words == 'Pipeline' else self._profile
            Picker(options, chosen, label=words, changed=changed)

    def _switch(self, name: str) -> None:
        self._pipeline = name
        self._show({})

    def _switch_profile(self, id: str) -> None:
        self._profile = id
        self._form.switch_profile(id or None)

    def _show(self, values: Mapping[str, Any]) -> None:
        info = self._infos[self._pipeline]
        self._dot.classes(replace=f'sy-pdot p{info.color_index % 6 + 1}')
        self._about.set_text(info.description.split('\n')[0])
        self._problem.set_text('')
        set_props(self._broken, hidden=info.error is None)
        if info.error is not None:
            self._broken.set_text('Its file is broken now; this runs the last version that was good.')
        self._slot.clear()
        with self._slot:
            self._form = RunForm(self._room, info, values, self._profile or None)

    async def _take_last(self) -> None:
        runs = await attempt(self._room.runs.page(state='succeeded', pipeline=self._pipeline, limit=1))
        if runs:
            self._form.take(runs[0].parameters, self._profile or None)
            self._problem.set_text('')
        elif runs is not None:
            self._problem.set_text('No run of this pipeline has succeeded yet.')

    async def _asked(self, event: GenericEventArguments) -> None:
        if event.args is True:
            self._problem.set_text('A file is still on its way. Run it once it is there.')
            return
        await self._run()

    async def _run(self) -> None:
        # Two presses in one breath: the first is still being sent. The key would make a second the same run anyway.
        if self._is_sending:
            return
        self._is_sending = True
        set_props(self._run_button, disabled=True)
        self._problem.set_text('')
        try:
            run = await self._room.runs.create(
                self._pipeline,
                self._form.values(),
                profile=self._profile or None,
                because='the run form',
                idempotency_key=self._key,
            )
        except Invalid as error:
            rest = self._form.show_errors(error.fields)
            count = len(error.fields) - len(rest)
            marked = f'{count} field{"" if count == 1 else "s"} to mend.' if count else ''
            self._problem.set_text(' '.join([*rest, marked]).strip() or error.message)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.close()
            ui.navigate.to(f'/runs/{run.number}')
        finally:
            self._is_sending = False
            if not self._run_button.is_deleted:
                set_props(self._run_button, disabled=None)


def open_run_form(
    room: ControlRoom, *, pipeline: str = '', profile: str | None = None, values: Mapping[str, Any] | None = None
) -> None:
    """Ask for the parameters of a run and start it."""
    RunFormDialog(room).open(pipeline=pipeline, profile=profile, values=values)
