"""The card of the machines: how others join, what each offers and how it is, what runs there, and how one goes."""

import socket
from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import keep_rows, set_props
from pages.parts.dialogs import attempt, confirm
from pages.parts.html import button, copy_button, el, opens
from pages.parts.readers import may_only_look
from pages.parts.scope import Scope
from pages.parts.words import moment_of, percent_of, size_of, title_of
from synapse import __version__, cluster_packages
from synapse.control_room import ControlRoom
from synapse.language import _, _n
from synapse.machine_loads import PYTHON, MachineLoad, MachineReported
from synapse.offers import HERE, Offer, needs_words, offer_here
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
        self._shown: tuple[bool | str, ...] | None = None
        self._rows: dict[str, _Row] = {}
        self._said_about = ''
        with self, card(_('Machines'), anchor='machines'):
            self._said = el('p', 'sy-2 set-told', role='status')
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
        self.watch(room.status, ('cpu_percent', 'ram_used', 'disk_free'), reported)
        self._show()

    def _show(self) -> None:
        """Show what has changed, and leave the rest alone: a button of it may have the focus."""
        roster = self._roster
        way_in: tuple[bool | str, ...] = (roster.is_open, *roster.addresses, roster.code, roster.problem)
        if way_in != self._shown and not may_only_look(self.client):
            self._shown = way_in
            self._way_in.clear()
            with self._way_in:
                self._draw_way_in()
        # The first machine is there to compare the others with.
        here = [HERE] if roster.is_open or roster.here else []
        keep_rows(self._list, self._rows, [*here, *roster.here, *roster.unreached, *roster.lost], self._draw)
        if self._said_about and self._said_about not in roster.here:
            self._say('')
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
            line.show_load(self._load_of(name))

    def _load_of(self, name: str) -> MachineLoad | None:
        if name != HERE:
            return self._roster.loads.get(name)
        load = self._room.status.load
        return load if load.memory_total else None  # else it has not been measured yet

    def _draw(self, name: str) -> '_Row':
        if name == HERE:
            return _Row(socket.gethostname())
        return _Row(name, drain=lambda: self._drain(name), remove=lambda: self._remove(name))

    def _facts(self, name: str) -> str:
        offer = self._roster.here[name] if name != HERE else self._offer_here()
        on_it = self._room.runs.on_machine(name)
        asking = sum(run.question is not None for run in on_it)
        places = _n('{count} place', '{count} places', offer.places)
        facts = [_('This machine')] if name == HERE else []
        facts += [places, needs_words(offer.has), _n('{count} run', '{count} runs', len(on_it))]
        if asking:
            facts.append(_n('{count} waits for an answer', '{count} wait for an answer', asking))
        if self._roster.is_drained(name):
            facts.append(_('gets no new runs'))
        return ', '.join(filter(None, facts))

    def _offer_here(self) -> Offer:
        return Offer(self._room.status.places_here, offer_here(self._room.settings.offer))

    def _lost_words(self, lost: LostMachine) -> str:
        since = _('No contact since {moment}.', moment=moment_of(self._room, lost.since))
        if lost.must_join_anew:
            return f'{since} {_("The code has changed meanwhile, so it has to join again, with the line above.")}'
        return f'{since} {_("It is back by itself as soon as its worker reaches this machine.")}'

    def _draw_way_in(self) -> None:
        roster = self._roster
        if roster.problem:
            el('p', 'sy-error', _('Other machines cannot join. {problem}', problem=roster.problem), role='alert')
        elif roster.is_open and not roster.addresses:
            el('p', 'hint', _('The scheduler of the cluster is not there yet.'))
        elif roster.is_open:
            self._draw_line()
        if not roster.is_open:
            self._draw_opening()
        elif not roster.is_asked:
            with row(_('Let none join any more'), _('What runs on other machines is interrupted.')):
                opens(button(_('Stop it'), kind='ghost', small=True), self._shut)

    def _draw_line(self) -> None:
        others, command = self._roster.addresses[1:], self._roster.command()
        text = _('Another machine joins with this line. Whoever has it can run anything on all of them.')
        if others:
            text += ' ' + _('This machine can also be reached at {addresses}.', addresses=', '.join(others))
        with el('div', 'set-row is-stacked'):
            with el('div', 'what'):
                el('b', text=_('Let one join'))
                el('span', 'sy-cap', text)
            with el('div', 'join-line'):
                _command(command)
                copy_button(_('Copy'), command)

    def _draw_opening(self) -> None:
        text = _('Runs that no longer fit this machine can go to others.')
        if not (cluster_packages.are_installed() or cluster_packages.can_be_installed()):
            text = f'{text} {cluster_packages.missing().hint}'
        with row(_('Other machines'), text, '--cluster'), el('span', 'sy-x'):
            progress = el('span', 'sy-cap', role='status')
            opener = button(_('Let others join'), small=True)
            opens(opener, lambda: self._open(opener, progress))

    async def _open(self, opener: ui.element, progress: TextElement) -> None:
        text = _(
            'They join with a line that is shown then, encrypted, at a port of this machine ({port}). Whoever has the '
            'line can run anything on all of them: treat it as a password.',
            port=self._room.settings.cluster_port or _('any free one'),
        )
        with self:
            is_sure = await confirm(
                _('Let other machines join?'),
                text,
                yes=_('Let them join'),
                no=_('Not now'),
                icon_name='plus',
                is_danger=False,
            )
        if is_sure:
            is_there = cluster_packages.are_installed()
            progress.set_text(_('Starting ...') if is_there else _('Installing what it needs, a minute or less ...'))
            opener.set_visibility(False)
            await attempt(self._roster.open(by=causes.SETTINGS))
            if not opener.is_deleted:
                progress.set_text('')
                opener.set_visibility(True)

    async def _shut(self) -> None:
        elsewhere = sum(len(self._room.runs.on_machine(name)) for name in self._roster.here)
        text = _n('{count} run is interrupted.', '{count} runs are interrupted.', elsewhere) if elsewhere else ''
        text = f'{text} {_("The machines come back by themselves if you let them join again.")}'.strip()
        with self:
            is_sure = await confirm(
                _('Let no other machine join any more?'), text, yes=_('Stop it'), no=_('Keep it'), icon_name='x'
            )
        if is_sure:
            await attempt(self._roster.shut(by=causes.SETTINGS))

    async def _drain(self, name: str) -> None:
        is_drained = not self._roster.is_drained(name)

        async def drain() -> None:
            self._roster.drain(name, is_drained=is_drained)
            gets_none = _('{machine} gets no new runs', machine=name)
            self._say(gets_none if is_drained else _('{machine} gets new runs again', machine=name), about=name)

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
            await attempt(self._remove_now(name))

    async def _remove_now(self, name: str) -> None:
        code = self._roster.code
        await self._roster.remove(name, by=causes.SETTINGS)
        text = _('{machine} was removed', machine=name)
        if self._roster.code != code:
            text = _('{machine} was removed; the line to join has changed', machine=name)
        self._say(text)

    def _say(self, text: str, *, about: str = '') -> None:
        """Tell readers what a press has done.

        :param about: the machine that it is true of for as long as that is there
        """
        self._said.set_text(text)
        self._said_about = about


