"""What a dropped file or a click starts: the selected pipeline with the selected profile."""

from collections.abc import Callable, Mapping
from typing import Any

from pages.parts.cards import Card, set_props
from pages.parts.controls import Picker
from pages.parts.dialogs import attempt, say
from pages.parts.html import button, el, opens
from pages.parts.scope import Scope
from pages.parts.upload import UploadZone
from pages.parts.words import pipeline_color
from synapse.catalog.catalog import PipelineInfo, PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.inbox.inbox import PREFIX
from synapse.language import _
from synapse.profiles import Profile, ProfileChanged
from synapse.runs import causes
from synapse.runs.records import RunRecord

from .run_form import open_run_form
from .takers import file_parameter, pipeline_to_offer, suffixes_taken, taker_of

BECAUSE = causes.FILE_DROP


def needs_only(info: PipelineInfo, parameter: str | None, defaults: Mapping[str, Any]) -> bool:
    """Whether a run needs nothing but this parameter and the defaults of the profile."""
    return all(name == parameter or name in defaults for name in info.schema.get('required', ()))


def starts_with_a_file(info: PipelineInfo, defaults: Mapping[str, Any]) -> bool:
    """Whether a run needs nothing but a file and the defaults of the profile."""
    parameter = file_parameter(info)
    return parameter is not None and needs_only(info, parameter, defaults)


async def start_with_file(
    room: ControlRoom, item: Mapping[str, Any], *, pipeline: str, profile: Profile | None, asks: bool = False
) -> RunRecord | None:
    """Start a run with a file of the inbox and return it, or open the form if a run needs more.

    :param item: as `/api/v1/uploads` returns it
    :param pipeline: gets the file if it takes such files, else another that does
    :param asks: open the form in any case
    """
    name = str(item['name'])
    info = taker_of(name, room.catalog, pipeline)
    parameter = file_parameter(info) if info is not None else None
    if info is None or parameter is None:
        say(_('No pipeline accepts {file}. The file is kept in the inbox.', file=name), kind='warning')
        return None
    values, id = {parameter: f'{PREFIX}{item["id"]}'}, profile.id if profile else None
    if starts_with_a_file(info, profile.defaults if profile else {}) and not asks:
        return await attempt(room.runs.create(info.name, values, profile=id, because=BECAUSE))
    open_run_form(room, pipeline=info.name, profile=id, values=values)
    return None


class Choice(Scope):
    """The selected pipeline and profile, at first those that a person chose last; follows changes of both lists.

    :param changed: called when another pipeline or profile is selected, or one of them has changed
    """

    def __init__(self, room: ControlRoom, changed: Callable[[], None]) -> None:
        super().__init__()
        self.classes('two')
        self._room = room
        self._changed = changed
        self.info: PipelineInfo | None = None
        self.profile: Profile | None = None
        self._settle(*room.chosen)
        with self:
            self._pipelines = Picker({}, '', label=_('Pipeline'), changed=self._select_pipeline, classes='has-dot')
            with self._pipelines:
                self._dot = el('i')
            self._dot.move(target_index=0)
            self._profiles = Picker({}, '', label=_('Profile'), changed=self._select_profile)
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

    async def _select_pipeline(self, name: str) -> None:
        self._settle(name, self.profile_id or '')
        self._show_color()
        self._changed()
        await self._room.remember_choice(self.pipeline, self.profile_id or '')

    async def _select_profile(self, id: str) -> None:
        self._settle(self.pipeline, id)
        self._changed()
        await self._room.remember_choice(self.pipeline, self.profile_id or '')

    # What it starts

    @property
    def takes_a_file(self) -> bool:
        return self.info is not None and file_parameter(self.info) is not None

    def describe(self, zone: UploadZone) -> None:
        """Let a zone ask for files for this pipeline, or hide it if the pipeline takes none.

        Files for other pipelines are taken too, even by a hidden zone: see `start`.
        """
        set_props(zone, hidden=not self.takes_a_file)
        if self.info is not None and self.profile is not None:
            is_enough = starts_with_a_file(self.info, self.profile.defaults)
            suffixes = suffixes_taken(self._room.catalog) or ()
            zone.ask_for(self.info, profile=self.profile.label, starts=is_enough, suffixes=suffixes)

    async def start(self, item: Mapping[str, Any]) -> None:
        """Start a run with this file of the inbox, or open the form if a run needs more.

        The selected pipeline gets it if it takes such files, else another that does.

        :param item: as `/api/v1/uploads` returns it
        """
        await start_with_file(self._room, item, pipeline=self.pipeline, profile=self.profile)

    def ask(self) -> None:
        open_run_form(self._room, pipeline=self.pipeline, profile=self.profile_id)


class StartCard(Card):
    """Pipeline, profile and the drop zone."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__(_('Start a run'), 'start')
        with self.head:
            options = button(_('Options'), kind='ghost', small=True)
        with self, el('div', 'startbody'):
            self._choice = Choice(room, self._show)
            self._zone = UploadZone(room.settings.max_upload_bytes, self._choice.start)
            with el('div', 'sy-empty') as self._without:
                el('p', 'sy-cap', _("This pipeline doesn't take a file."))
                run = button(_('Fill in and run'), icon_name='play', small=True)
        opens(options, lambda: self._choice.ask())
        opens(run, lambda: self._choice.ask())
        self._show()

    def _show(self) -> None:
        self._choice.describe(self._zone)
        self._without.set_visibility(not self._choice.takes_a_file)
