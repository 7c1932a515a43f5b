"""What a file or a click starts: the chosen pipeline as the chosen profile, and how a run of it begins."""

from collections.abc import Callable, Mapping
from typing import Any

from pages.parts.cards import Card
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from pages.parts.upload import UploadZone
from pages.parts.words import pipeline_color
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.profiles import ProfileChanged
from synapse.runs.records import RunRecord

from .run_form import open_run_form

NONE = ''


def file_parameter(info: PipelineInfo) -> str | None:
    """The parameter that a dropped file goes into: the path with suffixes, else the first that must be given.

    What is built in and names no suffixes, such as the backup of a folder, takes no single file.
    """
    paths = {name: field for name, field in info.schema.get('properties', {}).items() if _is_path(field)}
    marked = [name for name, field in paths.items() if field.get('x-accepts')]
    needed = [] if info.is_built_in else [name for name in paths if name in info.schema.get('required', ())]
    return next(iter([*marked, *needed]), None)


def needs_only(info: PipelineInfo, parameter: str | None, defaults: Mapping[str, Any]) -> bool:
    """Whether this parameter and the defaults of the profile are all that a run needs."""
    return all(name == parameter or name in defaults for name in info.schema.get('required', ()))


def _is_path(field: Mapping[str, Any]) -> bool:
    return any(option.get('format') in ('path', 'file-path') for option in (field, *field.get('anyOf', ())))


def _nothing() -> None:
    """Nobody wants to know yet."""


class Choice(Scope):
    """Which pipeline as whom; last time's to begin with. Follows pipelines and profiles as they come and go."""

    def __init__(self, room: ControlRoom, last: RunRecord | None) -> None:
        super().__init__()
        self.classes('two')
        self.room = room
        self.changed: Callable[[], None] = lambda: None
        self.pipeline = last.pipeline if last else NONE
        self.profile = (last.profile if last else None) or NONE
        self._settle()
        with self:
            self._pipelines = Picker(
                self._titles(), self.pipeline, label='Pipeline', changed=self._pick_pipeline, classes='has-dot'
            )
            with self._pipelines:
                self._dot = el('i', 'sy-pdot')
            self._dot.move(target_index=0)
            self._profiles = Picker(self._labels(), self.profile, label='Profile', changed=self._pick_profile)
        self._paint()
        self.follow(room.bus, PipelinesChanged, lambda _: self._offer())
        self.follow(room.bus, ProfileChanged, lambda _: self._offer())

    @property
    def info(self) -> PipelineInfo | None:
        return next((info for info in self.room.catalog.all() if info.name == self.pipeline), None)

    def _titles(self) -> dict[str, str]:
        return {info.name: info.title for info in self.room.catalog.all() if info.is_runnable}

    def _labels(self) -> dict[str, str]:
        return {profile.id: profile.label for profile in self.room.profiles.all()}

    def _settle(self) -> None:
        """Fall back to what there is, where the choice is gone."""
        titles, labels = self._titles(), self._labels()
        with_files = [info.name for info in self.room.catalog.all() if info.is_runnable and info.accepts]
        if self.pipeline not in titles:
            self.pipeline = next(iter([*with_files, *titles]), NONE)
        if self.profile not in labels:
            self.profile = next(iter(labels), NONE)

    def _offer(self) -> None:
        self._settle()
        self._pipelines.offer(self._titles(), self.pipeline)
        self._profiles.offer(self._labels(), self.profile)
        self._paint()
        self.changed()

    def _pick_pipeline(self, name: str) -> None:
        self.pipeline = name
        self._paint()
        self.changed()

    def _pick_profile(self, profile: str) -> None:
        self.profile = profile
        self.changed()

    def _paint(self) -> None:
        self._dot.classes(replace=f'sy-pdot {pipeline_color(self.room, self.pipeline)}')

    # Starting

    def defaults(self) -> Mapping[str, Any]:
        return next((item.defaults for item in self.room.profiles.all() if item.id == self.profile), {})

    def label(self) -> str:
        return self._labels().get(self.profile, '')

    def starts_with_a_file(self) -> bool:
        info = self.info
        parameter = file_parameter(info) if info else None
        return info is not None and parameter is not None and needs_only(info, parameter, self.defaults())

    async def start(self, item: Mapping[str, Any], because: str = 'file drop') -> None:
        """Run it with this file of the inbox, or open the form where more is needed."""
        info = self.info
        if info is None:
            return
        parameter = file_parameter(info)
        values = {parameter: f'inbox:{item["id"]}'} if parameter else {}
        if self.starts_with_a_file():
            await attempt(
                self.room.runs.create(info.name, values, profile=self.profile or None, because=because),
            )
        else:
            self.ask(values)

    def ask(self, values: Mapping[str, Any] | None = None) -> None:
        open_run_form(self.room, pipeline=self.pipeline, profile=self.profile or None, values=values or {})


class StartCard(Card):
    """Pipeline, profile and the drop zone."""

    def __init__(self, room: ControlRoom, last: RunRecord | None) -> None:
        super().__init__('Start a run', 'start')
        with self.head:
            options = button('Options', kind='ghost', small=True)
        with self, el('div', 'startbody'):
            self._choice = Choice(room, last)
            self._zone = UploadZone(room.settings.max_upload_bytes, self._choice.start)
            with el('div', 'sy-empty') as self._without:
                el('p', 'sy-cap', 'This pipeline takes no file.')
                run = button('Fill in and run', icon_name='play', small=True)
        opens(options, lambda: self._choice.ask())
        opens(run, lambda: self._choice.ask())
        self._choice.changed = self._show
        self._show()

    def _show(self) -> None:
        info = self._choice.info
        takes_a_file = info is not None and file_parameter(info) is not None
        self._zone.set_visibility(takes_a_file)
        self._without.set_visibility(not takes_a_file)
        if info is not None and takes_a_file:
            self._zone.ask_for(info, profile=self._choice.label(), starts=self._choice.starts_with_a_file())
