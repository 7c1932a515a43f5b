"""The dialog that watches a folder, or changes how one is watched."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nicegui import background_tasks

from pages.parts.cards import set_props
from pages.parts.controls import CHECKED, Picker
from pages.parts.dialogs import Dialog, focus_first_field, focus_wrong, leave_button, say
from pages.parts.fields import NumberField, TextField, Unreadable, sorted_errors
from pages.parts.html import button, el
from pages.parts.scope import Scope
from pages.runs.run_form import RunForm, problem_of
from synapse.catalog.info import PipelineInfo, file_parameter
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.inbox.arriving import is_temporary_name
from synapse.inbox.names import is_accepted
from synapse.inbox.newest import matches
from synapse.language import _, _n
from synapse.language.formats import number
from synapse.pasted_paths import understood
from synapse.watches.records import SETTLE_SECONDS, Watch

AFTER_SECONDS = 0.2
MOST_COUNTED = 1_000
NO_PROFILE = ''


class WatchDialog:
    """Opens at once.

    :param watch: the one to change; None watches another folder
    """

    def __init__(self, room: ControlRoom, watch: Watch | None) -> None:
        self._room, self._watch = room, watch
        self._infos = {info.name: info for info in room.catalog.all() if info.is_runnable and file_parameter(info)}
        if watch is None and not self._infos:
            say(_('No pipeline takes a file. The Pipelines page says why.'), kind='warning')
            return
        chosen = watch.pipeline if watch is not None else room.chosen[0]
        self._pipeline = chosen if chosen in self._infos else next(iter(self._infos), '')
        profiles = [profile.id for profile in room.profiles.all()]
        wanted = (watch.profile or NO_PROFILE) if watch is not None else room.chosen[1]
        self._profile = wanted if wanted in [*profiles, NO_PROFILE] and (watch or wanted) else profiles[0]
        self._takes_existing = False
        self._is_saving = False
        self._looked = 0
        title = _('Change a watch folder') if watch is not None else _('Watch a folder')
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            with box:
                self._draw(title)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, title: str) -> None:
        watch = self._watch
        with el('div', 'form-head'):
            el('h2', 'sy-grow', title)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)
        with Scope().classes('form-scroll') as scope:
            self._look_soon = scope.at_most_every(AFTER_SECONDS, self._look)
            self._folder = _text_field('folder', _('Folder'), watch.folder if watch else '', _('/path/to/the/folder'))
            self._existing = el('div')
            with el('div', 'form-two'):
                help_text = _('Several with commas between. Temporary names are never taken.')
                self._pattern = _text_field('pattern', _('Files'), watch.pattern if watch else '*', '*.mp4', help_text)
                schema = {
                    'title': _('Unchanged for'),
                    'description': _('Seconds after which a file counts as arrived.'),
                }
                seconds = watch.settle_seconds if watch else SETTLE_SECONDS
                value = int(seconds) if seconds == int(seconds) else seconds
                self._settle = NumberField(
                    'settle_seconds', schema, value, is_required=True, is_nullable=False, prefix='watch'
                )
            with el('div', 'form-two'):
                titles = {name: info.title for name, info in self._infos.items()}
                self._pipeline_problem = self._pick(_('Pipeline'), titles, self._pipeline, self._switch_pipeline)
                labels = {profile.id: profile.label for profile in self._room.profiles.all()}
                profiles = {**labels, NO_PROFILE: _('None')}
                self._profile_problem = self._pick(_('Profile'), profiles, self._profile, self._switch_profile)
            self._place = el('div')
        self._folder.changed = self._pattern.changed = self._look_soon
        with el('div', 'form-foot'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            leave_button(self._dialog)
            self._button = button(_('Save') if watch else _('Watch it'), kind='primary', title=_('Ctrl Enter'))
            self._button.on('click', self._save)
        given = watch.parameters if watch is not None and watch.pipeline == self._pipeline else {}
        self._show_form(given)

    def _pick(self, title: str, options: Mapping[str, str], chosen: str, changed: Any) -> Any:
        with el('div', 'sy-field'):
            el('span', 'sy-label', title)
            Picker(options, chosen, label=title, changed=changed)
            return el('span', 'sy-error', role='alert')

    def _switch_pipeline(self, name: str) -> None:
        self._pipeline = name
        self._show_form({})
        self._look_soon()

    def _switch_profile(self, id: str) -> None:
        self._profile = id
        if self._form is not None:
            self._form.switch_profile(id or None)

    def _show_form(self, values: Mapping[str, Any]) -> None:
        self._place.clear()
        self._form: RunForm | None = None
        info = self._infos.get(self._pipeline)
        if info is None:
            return
        rest = without_file(info)
        if rest.schema['properties']:
            with self._place:
                self._form = RunForm(self._room, rest, values, self._profile or None, folds=True)

    # What is there already

    def _look(self) -> None:
        if self._watch is None:
            background_tasks.create(self._show_existing(), name='files of a folder that may be watched')

    async def _show_existing(self) -> None:
        self._looked += 1
        mine = self._looked
        info = self._infos[self._pipeline]
        count = await asyncio.to_thread(count_files, self._folder.text, self._pattern.text, info.accepts)
        if mine != self._looked or self._existing.is_deleted:
            return
        self._existing.clear()
        self._takes_existing = False
        if count:
            with self._existing, el('label', 'sy-x sy-tick'):
                tick = el('input', type_='checkbox')
                el('span', text=_existing_words(count))
            tick.on('change', self._tick, js_handler=CHECKED)

    def _tick(self, event: Any) -> None:
        self._takes_existing = event.args is True

    # Saving

    async def _save(self) -> None:
        if self._is_saving:
            return
        self._is_saving = True
        set_props(self._button, disabled=True)
        self._show_errors({})
        try:
            values = self._values()
            watches = self._room.watches
            if self._watch is None:
                await watches.create(values, takes_existing=self._takes_existing)
            else:
                await watches.update(self._watch.id, values)
        except Unreadable as error:
            self._settle.show_error(str(error))
            focus_wrong(self._problem)
        except Invalid as error:
            self._show_errors(error.fields or {'': error.message})
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            say(
                _('{folder} is watched.', folder=values['folder']) if self._watch is None else _('Saved.'),
                kind='success',
            )
            self._dialog.close()
        finally:
            self._is_saving = False
            if not self._button.is_deleted:
                set_props(self._button, disabled=None)

    def _values(self) -> dict[str, Any]:
        return {
            'folder': self._folder.text.strip(),
            'pattern': self._pattern.text.strip() or '*',
            'pipeline': self._pipeline,
            'profile': self._profile or None,
            'settle_seconds': self._settle.value(),
            'parameters': self._form.values() if self._form is not None else {},
        }

    def _show_errors(self, errors: Mapping[str, str]) -> None:
        show = {
            'folder': self._folder.show_error,
            'pattern': self._pattern.show_error,
            'settle_seconds': self._settle.show_error,
            'pipeline': self._pipeline_problem.set_text,
            'profile': self._profile_problem.set_text,
        }
        of_form = {name.removeprefix('parameters.'): text for name, text in errors.items() if name not in show}
        by_field, _ = sorted_errors({name: text for name, text in errors.items() if name in show}, show)
        for name, text in by_field.items():
            show[name](text)
        rest = self._form.show_errors(of_form) if self._form is not None else [*of_form.values()]
        self._problem.set_text(problem_of(Invalid('', errors), rest) if errors else '')


def without_file(info: PipelineInfo) -> PipelineInfo:
    """Return a pipeline without the parameter that the found file fills."""
    name = file_parameter(info)
    properties = {key: field for key, field in info.schema.get('properties', {}).items() if key != name}
    required = [key for key in info.schema.get('required', ()) if key != name]
    return replace(info, schema={**info.schema, 'properties': properties, 'required': required})


def count_files(folder: str, pattern: str, suffixes: tuple[str, ...]) -> int:
    """Return how many files in a folder would be taken, at most `MOST_COUNTED`; reads the disk."""
    count = 0
    try:
        for path in Path(understood(folder)).iterdir() if folder.strip() else ():
            fits = matches(path.name, pattern or '*') and is_accepted(path.name, suffixes)
            count += fits and not is_temporary_name(path.name) and path.is_file() and not path.is_symlink()
            if count >= MOST_COUNTED:
                break
    except OSError:
        return 0
    return count


def _text_field(name: str, title: str, value: str, placeholder: str, help_text: str = '') -> TextField:
    schema = {'title': title, 'description': help_text}
    field = TextField(name, schema, value, is_required=True, is_nullable=False, prefix='watch')
    set_props(field._text_box, placeholder=placeholder)
    return field


def _existing_words(count: int) -> str:
    if count >= MOST_COUNTED:
        return _('More than {count} files are there already: take them too', count=number(count))
    return _n('{count} file is there already: take it too', '{count} files are there already: take them too', count)
