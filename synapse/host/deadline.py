"""Ends a step that does not end by itself: interrupts it, and gives up on it if it ignores that."""

import threading
from collections.abc import Callable

from synapse.pipelines.pipeline import Step
from synapse.pipelines.problems import StepTimeout

from .control import Control
from .interrupts import Interrupts

GIVE_UP_SECONDS = 2.0
"""How long a step may take to end after its timeout has interrupted it."""


class Deadline:
    """Watches one attempt of a step: interrupts it after its timeout, and gives up on it 2 s later.

    If it is ending a program then, it is given up when the time for that is over.

    Time for which the run is paused does not count.

    :param give_up: called from another thread if the step ignores the interrupt
    """

    def __init__(
        self,
        step: Step,
        control: Control,
        interrupts: Interrupts,
        give_up: Callable[[Step, StepTimeout], None],
    ) -> None:
        self.has_passed = False
        self.cancel_task: Callable[[], None] | None = None
        self._step = step
        self._control = control
        self._interrupts = interrupts
        self._give_up = give_up
        self._over = threading.Event()

    def timeout(self) -> StepTimeout:
        return StepTimeout(self._step.name, self._step.timeout or 0.0)

    def __enter__(self) -> 'Deadline':
        if self._step.timeout is not None:
            threading.Thread(target=self._watch, args=(self._step.timeout,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self, seconds: float) -> None:
        until = self._control.clock() + seconds
        while (left := until - self._control.clock()) > 0:
            if self._over.wait(left):
                return
        self.has_passed = True
        if self.cancel_task is not None:
            self.cancel_task()
        else:
            self._interrupts.interrupt(self.timeout())
        wait = GIVE_UP_SECONDS
        while not self._over.wait(wait):
            if allowed := self._control.allowed:
                wait = allowed + GIVE_UP_SECONDS
                continue
            if not self._control.cancelled:
                self._give_up(self._step, self.timeout())
            return
