"""Numbers, moments and names as people read them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from synapse.catalog.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.durations import clock, spoken
from synapse.errors import NotFound
from synapse.language import _
from synapse.language.formats import moment as written
from synapse.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from synapse.offers import ONLY_HERE, needs_words
from synapse.records import now_utc
from synapse.runs.records import RunRecord, StepRun
from synapse.sizes import limit_size as limit_size
from synapse.sizes import size_of as size_of
from synapse.status import Status

MOST_SUFFIXES = 4
"""More kinds of files than this are summed up."""


def length_of(seconds: float | None) -> str:
    """Return a length such as `0:42` or `1:04:09`; empty for None."""
    return '' if seconds is None else clock(max(0, seconds))


def percent_of(value: float) -> str:
    """Return `42 %` for 42, with the space that the language has there."""
    return _('{percent} %', percent=f'{value:.0f}')


def limits_of(limits: Mapping[str, Any]) -> list[str]:
    """Return the limits that a pipeline declares: `memory up to 2 GB`, `needs 5 GB free`, `nice 10`."""
    return [say(limits[name]) for name, say in _LIMITS.items() if name in limits]


def _needs(needs: Mapping[str, float]) -> str:
    of_a_machine = {name: much for name, much in needs.items() if name != ONLY_HERE}
    said = [_('needs {needs}', needs=needs_words(of_a_machine))] if of_a_machine else []
    return ', '.join([*said, _('only on this machine')] if ONLY_HERE in needs else said)


_LIMITS: dict[str, Callable[[Any], str]] = {
    'memory_limit': lambda value: _('memory up to {size}', size=limit_size(value)),
    'needs_free': lambda value: _('needs {size} free', size=limit_size(value)),
    'output_limit': lambda value: _('log up to {size}', size=limit_size(value)),
    'stall_after': lambda value: (
        _('alarm after {time} of silence', time=spoken(value)) if value else _('no alarm when silent')
    ),
    'nice': lambda value: _('nice {value}', value=value),
    'needs': _needs,
    'ionice': lambda value: _('disk priority {value}', value=value),
}


def kinds_of(suffixes: Sequence[str]) -> str:
    """Return which files these are: `mp4, mov`, or `video and sound files, such as mp4, mov, mkv`, or `any file`.

    :param suffixes: in lower case, such as `.mp4`; none of them stands for all files
    """
    if not suffixes:
        return _('any file')
    if is_only_suffixes(suffixes):
        return _listed(suffixes)
    media = [suffix for suffix in (*VIDEO_SUFFIXES, *SOUND_SUFFIXES) if suffix in suffixes]
    others = [suffix for suffix in suffixes if suffix not in media]
    named = _listed(others)
    if len(others) > MOST_SUFFIXES:
        named = _('files such as {suffixes}', suffixes=_listed(others[:3]))
    if not media:
        return named
    return _('{media}, and {others}', media=_media_words(media), others=named) if others else _media_words(media)


def is_only_suffixes(suffixes: Sequence[str]) -> bool:
    """Whether `kinds_of` these names suffixes without words around: then it begins no sentence."""
    return 0 < len(suffixes) <= MOST_SUFFIXES


def _media_words(media: Sequence[str]) -> str:
    some = _listed(media[:3])
    if not set(VIDEO_SUFFIXES).intersection(media):
        return _('sound files, such as {suffixes}', suffixes=some)
    if not set(SOUND_SUFFIXES).intersection(media):
        return _('video files, such as {suffixes}', suffixes=some)
    return _('video and sound files, such as {suffixes}', suffixes=some)


def _listed(suffixes: Sequence[str]) -> str:
    return ', '.join(suffix.lstrip('.') for suffix in suffixes)


def clock_of(room: ControlRoom, moment: datetime | None) -> str:
    """Return a time such as `14:02:11` in the zone of the calendar; empty for None."""
    return f'{room.local(moment):%H:%M:%S}' if moment else ''


def day_of(room: ControlRoom, moment: datetime) -> str:
    """Return `Today` or a day such as `9 Oct`, in the zone of the calendar."""
    return _('Today') if _is_today(room, moment) else written('MMMd', room.local(moment))


def moment_of(room: ControlRoom, moment: datetime) -> str:
    """Return `14:02`, with the day in front unless it is today, in the zone of the calendar."""
    return written('Hm' if _is_today(room, moment) else 'MMMdHm', room.local(moment))


def day_and_clock_of(room: ControlRoom, moment: datetime) -> str:
    """Return `Today 14:02:11` or `9 Oct 14:02:11`, in the zone of the calendar."""
    return f'{day_of(room, moment)} {clock_of(room, moment)}'


def _is_today(room: ControlRoom, moment: datetime) -> bool:
    return room.local(moment).date() == room.local(now_utc()).date()


def millis(moment: datetime) -> str:
    """Return milliseconds since the epoch, for the ticking clocks of the browser."""
    return str(int(moment.timestamp() * 1000))


def pipeline_title(room: ControlRoom, name: str) -> str:
    """Return the title of a pipeline, or its class name if it no longer exists."""
    return room.catalog.title_of(name)


def pipeline_color(room: ControlRoom, name: str) -> str:
    """Return the CSS class of the colour of a pipeline, such as `p1`."""
    info = room.catalog.find(name)
    return 'p5' if info is None else color_class(info)


def run_words(title: str) -> str:
    """Return `Run TITLE`, or a title that already begins with that word as it is."""
    words = _('Run {title}', title=title)
    verb = words[: len(words) - len(title)]
    return title if verb.strip() and title.startswith(verb) else words


def color_class(info: PipelineInfo) -> str:
    return f'p{info.color_index + 1}'


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
    pipelines = {'': _('All pipelines')} | {info.name: info.title for info in room.catalog.all() if info.is_runnable}
    profiles = {'': _('All profiles')} | {item.id: item.label for item in room.profiles.all()}
    pipelines.setdefault(pipeline, pipeline)
    profiles.setdefault(profile, profile)
    return pipelines, profiles


def busy_words(status: Status) -> str:
    """Return `1 of 2 busy` or, while a paused run keeps a worker, `1 busy, 1 paused`."""
    held = sum(worker.get('state') == 'paused' for worker in status.workers)
    if held:
        return _('{busy} busy, {held} paused', busy=status.busy_workers, held=held)
    return _('{busy} of {count} busy', busy=status.busy_workers, count=usable_workers(status))


def usable_workers(status: Status) -> int:
    """Return how many workers have a run or may get one: the idle ones of a drained machine count for nothing."""
    return sum(not worker.get('drained') or worker['state'] != 'idle' for worker in status.workers)


def profile_label(room: ControlRoom, id: str | None) -> str:
    """Return the label of a profile, or its id if it no longer exists; empty for None."""
    return next((profile.label for profile in room.profiles.all() if profile.id == id), id or '')
