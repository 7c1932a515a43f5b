"""Numbers, moments and names as people read them."""

from collections.abc import Sequence
from datetime import datetime

from synapse.control_room import ControlRoom
from synapse.durations import clock
from synapse.errors import NotFound
from synapse.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from synapse.records import now_utc
from synapse.runs.records import RunRecord, StepRun
from synapse.sentences import size_of as size_of

MOST_SUFFIXES = 4
"""More kinds of files than this are summed up."""


def length_of(seconds: float | None) -> str:
    """Return a length such as `0:42` or `1:04:09`; empty for None."""
    return '' if seconds is None else clock(max(0, seconds))


def kinds_of(suffixes: Sequence[str]) -> str:
    """Return which files these are: `mp4, mov`, or `video and sound files, such as mp4, mov, mkv`, or `any file`.

    :param suffixes: in lower case, such as `.mp4`; none of them stands for all files
    """
    if not suffixes:
        return 'any file'
    if len(suffixes) <= MOST_SUFFIXES:
        return _listed(suffixes)
    kinds = {'video': VIDEO_SUFFIXES, 'sound': SOUND_SUFFIXES}
    media = [suffix for known in kinds.values() for suffix in known if suffix in suffixes]
    others = [suffix for suffix in suffixes if suffix not in media]
    words = ' and '.join(kind for kind, known in kinds.items() if set(known).intersection(suffixes))
    parts = [f'{words} files, such as {_listed(media[:3])}'] if media else []
    if others:
        parts.append(_listed(others) if len(others) <= MOST_SUFFIXES else f'files such as {_listed(others[:3])}')
    return ', and '.join(parts)


def _listed(suffixes: Sequence[str]) -> str:
    return ', '.join(suffix.lstrip('.') for suffix in suffixes)


def clock_of(room: ControlRoom, moment: datetime | None) -> str:
    """Return a time such as `14:02:11` in the zone of the calendar; empty for None."""
    return f'{room.local(moment):%H:%M:%S}' if moment else ''


def day_of(room: ControlRoom, moment: datetime) -> str:
    """Return `Today` or a day such as `9 Oct`, in the zone of the calendar."""
    local = room.local(moment)
    is_today = local.date() == room.local(now_utc()).date()
    return 'Today' if is_today else f'{local.day} {local:%b}'


def millis(moment: datetime) -> str:
    """Return milliseconds since the epoch, for the ticking clocks of the browser."""
    return str(int(moment.timestamp() * 1000))


def pipeline_title(room: ControlRoom, name: str) -> str:
    """Return the title of a pipeline, or its class name if it no longer exists."""
    return room.catalog.title_of(name)


def pipeline_color(room: ControlRoom, name: str) -> str:
    """Return the CSS class of the colour of a pipeline, `p1` to `p6`."""
    info = room.catalog.find(name)
    return 'p5' if info is None else f'p{info.color_index % 6 + 1}'


def step_title(room: ControlRoom, pipeline: str, step: str) -> str:
    """Return the title that the pipeline gives a step, or its name in capitals."""
    try:
        steps = room.catalog.get(pipeline).steps
    except NotFound:
        return step.upper()
    return next((str(item['title']) for item in steps if item['name'] == step), step.upper())


def title_of(room: ControlRoom, run: RunRecord) -> str:
    """Return what a run is about: its file, otherwise the title of its pipeline."""
    return run.subject or pipeline_title(room, run.pipeline)


def step_seconds(step: StepRun) -> float | None:
    """Return how long a step took, pauses left out; None until it has ended."""
    return step.worked_seconds(step.finished_at) if step.finished_at is not None else None


def time_so_far(run: RunRecord) -> str:
    """Return how long a run took, or until it was paused; empty while a clock has to count."""
    if run.started_at is not None and run.held_at is not None:
        return length_of((run.held_at - run.started_at).total_seconds())
    return length_of(run.took_seconds)


def filters_for(room: ControlRoom, pipeline: str, profile: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pipelines and the profiles to filter by, with their titles; an empty name is for all.

    :param pipeline: the one chosen now; a link may name one that no longer exists, while its runs do
    :param profile: the same
    """
    pipelines = {'': 'All pipelines'} | {info.name: info.title for info in room.catalog.all() if info.is_runnable}
    profiles = {'': 'All profiles'} | {item.id: item.label for item in room.profiles.all()}
    pipelines.setdefault(pipeline, pipeline)
    profiles.setdefault(profile, profile)
    return pipelines, profiles


def profile_label(room: ControlRoom, id: str | None) -> str:
    """Return the label of a profile, or its id if it no longer exists; empty for None."""
    return next((profile.label for profile in room.profiles.all() if profile.id == id), id or '')
