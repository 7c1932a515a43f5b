"""The card of the other machines: how they join, what each offers and how it is, what runs there, and how one goes."""

from collections.abc import Callable
from typing import Any

from pages.parts.cards import keep_rows, set_props
from pages.parts.dialogs import attempt, confirm
from pages.parts.html import button, copy_button, el, opens
from pages.parts.readers import may_only_look
from pages.parts.scope import Scope
from pages.parts.words import moment_of, percent_of, size_of, title_of
from synapse import __version__, program
from synapse.control_room import ControlRoom
from synapse.engine.engine import LocalEngine
from synapse.language import _, _n
from synapse.machine_loads import PYTHON, MachineLoad, MachineReported
from synapse.offers import needs_words
from synapse.roster import LostMachine, Roster, RosterChanged, unreached_hint
from synapse.runs import causes
from synapse.runs.messages import QueueChanged, RunChanged

from .rows import card, row

LOAD_SECONDS = 1.0
"""How often the figures of a machine, and its runs that wait for an answer, change at most."""

MOST_RUNS = 5
"""How many runs of a machine are named."""


class MachinesCard(Scope):
    """Follows the workers as they come, go, and get runs."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self._room = room
        self._shown: tuple[str, ...] | None = None
        self._rows: dict[str, _Row] = {}
        with self, card(_('Machines')):
            self._way_in = el('div')
            self._list = el('div', role='list', aria_label=_('Machines'))
        self.watch(room.status, ('workers',), self._show)
        self.follow(room.bus, RosterChanged, lambda _: self._show())
        # A run that is answered, or stopped while it waits for an answer, changes no worker.
        moved = self.at_most_every(LOAD_SECONDS, self._show, at_once=True)
        self.follow(room.bus, QueueChanged, lambda _: moved())
        self.follow(room.bus, RunChanged, lambda message: moved() if message.moved else None)
        reported = self.at_most_every(LOAD_SECONDS, self._show_loads, at_once=True)
        self.follow(room.bus, MachineReported, lambda _: reported())
        self._show()

    def _show(self) -> None:
        """Show what has changed, and leave the rest alone: a button of it may have the focus."""
        engine = self._room.engine
        way_in: tuple[str, ...] = (
            () if isinstance(engine, LocalEngine) else (*engine.addresses, engine.code, engine.problem)
        )
        if way_in != self._shown and not may_only_look(self.client):
            self._shown = way_in
            self._way_in.clear()
            with self._way_in:
                _join(self._room)
        roster = self._roster
        keep_rows(self._list, self._rows, [*roster.here, *roster.unreached, *roster.lost], self._draw)
        for name, line in self._rows.items():
            if lost := roster.lost.get(name):
                line.show_away(self._lost_words(lost))
            elif unreached := roster.unreached.get(name):
                line.show_away(unreached_hint(unreached))
            else:
                line.show(facts=self._facts(name), is_drained=roster.is_drained(name))
                line.show_runs([(run.number, title_of(self._room, run)) for run in self._room.runs.on_machine(name)])
        self._show_loads()

    @property
    def _roster(self) -> Roster:
        return self._room.roster

    def _show_loads(self) -> None:
        for name, line in self._rows.items():
            line.show_load(self._roster.loads.get(name))

    def _draw(self, name: str) -> '_Row':
        return _Row(name, drain=lambda: self._drain(name), remove=lambda: self._remove(name))

    def _facts(self, name: str) -> str:
        offer = self._roster.here[name]
        on_it = self._room.runs.on_machine(name)
        asking = sum(run.question is not None for run in on_it)
        places = _n('{count} place', '{count} places', offer.places)
        facts = [places, needs_words(offer.has), _n('{count} run', '{count} runs', len(on_it))]
        if asking:
            facts.append(_n('{count} waits for an answer', '{count} wait for an answer', asking))
        if self._roster.is_drained(name):
            facts.append(_('gets no new runs'))
        return ', '.join(filter(None, facts))

    def _lost_words(self, lost: LostMachine) -> str:
        since = _('No contact since {moment}.', moment=moment_of(self._room, lost.since))
        if lost.must_join_anew:
            return f'{since} {_("The code has changed meanwhile, so it has to join again, with the line above.")}'
        return f'{since} {_("It is back by itself as soon as its worker reaches this machine.")}'

    async def _drain(self, name: str) -> None:
        async def drain() -> None:
            self._roster.drain(name, is_drained=not self._roster.is_drained(name))

        await attempt(drain())

    async def _remove(self, name: str) -> None:
        text = _(
            'Its runs are interrupted and its worker ends. To join again it needs the new line that is shown here '
            'then; machines that are switched off need it too.'
        )
        with self:
            is_sure = await confirm(
                _('Remove {machine}?', machine=name), text, yes=_('Remove'), no=_('Keep it'), icon_name='x'
            )
        if is_sure:
            await attempt(self._roster.remove(name, by=causes.SETTINGS))


class _Row:
    """A machine.

    :param drain: gives it no new runs, or some again
    :param remove: asks whether to remove it
    """

    def __init__(self, name: str, *, drain: Callable[[], Any], remove: Callable[[], Any]) -> None:
        self._name = name
        self._run_links: list[tuple[int, str]] = []
        with el('div', 'set-row', role='listitem', aria_label=name) as self.row:
            with el('div', 'what'):
                el('b', text=name)
                self._facts = el('span', 'sy-cap')
                self._load = el('span', 'sy-cap sy-num')
                self._runs = el('span', 'sy-cap')
                self._notice = el('span', 'sy-error', role='status')
            with el('div', 'value'), el('span', 'sy-x'):
                with el('button', 'sy-btn is-sm', type_='button') as self._drain:
                    self._words = el('span')
                self._drain.on('click', drain)
                label = _('Remove {machine}', machine=name)
                opens(button(_('Remove'), kind='ghost', small=True, aria_label=label), remove)

    def show(self, *, facts: str, is_drained: bool) -> None:
        self._facts.set_text(facts)
        self._drain.set_visibility(True)
        self._words.set_text(_('Use again') if is_drained else _('Drain'))
        label = _('Use {machine} again', machine=self._name) if is_drained else _('Drain {machine}', machine=self._name)
        set_props(self._drain, aria_label=label)

    def show_runs(self, runs: list[tuple[int, str]]) -> None:
        """Link to the runs on it: number and title of each."""
        if runs == self._run_links:
            return
        self._run_links = runs
        self._runs.clear()
        with self._runs:
            for place, (number, title) in enumerate(runs[:MOST_RUNS]):
                el('span', text=', ' if place else '')
                el('a', text=f'#{number} {title}', href=f'/runs/{number}')
            if len(runs) > MOST_RUNS:
                el('span', text=', ')
                el('a', text=_('+{count} more', count=len(runs) - MOST_RUNS), href='/runs')

    def show_away(self, words: str) -> None:
        self._facts.set_text(words)
        self.show_runs([])
        self._drain.set_visibility(False)

    def show_load(self, load: MachineLoad | None) -> None:
        self._load.set_text(_load_words(load) if load else '')
        self._notice.set_text(_version_words(load) if load else '')


def _load_words(load: MachineLoad) -> str:
    used, total = size_of(load.memory_used), size_of(load.memory_total)
    return ', '.join(
        (
            _('CPU {percent}', percent=percent_of(load.cpu_percent)),
            _('{used} of {total} of memory used', used=used, total=total),
            _('{size} of disk free', size=size_of(load.disk_free)),
            f'Synapse {load.version}',
            f'Python {load.python}',
        )
    )


def _version_words(load: MachineLoad) -> str:
    """Say what differs from this machine, and what to do about it; empty if nothing does."""
    if load.is_other_synapse:
        return _(
            'It has Synapse {theirs}, this machine {own}. Put the same version there and start its worker again.',
            theirs=load.version,
            own=__version__,
        )
    if load.is_other_python:
        return _(
            'It has Python {theirs}, this machine {own}, so pipelines may fail there. Make its .venv anew with the '
            'same one.',
            theirs=load.python,
            own=PYTHON,
        )
    return ''


def _join(room: ControlRoom) -> None:
    if isinstance(room.engine, LocalEngine):
        command = f'{program.NAME} --cluster'
        text = _('Runs that no longer fit this machine can go to others. Start Synapse with:')
    elif problem := room.engine.problem:
        el('p', 'sy-error', _('Other machines cannot join. {problem}', problem=problem), role='alert')
        return
    elif addresses := room.engine.addresses:
        command = f'{program.NAME} worker {addresses[0]} --code {room.engine.code}'
        text = _('Another machine joins with this line. Whoever has it can run anything on all of them.')
        if others := addresses[1:]:
            text += ' ' + _('This machine can also be reached at {addresses}.', addresses=', '.join(others))
    else:
        el('p', 'hint', _('The scheduler of the cluster is not there yet.'))
        return
    with row(_('Let one join'), text):
        el('span', 'sy-mono', command)
        copy_button(_('Copy'), command)
