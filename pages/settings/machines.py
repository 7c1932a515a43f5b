"""The card of the other machines: how they join, what each offers, what runs there."""

from pages.parts.html import button, copy_button, el
from pages.parts.readers import may_only_look
from pages.parts.scope import Scope
from synapse import program
from synapse.control_room import ControlRoom
from synapse.engine.engine import LocalEngine
from synapse.language import _, _n
from synapse.offers import Offer, needs_words
from synapse.runs.messages import QueueChanged

from .rows import card, row


class MachinesCard(Scope):
    """Drawn again when workers come, go, or get a run."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('div')
        self._room = room
        with self, card(_('Machines')):
            self._body = el('div')
        self.watch(room.status, ('workers',), self._draw)
        self.follow(room.bus, QueueChanged, lambda _: self._draw())  # another one is drained
        self._draw()

    def _draw(self) -> None:
        self._body.clear()
        with self._body:
            if not may_only_look(self.client):
                _join(self._room)
            for name, offer in self._room.runs.machines.items():
                self._machine(name, offer)

    def _machine(self, name: str, offer: Offer) -> None:
        runs = [worker['run'] for worker in self._room.status.workers if worker.get('machine') == name]
        busy = sum(run is not None for run in runs)
        places = _n('{count} place', '{count} places', offer.places)
        is_drained = self._room.runs.is_drained(name)
        facts = [places, needs_words(offer.has), _n('{count} run', '{count} runs', busy)]
        if is_drained:
            facts.append(_('gets no new runs'))
        with row(name, ', '.join(filter(None, facts))):
            words = _('Use again') if is_drained else _('Drain')
            label = _('Use {machine} again', machine=name) if is_drained else _('Drain {machine}', machine=name)
            drain = button(words, small=True, aria_label=label)
        drain.on('click', lambda: self._room.runs.drain(name, is_drained=not is_drained))


def _join(room: ControlRoom) -> None:
    if isinstance(room.engine, LocalEngine):
        command = f'{program.NAME} --cluster'
        text = _('Runs that no longer fit this machine can go to others. Start Synapse with:')
    elif room.engine.address:
        command = f'{program.NAME} worker {room.engine.address} --code {room.engine.code}'
        text = _('Another machine joins with this line. Whoever has it can run anything on all of them.')
    else:
        el('p', 'hint', _('The scheduler of the cluster is not there yet.'))
        return
    with row(_('Let one join'), text):
        el('span', 'sy-mono', command)
        copy_button(_('Copy'), command)
