"""The parameters of a planned run: the form of its pipeline, and those that the pipeline no longer has."""

from collections.abc import Callable, Mapping
from typing import Any

from pages.parts.fields import Unreadable
from pages.parts.html import button, el
from pages.profiles.form import shown
from pages.runs.run_form import RunForm
from synapse.catalog.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.language import _

from .file import event_field_for


class EventParameters:
    """Drawn into the current slot. Untouched parameters are not saved, so that their defaults may still change.

    :param changed: called after each change by the person
    """

    def __init__(self, room: ControlRoom, changed: Callable[[], None]) -> None:
        self._room = room
        self._changed = changed
        self._base: dict[str, Any] = {}
        self._stale: dict[str, Any] = {}
        self._form: RunForm | None = None
        self._slot = el('div', 'ev-parameters')

    def take(self, info: PipelineInfo | None, parameters: Mapping[str, Any], profile: str | None) -> None:
        """Show these parameters; without a pipeline they are only listed."""
        self._base = dict(parameters)
        known = set(info.schema.get('properties', {})) if info is not None else set[str]()
        self._form = None
        self._stale = {}
        self._slot.clear()
        with self._slot:
            if info is not None:
                values = {name: value for name, value in parameters.items() if name in known}
                self._form = RunForm(
                    self._room, info, values, profile, make=event_field_for, changed=self._changed, folds=True
                )
            for name in parameters.keys() - known:
                self._stale[name] = self._draw_stale(name, parameters[name])

    def switch_profile(self, profile: str | None) -> None:
        """Show the defaults of another profile in untouched fields."""
        if self._form is not None:
            self._form.switch_profile(profile)

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the parameters, and a sentence for each that cannot be read, by `parameters.NAME`."""
        values = dict(self._base)
        problems = {}
        for name, field in self._form.fields.items() if self._form is not None else ():
            if not field.is_touched:
                continue
            try:
                values[name] = field.value()
            except Unreadable as error:
                problems[f'parameters.{name}'] = str(error)
            except KeyError:
                values.pop(name, None)
        return values, problems

    def show_errors(self, problems: Mapping[str, str], *, is_all: bool) -> dict[str, str]:
        """Show the problems of `parameters` next to their fields; return those that are shown.

        :param is_all: also next to fields that were not touched yet
        """
        mine = {name.removeprefix('parameters.'): text for name, text in problems.items() if name.startswith('param')}
        fields = self._form.fields if self._form is not None else {}
        visible = {
            place: text
            for place, text in mine.items()
            if is_all or (field := fields.get(place.partition('.')[0])) is None or field.is_touched
        }
        if self._form is not None:
            self._form.show_errors(visible)
        for name, line in self._stale.items():
            line.set_text(mine.get(name, ''))
        return {f'parameters.{place}': text for place, text in visible.items()}

    def _draw_stale(self, name: str, value: Any) -> Any:
        """Draw one that makes every run fail and can only be removed."""
        with el('div', 'ev-stale') as row:
            with el('div', 'sy-grow'):
                with el('span', 'sy-ell'):
                    el('b', text=name)
                    el('span', 'sy-mono sy-2', f' = {shown(value)[:120]}')
                line = el('span', 'sy-error', role='alert')
            remove = button(_('Remove'), small=True, aria_label=_('Remove {name}', name=name))
        remove.on('click', lambda: self._remove(name, row))
        return line

    def _remove(self, name: str, row: Any) -> None:
        del self._base[name]
        del self._stale[name]
        row.delete()
        self._changed()
