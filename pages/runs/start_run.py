"""What a dropped file or a click starts: the selected pipeline with the selected profile."""

from collections.abc import Callable, Mapping, Sequence
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
from synapse.inbox.inbox import PREFIX
from synapse.pipelines.describe import is_path
from synapse.profiles import Profile, ProfileChanged
from synapse.runs.records import RunRecord

from .run_form import open_run_form


def file_parameter(info: PipelineInfo) -> str | None:
    """Return the parameter that a dropped file fills: the first path with suffixes, else the first required path.

    A built-in pipeline without suffixes, such as the backup of a folder, doesn't take a single file.
    """
    paths = {name: field for name, field in info.schema.get('properties', {}).items() if is_path(field)}
    marked = [name for name, field in paths.items() if field.get('x-accepts')]
    required = [] if info.is_built_in else [name for name in paths if name in info.schema.get('required', ())]
    return next(iter([*marked, *required]), None)


def needs_only(info: PipelineInfo, parameter: str | None, defaults: Mapping[str, Any]) -> bool:
    """Whether a run needs nothing but this parameter and the defaults of the profile."""
    return all(name == parameter or name in defaults for name in info.schema.get('required', ()))


def starts_with_a_file(info: PipelineInfo, defaults: Mapping[str, Any]) -> bool:
    """Whether a run needs nothing but a file and the defaults of the profile."""
    parameter = file_parameter(info)
    return parameter is not None and needs_only(info, parameter, defaults)


def pipeline_to_offer(infos: Sequence[PipelineInfo], wanted: str) -> PipelineInfo | None:
    """Return the wanted pipeline if it can run, else the first that takes files, else the first that can run."""
    runnable = (info for info in infos if info.is_runnable)
    return min(runnable, key=lambda info: (info.name != wanted, not info.accepts), default=None)


class Choice(Scope):
    """The selected pipeline and profile, at first those of the last run; follows changes of both lists.

    :param changed: called when another pipeline or profile is selected, or one of them has changed
    """

    def __init__(self, room: ControlRoom, last: RunRecord | None, changed: Callable[[], None]) -> None:
        super().__init__()
        self.classes('two')
        self._room = room
        self._changed = changed
        self.info: PipelineInfo | None = None
        self.profile: Profile | None = None
        self._settle(last.pipeline if last else '', (last.profile if last else None) or '')
        with self:
            self._pipelines = Picker({}, '', label='Pipeline', changed=self._select_pipeline, classes='has-dot')
            with self._pipelines:
                self._dot = el('i')
            self._dot.move(target_index=0)
            self._profiles = Picker({}, '', label='Profile', changed=self._select_profile)
        self._show()
        self.follow(room.bus, PipelinesChanged, lambda _: self._select())
        self.follow(room.bus, ProfileChanged, lambda _: self._select())

    @property
    def pipeline(self) -> str:
        """The name of the pipeline; empty if none can run."""
        return self.info.name if self.info else ''

    @property
    def profile_id(self) -> str | None:
        return self.profile.id if self.profile else None

    def _settle(self, pipeline: str, profile: str) -> None:
        profiles = self._room.profiles.all()
        self.info = pipeline_to_offer(self._room.catalog.all(), pipeline)
        self.profile = min(profiles, key=lambda item: item.id != profile, default=None)

    def _show(self) -> None:
        titles = {info.name: info.title for info in self._room.catalog.all() if info.is_runnable}
        self._pipelines.offer(titles, self.pipeline)
        self._profiles.offer({item.id: item.label for item in self._room.profiles.all()}, self.profile_id or '')
        self._show_color()

    def _show_color(self) -> None:
        self._dot.classes(replace=f'sy-pdot {pipeline_color(self._room, self.pipeline)}')

    def _select(self) -> None:
        self._settle(self.pipeline, self.profile_id or '')
        self._show()
        self._changed()

    def _select_pipeline(self, name: str) -> None:
        self._settle(name, self.profile_id or '')
        self._show_color()
        self._changed()

    def _select_profile(self, id: str) -> None:
        self._settle(self.pipeline, id)
        self._changed()

    # What it starts

    @property
    def takes_a_file(self) -> bool:
        return self.info is not None and file_parameter(self.info) is not None

    def describe(self, zone: UploadZone) -> None:
        """Let a zone take files for this pipeline, or hide it if the pipeline takes none."""
        zone.set_visibility(self.takes_a_file)
        if self.info is not None and self.takes_a_file and self.profile is not None:
            is_enough = starts_with_a_file(self.info, self.profile.defaults)
            zone.ask_for(self.info, profile=self.profile.label, starts=is_enough)

    async def start(self, item: Mapping[str, Any]) -> None:
        """Start a run with this file of the inbox, or open the form if a run needs more.

        :param item: as `/api/v1/uploads` returns it
        """
        if self.info is None:
            return
        parameter = file_parameter(self.info)
        values = {parameter: f'{PREFIX}{item["id"]}'} if parameter else {}
        if starts_with_a_file(self.info, self.profile.defaults if self.profile else {}):
            create = self._room.runs.create
            await attempt(create(self.pipeline, values, profile=self.profile_id, because='file drop'))
        else:
            self.ask(values)

    def ask(self, values: Mapping[str, Any] | None = None) -> None:
        open_run_form(self._room, pipeline=self.pipeline, profile=self.profile_id, values=values)


class StartCard(Card):
    """Pipeline, profile and the drop zone."""

    def __init__(self, room: ControlRoom, last: RunRecord | None) -> None:
        super().__init__('Start a run', 'start')
        with self.head:
            options = button('Options', kind='ghost', small=True)
        with self, el('div', 'startbody'):
            self._choice = Choice(room, last, self._show)
            self._zone = UploadZone(room.settings.max_upload_bytes, self._choice.start)
            with el('div', 'sy-empty') as self._without:
                el('p', 'sy-cap', "This pipeline doesn't take a file.")
                run = button('Fill in and run', icon_name='play', small=True)
        opens(options, lambda: self._choice.ask())
        opens(run, lambda: self._choice.ask())
        self._show()

    def _show(self) -> None:
        self._choice.describe(self._zone)
        self._without.set_visibility(not self._choice.takes_a_file)
