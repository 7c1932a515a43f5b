"""How long runs usually take: those of a command are judged by runs of the same command."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from synapse.runs import estimates
from synapse.runs.estimates import Estimates, kind_of
from synapse.runs.records import RunRecord, RunState, StepRun, StepState
from tests.parts.run_records import NOW


def ended(number: int, seconds: float, command: Sequence[str], pipeline: str = 'RunCommand') -> RunRecord:
    end = NOW + timedelta(seconds=seconds)
    step = StepRun(name='execute', state=StepState.SUCCEEDED, started_at=NOW, finished_at=end)
    return RunRecord(
        id=f'r{number}',
        number=number,
        pipeline=pipeline,
        parameters={'command': list(command), 'script': None},
        state=RunState.SUCCEEDED,
        steps=(step,),
        created_at=NOW,
        started_at=NOW,
        finished_at=end,
    )


class History:
    """Runs as a store has them, newest first."""

    def __init__(self, *runs: RunRecord) -> None:
        self.runs = runs
        self.reads = 0

    def step_seconds(self, pipeline: str, *, limit: int = 10) -> dict[str, list[float]]:
        mine = [run for run in self.runs if run.pipeline == pipeline][:limit]
        return {'execute': [run.took_seconds or 0.0 for run in mine]} if mine else {}

    def last_succeeded(self, pipeline: str, *, limit: int) -> Sequence[Mapping[str, Any]]:
        self.reads += 1
        return [run.as_json() for run in self.runs if run.pipeline == pipeline][:limit]


async def test_a_command_is_judged_by_its_own_runs() -> None:
    slow, quick = ['rsync', '-a', '/a', '/b'], ['true']
    known = Estimates(History(ended(3, 60, slow), ended(2, 1, quick), ended(1, 80, slow)))

    assert await known.usual('RunCommand', {'command': slow}) == {'execute': 70.0}
    assert await known.usual('RunCommand', {'command': ['rsync -a /a /b']}) == {'execute': 70.0}
    assert await known.usual('RunCommand', {'command': quick}) == {'execute': 1.0}
    assert await known.usual('RunCommand', {'command': ['false']}) == {}
    assert known.known_of(ended(4, 1, quick)) == {'execute': 1.0}


async def test_a_run_that_ends_counts_for_its_command_alone() -> None:
    history = History(ended(1, 60, ['a']))
    known = Estimates(history)
    await known.typical('RunCommand')

    await known.ended(ended(2, 4, ['b']))

    assert await known.usual('RunCommand', {'command': ['a']}) == {'execute': 60.0}
    assert await known.usual('RunCommand', {'command': ['b']}) == {'execute': 4.0}
    assert await known.typical('RunCommand') == {'execute': 32.0}
    assert history.reads == 1


async def test_other_pipelines_are_judged_by_all_their_runs() -> None:
    known = Estimates(History(ended(2, 60, ['a'], 'Other'), ended(1, 40, ['b'], 'Other')))

    assert await known.usual('Other', {'command': ['c']}) == {'execute': 50.0}


async def test_commands_that_ran_longest_ago_are_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(estimates, 'MOST_COMMANDS', 5)
    known = Estimates(History(*(ended(number, number, [str(number)]) for number in range(9, 0, -1))))

    assert await known.usual('RunCommand', {'command': ['9']}) == {'execute': 9.0}
    assert await known.usual('RunCommand', {'command': ['1']}) == {}
    assert await known.typical('RunCommand') != {}


def test_a_script_from_the_inbox_is_the_same_in_each_run() -> None:
    one, two = ({'script': f'/data/runs/{run}/inputs/a.sh'} for run in ('r1', 'r2'))

    assert kind_of('RunCommand', one, 'r1') == kind_of('RunCommand', two, 'r2')


async def test_a_run_is_judged_by_runs_with_the_same_inputs_else_by_all_of_its_pipeline() -> None:
    slow, quick = ['large'], ['small']
    history = History(ended(3, 60, slow, 'Pack'), ended(2, 2, quick, 'Pack'), ended(1, 80, slow, 'Pack'))
    known = Estimates(history)
    await known.typical('Pack')

    assert known.of_work(ended(4, 1, slow, 'Pack')) == {'execute': 70.0}
    assert known.of_work(ended(4, 1, quick, 'Pack')) == {'execute': 2.0}
    assert known.of_work(ended(4, 1, ['new'], 'Pack')) == {'execute': 60.0}
    await known.ended(ended(5, 9, ['new'], 'Pack'))
    assert known.of_work(ended(6, 1, ['new'], 'Pack')) == {'execute': 9.0}
