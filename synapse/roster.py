"""The other machines of the cluster: which are there, which were lost, and which get no new runs."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from storage.documents import Documents
from storage.files import StorageError

from . import cluster_packages, program
from .bus import Bus, Message
from .errors import Conflict, NotFound, SynapseError
from .language import N_, _, filled, joined
from .log.log import Level, Log
from .machine_loads import MachineLoads
from .offers import Offer
from .records import now_utc
from .room_engine import RoomEngine
from .runs.causes import cause_words
from .runs.folders import not_saved
from .runs.runs import Runs
from .waiting import Latest

log = logging.getLogger(__name__)

MOST_LOST = 200
"""How many lost machines are kept; the one that was lost first goes first."""
DOCUMENT = 'machines'


@dataclass(frozen=True, slots=True)
class RosterChanged(Message):
    """Machines have joined, were lost, left or were removed, or get new runs or none."""


@dataclass(frozen=True, slots=True)
class LostMachine:
    """A machine that has gone without a goodbye; `offer` is what it had."""

    since: datetime
    offer: Offer
    must_join_anew: bool = False
    """Whether the code of the cluster has changed since."""


@dataclass(frozen=True, slots=True)
class UnreachedMachine:
    """A machine that has joined, and to which no connection can be made, as with a firewall between."""

    address: str
    offer: Offer


class Roster:
    """Use it on the event loop only. What it knows is saved, so that a machine is known to be lost after a restart too.

    :param is_asked: whether other machines may join because the command line says so
    """

    def __init__(
        self,
        *,
        engine: RoomEngine,
        runs: Runs,
        loads: MachineLoads,
        saved: Documents,
        bus: Bus,
        log: Log,
        is_asked: bool,
    ) -> None:
        self._engine, self._runs = engine, runs
        self.is_asked = is_asked
        self.loads = loads
        """How they are."""
        self._saved, self._bus, self._log = saved, bus, log
        self._save_soon = Latest(self._save, asyncio.create_task)  # machines come and go together when a network does
        self.lost: Mapping[str, LostMachine] = {}
        """Those that were there, and have neither left nor been removed since, by name."""
        self.unreached: Mapping[str, UnreachedMachine] = {}
        """Those that have joined, but get no runs as they cannot be reached, by name."""
        self._parting: set[str] = set()
        """Those that are being removed."""
        self._problem = ''
        self._is_open, self._is_chosen = False, bool((saved.get(DOCUMENT) or {}).get('is_open'))

    async def start(self) -> None:
        """Let other machines join if that is asked for, or was chosen in Settings; why they cannot is in `problem`."""
        if self.is_asked or self._is_chosen:
            try:
                await self._open()
            except SynapseError as error:
                self._problem = joined(error.message, error.hint)
                log.warning(N_('other machines cannot join: %s'), self._problem)
                self._bus.publish(RosterChanged())

    @property
    def is_open(self) -> bool:
        """Whether other machines may join."""
        return self._is_open

    @property
    def problem(self) -> str:
        """Why other machines cannot join although they may, with what to do; empty if they can."""
        others = self._engine.others
        return others.problem if others is not None else self._problem

    @property
    def addresses(self) -> list[str]:
        """At which machines join, the best one first; none while they cannot."""
        return self._engine.others.addresses if self._engine.others is not None else []

    @property
    def code(self) -> str:
        """What machines need to join; empty while they may not."""
        return self._engine.others.code if self._engine.others is not None else ''

    def command(self, code: str = '') -> str:
        """Return what to type on another machine so that it joins; empty while none can.

        :param code: what to write in the place of the code
        """
        if self.problem or not self.addresses:
            return ''
        words = [program.NAME, 'worker', self.addresses[0]]
        if self.code:  # a cluster that others have made may have certificates of its own instead
            words += ['--code', code or self.code]
        return ' '.join(words)

    async def open(self, *, by: str) -> None:
        """Let other machines join from now on, also after the next start.

        :param by: who wants it, for the log
        :raises NotInstalled: if the packages for it are missing, and cannot be brought
        :raises SynapseError: if the code of the cluster could not be saved
        """
        if not cluster_packages.are_installed() and cluster_packages.can_be_installed():
            await cluster_packages.install()
        await self._open()
        self._is_chosen = True
        text = _('Other machines may join; {someone} has let them', someone=cause_words(by))
        self._log.append(Level.INFO, text, source='synapse')
        self._changed()

    async def _open(self) -> None:
        try:
            await self._engine.open()
        except ImportError as error:
            raise cluster_packages.missing() from error
        except StorageError as error:
            raise not_saved(_('Other machines cannot join'), error) from error
        self._problem = ''
        if not self._is_open:
            self._is_open = True
            self._restore(self._saved.get(DOCUMENT) or {})
        self._bus.publish(RosterChanged())

    async def shut(self, *, by: str) -> None:
        """Let no machine join any more, and interrupt what runs elsewhere.

        :param by: who wants it, for the log
        :raises Conflict: if the command line lets them
        """
        if self.is_asked:
            text = _('Other machines may join because Synapse was started with --cluster.')
            raise Conflict('cluster_is_asked', text, _('Start it without that.'))
        await self._engine.shut()
        self._is_open = self._is_chosen = False
        self._problem = ''
        self.lost, self.unreached = {}, {}
        self.loads.keep(())
        self._runs.offer_machines({})
        text = _('Other machines may not join any more; {someone} has ended that', someone=cause_words(by))
        self._log.append(Level.INFO, text, source='synapse')
        self._changed()

    @property
    def here(self) -> Mapping[str, Offer]:
        """Those that are there, by name."""
        return self._runs.machines

    def is_drained(self, name: str) -> bool:
        """Whether a machine gets no new runs."""
        return self._runs.is_drained(name)

    def update(
        self,
        offers: Mapping[str, Offer],
        left: Collection[str],
        unreached: Mapping[str, UnreachedMachine] | None = None,
    ) -> None:
        """Take which machines are there now, and which have joined without being reached; `left` have said goodbye."""
        here, new = self.here, unreached or {}
        known = {*offers, *left, *new}
        lost = {name: machine for name, machine in self.lost.items() if name not in known}
        lost |= {name: LostMachine(now_utc(), offer) for name, offer in here.items() if name not in known}
        self._log_moves(offers, left, new)
        self.lost = dict(sorted(lost.items(), key=lambda item: item[1].since)[-MOST_LOST:])
        self.unreached = dict(new)
        self.loads.keep(offers)
        self._runs.offer_machines(offers)
        self._changed()

    def _log_moves(
        self, offers: Mapping[str, Offer], left: Collection[str], unreached: Mapping[str, UnreachedMachine]
    ) -> None:
        """Log who has come and who has gone since the last time."""
        for name in sorted(offers.keys() - self.here.keys()):
            text = N_('{machine} is back') if name in self.lost else N_('{machine} has joined')
            self._log.append(Level.INFO, filled(text, machine=name), source='synapse')
        for name in sorted(unreached.keys() - self.unreached.keys()):
            text = _('{machine} has joined, but cannot be reached', machine=name)
            self._log.append(Level.WARNING, f'{text}. {unreached_hint(unreached[name])}', source='synapse')
        for name in sorted(self.here.keys() - offers.keys() - unreached.keys() - self._parting):
            if name in left:
                self._log.append(Level.INFO, _('{machine} has left', machine=name), source='synapse')
                continue
            hint = _('It is back by itself as soon as its worker reaches this machine.')
            lost = joined(_('{machine} was lost.', machine=name), hint)
            self._log.append(Level.WARNING, lost, source='synapse')

    def drain(self, name: str, *, is_drained: bool) -> None:
        """Give a machine no new runs, or give it some again, also after the next start; what runs there goes on.

        :raises NotFound: if it was never there
        :raises Conflict: if it is lost
        """
        self._find(name)
        if name not in self.here:
            hint = _('Start its worker again, or remove it.')
            raise Conflict('machine_lost', _('{machine} is not there.', machine=name), hint)
        self._runs.drain(name, is_drained=is_drained)
        self._changed()

    async def remove(self, name: str, *, by: str) -> None:
        """Take a machine out of the cluster for good; its runs are interrupted.

        :param by: who wants it, for the log
        :raises NotFound: if it was never there
        :raises Conflict: if the scheduler of the cluster is not ours, unless the machine is lost
        :raises SynapseError: if it could not be saved; nothing has changed then
        """
        self._find(name)
        if self._engine.others is None:
            raise _not_found(name)
        was_drained = self._runs.is_drained(name)
        self._runs.hold_back(name, is_held=True)
        self._parting.add(name)
        try:
            has_new_code = await self._engine.others.remove(name, is_lost=name in self.lost)
        except (SynapseError, StorageError) as error:
            self._runs.hold_back(name, is_held=was_drained)
            if isinstance(error, StorageError):
                raise not_saved(_('The machine was not removed'), error) from error
            raise
        finally:
            self._parting.discard(name)
        self._runs.hold_back(name, is_held=False)
        self.lost = {
            other: replace(machine, must_join_anew=machine.must_join_anew or has_new_code)
            for other, machine in self.lost.items()
            if other != name
        }
        text = _('{machine} was removed by {someone}', machine=name, someone=cause_words(by))
        if has_new_code:
            text = _(
                '{machine} was removed by {someone}; the code of the cluster is a new one',
                machine=name,
                someone=cause_words(by),
            )
        self._log.append(Level.INFO, text, source='synapse')
        self._changed()

    async def close(self) -> None:
        """Save what is not saved yet."""
        if self._is_open:
            await self._save_soon()

    def _find(self, name: str) -> None:
        if name not in {*self.here, *self.lost, *self.unreached}:
            raise _not_found(name)

    def _changed(self) -> None:
        self._bus.publish(RosterChanged())
        self._save_soon()

    def _restore(self, document: Mapping[str, Any]) -> None:
        """Take the machines of the last start as lost until they are back."""
        now = now_utc()
        for name, saved in dict(document.get('known') or {}).items():
            since = datetime.fromisoformat(saved['since']) if saved['since'] else now
            offer = Offer(int(saved['places']), dict(saved['has']))
            self.lost = {**self.lost, name: LostMachine(since, offer, bool(saved['must_join_anew']))}
        for name in document.get('drained') or ():
            self._runs.hold_back(str(name), is_held=True)

    async def _save(self) -> None:
        known = {name: _as_json(offer) for name, offer in self.here.items()}
        for name, machine in self.lost.items():
            known[name] = _as_json(machine.offer, machine.since, must_join_anew=machine.must_join_anew)
        document = {'known': known, 'drained': sorted(self._runs.drained), 'is_open': self._is_chosen}
        try:
            await asyncio.to_thread(self._saved.put, DOCUMENT, document)
        except StorageError as error:
            log.warning(N_('which other machines there are could not be saved: %s'), error)


def unreached_hint(machine: UnreachedMachine) -> str:
    """Say what a person can do about it."""
    return _(
        'Nothing answers at {address}. Let connections to this port through its firewall, or start its worker with '
        '--listen HOST:PORT and let that one through.',
        address=machine.address.partition('://')[2],
    )


def _not_found(name: str) -> NotFound:
    return NotFound('machine_not_found', _('No machine is called {name!r}.', name=name))


def _as_json(offer: Offer, since: datetime | None = None, *, must_join_anew: bool = False) -> dict[str, Any]:
    return {
        'places': offer.places,
        'has': dict(offer.has),
        'since': since.isoformat() if since else None,
        'must_join_anew': must_join_anew,
    }
