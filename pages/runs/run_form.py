"""A form made from the schema of a pipeline, with each error under its field, and the dialog that starts a run."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import Dialog, attempt, focus_first_field, focus_wrong, leave_button, say
from pages.parts.fields import Field, FieldMaker, Unreadable, sorted_errors
from pages.parts.html import button, el, icon, without_backticks
from pages.parts.schema_fields import field_for
from pages.parts.words import color_class
from synapse.catalog.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import _, _n
from synapse.runs import causes
from synapse.runs.records import RunRecord

from .takers import pipeline_to_offer

LEAST_FOLDED = 3
BECAUSE = causes.RUN_FORM


class RunForm:
    """The fields of a pipeline, drawn into the open element.

    :param values: initial values; defaults of the profile and of the pipeline fill in the rest
    :param make: makes each field, like `field_for`
    :param changed: called after each change by the person, to check the form again
    :param folds: fold away the parameters that can be left at their defaults
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
        self.info = info
        self._make = make
        self._changed = changed
        self._folds = folds
        self._is_unfolded = False
        self._given = dict(values)
        self._body = el('div', 'form-fields')
        self.fields: dict[str, Field] = {}
        self._draw(self._given, profile)

    def values(self) -> dict[str, Any]:
        """Return the parameters as typed, without those left empty for their default to apply.

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
            raise Invalid(_('Some values cannot be read.'), wrong)
        return values

    def show_errors(self, errors: Mapping[str, str]) -> list[str]:
        """Show each error under its field; return those that belong to no field."""
        by_field, rest = sorted_errors(errors, self.fields)
        for name, text in by_field.items():
            self.fields[name].show_error(text)
        if any(by_field[name] for name in self._rare):
            # In the browser itself: what was drawn does not know that the person has closed it since.
            self._details.run_method('setAttribute', 'open', '')
        return rest

    def take(self, values: Mapping[str, Any], profile: str | None) -> None:
        self._given = dict(values)
        self._draw(self._given, profile)

    def switch_profile(self, profile: str | None) -> None:
        """Fill in the defaults of another profile, except where the person has entered a value."""
        touched: dict[str, Any] = {}
        for name, field in self.fields.items():
            if field.is_touched:
                try:
                    touched[name] = field.value()
                except (KeyError, Unreadable):
                    continue
        self._draw(self._given | touched, profile)
        for name in touched:
            self.fields[name].is_touched = True

    def _draw(self, values: Mapping[str, Any], profile: str | None) -> None:
        schema = self.info.schema
        defaults = self._room.profiles.get(profile).defaults if profile else {}
        properties = schema.get('properties', {})
        # If nothing is required, the first parameter is still what the pipeline is about.
        needed = schema.get('required') or list(properties)[:1]
        told = {name for name, value in self._given.items() if value != properties.get(name, {}).get('default')}
        rare = [name for name in properties if name not in {*needed, *told}]
        self._rare = rare if self._folds and len(rare) >= LEAST_FOLDED else []
        first = {name: field.get('default') for name, field in properties.items()} | {**defaults, **values}
        self._body.clear()
        self.fields = {}
        with self._body:
            self._draw_fields([name for name in properties if name not in self._rare], first)
            if self._rare:
                with self._fold(), el('div', 'form-fields'):
                    self._draw_fields(self._rare, first)
            if not properties:
                el('p', 'sy-cap', _('This pipeline has no parameters.'))
        for field in self.fields.values():
            field.connect(self.fields)

    def _draw_fields(self, names: list[str], values: Mapping[str, Any]) -> None:
        schema = self.info.schema
        for name in names:
            is_required = name in schema.get('required', [])
            part = schema['properties'][name]
            field = self._make(self._room, name, part, schema, values[name], is_required=is_required)
            if self._changed is not None:
                field.changed, field.is_checked_live = self._changed, True
            self.fields[name] = field

    def _fold(self) -> TextElement:
        """Draw the fold around what can be left at its default; a redraw keeps it open."""
        with el('details', 'form-fold') as fold, el('summary'):
            icon('right', size=14)
            el('span', text=_('More options'))
            el('span', 'sy-cap sy-ell sy-grow', _('set by the profile or the pipeline'))
        set_props(fold, open=self._is_unfolded or None)
        fold.on('toggle', lambda event: self._folded(is_open=bool(event.args)), js_handler='(e) => emit(e.target.open)')
        self._details = fold
        return fold

    def _folded(self, *, is_open: bool) -> None:
        self._is_unfolded = is_open


class RunFormDialog:
    """Asks for the parameters of a run and starts it; one opening starts at most one run.

    :param infos: the pipelines that can run, by name; at least one
    """

    def __init__(
        self,
        room: ControlRoom,
        infos: Mapping[str, PipelineInfo],
        *,
        pipeline: str,
        profile: str | None,
        values: Mapping[str, Any],
    ) -> None:
        self._room = room
        self.infos = infos
        self._is_sending = False
        self._key = uuid.uuid4().hex
        self._pipeline = pipeline if pipeline in infos else next(iter(infos))
        profiles = {item.id: item.label for item in room.profiles.all()}
        self._profile = profile if profile in profiles else next(iter(profiles), '')
        with Dialog() as self._dialog:
            self._draw(profiles, values)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, profiles: Mapping[str, str], values: Mapping[str, Any]) -> None:
        box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=_('New run'))
        set_props(box, data_draft='new-run')
        focus_first_field(self._dialog, box)
        # Only the browser knows whether a file is still being sent.
        pressed = f'() => emit(Boolean(getHtmlElement({box.id}).querySelector(".upload-zone.is-sending")))'
        with box:
            with el('div', 'form-head'):
                self._dot = el('i', 'sy-pdot')
                el('h2', text=_('New run'))
                self._about = el('span', 'sy-cap sy-ell sy-grow')
                close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
                close.on('click', self._dialog.close)
            with el('div', 'form-scroll'):
                with el('div', 'form-two'):
                    titles = {name: info.title for name, info in self.infos.items()}
                    _pick(_('Pipeline'), titles, self._pipeline, self._switch_pipeline)
                    _pick(_('Profile'), profiles, self._profile, self._switch_profile)
                self._broken = el('p', 'hint', hidden=True)
                self._place = el('div')
            with el('div', 'form-foot'):
                title = _('The parameters of the last run of this pipeline that succeeded')
                last = button(_('Use the last values'), icon_name='retry', kind='ghost', title=title)
                last.on('click', self._take_last)
                self._problem = el('span', 'sy-error sy-grow', role='alert')
                leave_button(self._dialog)
                self._run_button = button(_('Run'), icon_name='play', kind='primary')
                with self._run_button:
                    el('span', 'sy-kbd', _('Ctrl Enter'))
                self._run_button.on('click', self._run_pressed, js_handler=pressed)
        self._show(values)

    def _switch_pipeline(self, name: str) -> None:
        self._pipeline = name
        self._show({})

    def _switch_profile(self, id: str) -> None:
        self._profile = id
        self._form.switch_profile(id or None)

    def _show(self, values: Mapping[str, Any]) -> None:
        info = self.infos[self._pipeline]
        self._dot.classes(replace=f'sy-pdot {color_class(info)}')
        self._about.set_text(without_backticks(info.description.split('\n')[0]))
        self._problem.set_text('')
        set_props(self._broken, hidden=info.error is None)
        if info.error is not None:
            self._broken.set_text(_('The file of this pipeline has an error. Its last working version runs instead.'))
        self._place.clear()
        with self._place:
            self._form = RunForm(self._room, info, values, self._profile or None, folds=True)

    async def _take_last(self) -> None:
        runs = await attempt(self._room.runs.page(state='succeeded', pipeline=self._pipeline, limit=1))
        if runs:
            self._form.take(runs[0].parameters, self._profile or None)
            self._problem.set_text('')
        elif runs is not None:
            self._problem.set_text(_('No run of this pipeline has succeeded yet.'))

    async def _run_pressed(self, event: GenericEventArguments) -> None:
        if event.args is True:
            self._problem.set_text(_('A file is still uploading. Wait until it has arrived.'))
        elif not self._is_sending:  # the key makes a second press the same run, this spares asking twice
            self._is_sending = True
            set_props(self._run_button, disabled=True)
            self._problem.set_text('')
            try:
                await self._run()
            finally:
                self._is_sending = False
                if not self._run_button.is_deleted:
                    set_props(self._run_button, disabled=None)

    async def _run(self) -> None:
        run = await start_with_form(self._room, self._form, self._profile, self._key, self._problem)
        if run is not None:
            self._dialog.close()
            ui.navigate.to(f'/runs/{run.number}')


async def start_with_form(
    room: ControlRoom, form: RunForm, profile: str, key: str, problem: TextElement
) -> RunRecord | None:
    """Start a run with what was typed into a form, and offer its choice next time; None if it can't start.

    :param key: of this press: a second one with the same key is the same run
    :param problem: says what to do about it, with each error under its field
    """
    name = form.info.name
    try:
        run = await room.runs.create(name, form.values(), profile=profile or None, because=BECAUSE, idempotency_key=key)
    except Invalid as error:
        problem.set_text(problem_of(error, form.show_errors(error.fields)))
        focus_wrong(problem)
    except SynapseError as error:
        problem.set_text(f'{error.message} {error.hint}'.strip())
    else:
        await room.remember_choice(name, profile)
        return run
    return None


def open_run_form_of(room: ControlRoom, run: RunRecord) -> None:
    """Open the form with the values of a run."""
    open_run_form(room, pipeline=run.pipeline, profile=run.profile, values=run.parameters)


def problem_of(error: Invalid, rest: list[str]) -> str:
    """Return what the foot of a form says: the errors without a field, then how many fields have one."""
    count = len(error.fields) - len(rest)
    marked = _n('Fix the field marked above.', 'Fix the {count} fields marked above.', count) if count else ''
    return ' '.join([*rest, marked]).strip() or error.message


def _pick(title: str, options: Mapping[str, str], chosen: str, changed: Callable[[str], None]) -> None:
    with el('div', 'sy-field'):
        el('span', 'sy-label', title)
        Picker(options, chosen, label=title, changed=changed)


def open_run_form(
    room: ControlRoom, *, pipeline: str = '', profile: str | None = None, values: Mapping[str, Any] | None = None
) -> None:
    """Ask for the parameters of a run and start it.

    :param pipeline: selected at first, if it can run; without one, that which the dashboard offers
    :param profile: selected at first, if it exists
    """
    infos = {info.name: info for info in room.catalog.all() if info.is_runnable}
    if not pipeline:
        offered = pipeline_to_offer(room.catalog.all(), room.chosen[0])
        pipeline, profile = offered.name if offered else '', profile or room.chosen[1]
    if infos:
        RunFormDialog(room, infos, pipeline=pipeline, profile=profile, values=values or {})
    else:
        say(_('No pipeline can run. The Pipelines page says why.'), kind='warning')
