"""Tells readers that a run started or ended; what failed or asks is said by the bell."""

from pages.parts.html import el
from pages.parts.scope import Scope
from pages.parts.words import title_of
from pages.runs.run_words import state_word
from synapse.control_room import ControlRoom
from synapse.runs.messages import RunChanged
from synapse.runs.records import RunRecord, RunState

SAID = (RunState.RUNNING, RunState.SUCCEEDED, RunState.CANCELLED)
AT_MOST_EVERY_SECONDS = 1.0
MOST = 3


class RunNews(Scope):
    """The one place of a tab that is read aloud when runs change, so that mere progress never is."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._news: dict[str, RunRecord] = {}
        with self:
            self._words = el('div', 'sy-vh', role='status', data_says='runs')
        self._say_soon = self.at_most_every(AT_MOST_EVERY_SECONDS, self._say, at_once=True)
        self._started = {run.id for run in room.runs.live()}
        self.follow(room.bus, RunChanged, self._changed)

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        if not message.moved or (run.state is RunState.RUNNING and run.id in self._started):
            return
        if run.state is RunState.RUNNING:
            self._started.add(run.id)
        elif run.state.is_final:
            self._started.discard(run.id)
        self._news.pop(run.id, None)  # what happened to it since makes older news wrong
        if run.state in SAID:
            self._news[run.id] = run
            self._say_soon()

    def _say(self) -> None:
        """Say the last news of each run; of many, only the newest, since nobody could listen to all."""
        runs = list(self._news.values())[-MOST:]
        self._news.clear()
        if not runs:
            return
        self._words.set_text(', '.join(f'#{run.number} {title_of(self._room, run)}: {state_word(run)}' for run in runs))
