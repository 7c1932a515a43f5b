"""A form made from the schema of a pipeline: its fields, their help, and errors where they belong."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from synapse.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.records import RunRecord

from .dialogs import say
from .html import button, el


class Field:
    """One parameter: a control, its help, its error. `value()` gives what it holds as a JSON value."""

    def __init__(self, name: str, schema: Mapping[str, Any], root: Mapping[str, Any], *, is_required: bool) -> None:
        self.name = name
        self.schema, self.is_nullable = _plain(schema, root)
        self.is_required = is_required
        self.text = ''
        with el('div', 'sy-field'):
            with el('label', for_=f'field-{name}', classes='sy-label'):
                el('span', text=str(schema.get('title', name)))
                el('span', 'ty', self._kind_words())
            self.control = self._control()
            self.control.props['id'] = f'field-{name}'
            if help_text := schema.get('description'):
                el('span', 'help', str(help_text))
            self.error = el('span', 'sy-error', role='alert')
        default = schema.get('default')
        self.show(default)

    def _kind_words(self) -> str:
        kind = 'path' if self.schema.get('format') == 'path' else str(self.schema.get('type', ''))
        limits = [
            f'{word} {self.schema[key]}' for key, word in (('minimum', 'from'), ('maximum', 'to')) if key in self.schema
        ]
        return ' '.join([*(['required'] if self.is_required else []), kind, *limits])

    def _control(self) -> ui.element:
        options = self._options()
        if options is not None:
            with el('select', 'sy-control') as select:
                for option in options:
                    el('option', text=_words(option), value=json.dumps(option))
            select.on('change', self._changed, js_handler='(e) => emit(e.target.value)')
            return select
        if self.schema.get('type') in ('array', 'object') or self.schema.get('x-multiline'):
            area = el('textarea', 'sy-control', rows='3', spellcheck='false')
            if self.schema.get('type') == 'array':
                area.props['placeholder'] = 'one a line'
            elif self.schema.get('type') == 'object':
                area.props['placeholder'] = 'NAME=value, one a line'
            area.on('input', self._changed, js_handler='(e) => emit(e.target.value)')
            return area
        entry = el('input', 'sy-control', type_='text', autocomplete='off')
        if self.schema.get('type') in ('integer', 'number'):
            entry.props['inputmode'] = 'decimal'
        if self.schema.get('format') == 'path':
            entry.props['placeholder'] = '/path/to/it'
            entry.classes('sy-mono')
        entry.on('input', self._changed, js_handler='(e) => emit(e.target.value)')
        return entry

    def _options(self) -> list[Any] | None:
        if self.schema.get('type') == 'boolean':
            return [True, False]
        options = self.schema.get('enum')
        return list(options) if options is not None else None

    def _changed(self, event: Any) -> None:
        self.text = str(event.args)
        self.error.set_text('')

    def show(self, value: Any) -> None:
        """Put a JSON value into the control."""
        kind = self.schema.get('type')
        options = self._options()
        if options is not None:
            self.text = json.dumps(value if value is not None else options[0])
        elif value is None:
            self.text = ''
        elif kind == 'array':
            self.text = '\n'.join(item if isinstance(item, str) else json.dumps(item) for item in value)
        elif kind == 'object':
            self.text = '\n'.join(f'{key}={item}' for key, item in value.items())
        else:
            self.text = str(value)
        self.control.props['value'] = self.text
        self.control.update()

    def value(self) -> Any:
        """What the control holds; text that is no number is left for the validation to name."""
        kind = self.schema.get('type')
        if self._options() is not None:
            return json.loads(self.text)
        if kind == 'array':
            item_type = self.schema.get('items', {}).get('type', 'string')
            lines = [line for line in self.text.splitlines() if line.strip()]
            return [line if item_type == 'string' else _number(line) for line in lines]
        if kind == 'object':
            pairs = (line.partition('=') for line in self.text.splitlines() if line.strip())
            return {key.strip(): value for key, _, value in pairs}
        if self.is_nullable and not self.text.strip():
            return None
        return _number(self.text) if kind in ('integer', 'number') else self.text

    @property
    def is_untouched(self) -> bool:
        """Nothing was entered where nothing was proposed: the default of the pipeline applies."""
        return not self.text.strip() and 'default' in self.schema or (not self.text.strip() and self.is_required)


class RunForm:
    """The fields of one pipeline, inside whatever is open."""

    def __init__(self, info: PipelineInfo, values: Mapping[str, Any]) -> None:
        required = info.schema.get('required', [])
        with el('div', 'sy-form'):
            self.fields = [
                Field(name, schema, info.schema, is_required=name in required)
                for name, schema in info.schema.get('properties', {}).items()
            ]
        for field in self.fields:
            if field.name in values:
                field.show(values[field.name])

    def values(self) -> dict[str, Any]:
        return {field.name: field.value() for field in self.fields if not field.is_untouched}

    def show_errors(self, errors: Mapping[str, str]) -> None:
        for field in self.fields:
            field.error.set_text(errors.get(field.name, ''))


def open_run_form(
    room: ControlRoom, *, pipeline: str = '', profile: str | None = None, values: Mapping[str, Any] | None = None
) -> None:
    """Ask for the parameters of a run and start it."""
    RunFormDialog(room, pipeline, profile, values or {})


class RunFormDialog:
    def __init__(self, room: ControlRoom, pipeline: str, profile: str | None, values: Mapping[str, Any]) -> None:
        self.room = room
        self.key = uuid.uuid4().hex
        self.is_sending = False
        self.infos = {info.name: info for info in room.catalog.list() if info.is_runnable}
        if not self.infos:
            say('There is no pipeline that can run. Look at the Pipelines page.', kind='warning')
            return
        self.name = pipeline if pipeline in self.infos else next(iter(self.infos))
        self.profile = profile or next((item.id for item in room.profiles.list()), '')
        with ui.dialog() as self.dialog, el('section', 'sy-dialog is-wide', aria_label='New run') as self.section:
            el('h2', text='New run')
            with el('div', 'two'):
                choose(self.name, {name: info.title for name, info in self.infos.items()}, 'Pipeline', self._switch)
                profiles = {item.id: item.label for item in room.profiles.list()}
                choose(self.profile, profiles, 'Profile', self._set_profile)
            self.about = el('p', 'sy-2')
            self.body = el('div')
            self.problem = el('span', 'sy-error', role='alert')
            with el('div', 'sy-dialog-buttons'):
                button('Cancel').on('click', self.dialog.close)
                self.run_button = button('Run', icon_name='play', kind='primary', title='Ctrl Enter')
                self.run_button.on('click', self._run)
        self.section.on('keydown.ctrl.enter', self._run)
        self.dialog.on('hide', self.dialog.delete)
        self._fill(values)
        self.dialog.open()

    def _switch(self, name: str) -> None:
        self.name = name
        self._fill({})

    def _set_profile(self, profile: str) -> None:
        self.profile = profile

    def _fill(self, values: Mapping[str, Any]) -> None:
        info = self.infos[self.name]
        self.about.set_text(info.description)
        self.body.clear()
        with self.body:
            self.form = RunForm(info, values)

    async def _run(self) -> None:
        # The key makes a second press, or a second Enter, the same run.
        if self.is_sending:
            return
        self.is_sending = True
        self.form.show_errors({})
        self.problem.set_text('')
        try:
            run = await self.room.runs.create(
                self.name,
                self.form.values(),
                profile=self.profile or None,
                because='the run form',
                idempotency_key=self.key,
            )
        except Invalid as error:
            self.form.show_errors(error.fields)
            shown = {field.name for field in self.form.fields}
            rest = [text for name, text in error.fields.items() if name not in shown]
            self.problem.set_text(' '.join(rest) or ('' if error.fields else error.message))
        except SynapseError as error:
            self.problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self.dialog.close()
            _go_to(run)
        finally:
            self.is_sending = False


def choose(value: str, options: Mapping[str, str], label: str, changed: Callable[[str], Any]) -> ui.element:
    """A select of the browser, in the design's box."""
    with el('select', 'sy-control', aria_label=label) as select:
        for key, words in options.items():
            el('option', text=words, value=key)
    select.props['value'] = value
    select.on('change', lambda event: changed(str(event.args)), js_handler='(e) => emit(e.target.value)')
    return select


def _go_to(run: RunRecord) -> None:
    ui.navigate.to(f'/runs/{run.number}')


def _plain(schema: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The schema with references followed, and whether it may be null."""
    merged = dict(schema)
    is_nullable = False
    if choices := merged.pop('anyOf', None):
        is_nullable = any(choice.get('type') == 'null' for choice in choices)
        merged |= next((choice for choice in choices if choice.get('type') != 'null'), {})
    if reference := merged.pop('$ref', None):
        merged = root.get('$defs', {}).get(str(reference).rsplit('/', 1)[-1], {}) | merged
    if 'const' in merged:
        merged['enum'] = [merged['const']]
    return merged, is_nullable


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _words(option: Any) -> str:
    return {True: 'yes', False: 'no'}.get(option, str(option)) if isinstance(option, bool) else str(option)
