"""Brings the jobs of cron, systemd and Task Scheduler into the calendar: choose, look, import, switch on."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from pages.parts.cards import set_props
from pages.parts.dialogs import attempt, say
from pages.parts.html import button, opens
from synapse.calendar.events import Event
from synapse.control_room import ControlRoom
from synapse.foreign_jobs.importing import import_jobs
from synapse.foreign_jobs.jobs import Found, JobsResult, together
from synapse.language import _, in_thread
from synapse.schedulers.sources import Kind, Source, as_one, jobs_in, sources_of_machine

from .jobs_preview import JobsPreview, Next, Ticks
from .jobs_result import JobsImported
from .jobs_sources import Asked, JobSources


def jobs_button(room: ControlRoom) -> None:
    press = button(_('Bring your crontab'), icon_name='upload', small=True)
    set_props(press, title=_('Jobs of cron, timers of systemd, tasks of Windows'))
    opens(press, lambda: attempt(bring_jobs(room)))


async def bring_jobs(room: ControlRoom) -> None:
    """Ask from where, show what would become of it, import what the person agrees to, and offer to switch it on."""
    asked, ticks = Asked.about(await in_thread(sources_of_machine)), Ticks()
    while chosen := await JobSources(asked).answer():
        if await attempt(_look(room, as_one(chosen), ticks)) is Next.DONE:
            return


async def _look(room: ControlRoom, chosen: Sequence[Source], ticks: Ticks) -> Next:
    """Show what would become of the jobs until the person goes back or agrees; then import them."""
    while True:
        sources = [_with_users(source) if source.name in ticks.with_users else source for source in chosen]
        found = await in_thread(_found, sources, room.calendar.zone, room.calendar.events())
        planned = await _import(room, found, frozenset(), is_dry=True)
        answer = await JobsPreview(room, sources, planned, ticks).answer()
        if answer is Next.IMPORT:
            break
        if answer is not Next.AGAIN:
            return answer
    result = await _import(room, found, ticks.on, is_dry=False)
    later = await JobsImported(room, sources, found, result, seen=ticks.seen).answer()
    if later is not None:
        await room.editor.undo(result.change, *later)
        say(_('The import was undone.'), kind='success')
    return Next.DONE


def _with_users(source: Source) -> Source:
    return replace(source, kind=Kind.SYSTEM_CRONTAB)


def _found(sources: Sequence[Source], zone: str, events: Sequence[Event]) -> Found:
    return together([(source.name, jobs_in(source, zone, events)) for source in sources])


async def _import(room: ControlRoom, found: Found, is_on: Collection[str], *, is_dry: bool) -> JobsResult:
    """:param is_on: the UIDs of events that the person has seen and wants switched on"""
    return await import_jobs(
        room.calendar,
        room.editor,
        room.catalog,
        found,
        is_trusted=lambda draft: draft.uid in is_on,
        because=_('imported from another scheduler'),
        is_dry=is_dry,
    )