def _command(command: str) -> None:
    """Draw a line to type, which goes on in the next one only after a whole word: `--code` has hyphens."""
    with el('code', 'sy-mono'):
        for place, word in enumerate(command.split(' ')):
            el('span', text=' ' if place else '')
            el('span', 'word', word)


class _Row:
    """A machine; this one has no buttons.

    :param drain: gives it no new runs, or some again
    :param remove: asks whether to remove it
    """

    def __init__(
        self, name: str, *, drain: Callable[[], Any] | None = None, remove: Callable[[], Any] | None = None
    ) -> None:
        self._name = name
        self._drain: TextElement | None = None
        self._run_links: list[tuple[int, str]] = []
        with el('div', 'set-row is-machine', role='listitem', aria_label=name) as self.row:
            with el('div', 'what'):
                el('b', text=name)
                self._facts = el('span', 'sy-cap')
                self._load = el('span', 'sy-cap sy-num')
                self._runs = el('span', 'sy-cap')
                self._notice = el('span', 'sy-error', role='status')
            if drain is not None and remove is not None:
                self._draw_buttons(drain, remove)

    def _draw_buttons(self, drain: Callable[[], Any], remove: Callable[[], Any]) -> None:
        # No box around them: the focus of one that goes away is given to the same one of the next row, see `layers.js`.
        with el('div', 'value'):
            with el('button', 'sy-btn is-sm', type_='button') as self._drain:
                self._words = el('span')
            self._drain.on('click', drain)
            label = _('Remove {machine}', machine=self._name)
            opens(button(_('Remove'), kind='ghost', small=True, aria_label=label), remove)

    def show(self, *, facts: str, is_drained: bool) -> None:
        self._facts.set_text(facts)
        if self._drain is None:
            return
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
        if self._drain is not None:
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
