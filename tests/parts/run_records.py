"""Runs and steps as records, for what only reads them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from synapse.runs.records import RunRecord, RunState, StepRun, StepState

NOW = datetime(2026, 10, 14, 12, 8, 31, tzinfo=UTC)


def a_run(state: RunState, *steps: StepRun, **values: Any) -> RunRecord:
    """Number 7, of a pipeline that does not exist any more."""
    given = {'id': 'a', 'number': 7, 'pipeline': 'Gone', 'parameters': {}, 'created_at': NOW} | values
    return RunRecord(state=state, steps=steps, **given)


def a_step(name: str, state: str = 'succeeded', *, seconds: float = 0, **values: Any) -> StepRun:
    """One that started at `NOW` and took this long, unless it is pending."""
    ended = {'started_at': NOW, 'finished_at': NOW + timedelta(seconds=seconds)} if state != 'pending' else {}
    return StepRun(name=name, state=StepState(state), **ended | values)
