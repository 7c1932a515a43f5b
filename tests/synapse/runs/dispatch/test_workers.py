"""Workers are added and removed while runs keep theirs."""

from synapse.offers import Offer
from synapse.runs.dispatch.workers import Workers


def has_space(machine: str) -> bool:
    return True


def test_more_workers_are_free_at_once() -> None:
    workers = Workers(1)
    workers.give('worker-1', 'a')

    workers.resize(3)

    assert (len(workers), workers.of('a'), workers.free) == (3, 'worker-1', 'worker-2')


def test_a_surplus_worker_finishes_its_run_and_gets_no_other() -> None:
    workers = Workers(3)
    workers.give('worker-3', 'a')

    workers.resize(1)

    assert workers.of('a') == 'worker-3'
    assert len(workers) == 2
    workers.give('worker-1', 'b')
    assert workers.free is None
    workers.release('worker-3')
    assert len(workers) == 1
    assert workers.free is None


def test_a_surplus_worker_that_is_wanted_again_is_kept() -> None:
    workers = Workers(2)
    workers.give('worker-2', 'a')

    workers.resize(1)
    workers.resize(2)
    workers.release('worker-2')

    assert len(workers) == 2


def test_what_works_on_the_files_of_this_machine_goes_to_no_other() -> None:
    workers = Workers(1)
    workers.offer({'annex': Offer(2, {'cores': 8})})
    needs = {'here': 1.0}

    assert workers.free_for(needs, lambda machine: [], has_space) == 'worker-1'
    assert workers.free_for(needs, lambda machine: [needs, needs], has_space) == 'worker-1'
    workers.give('worker-1', 'a')

    assert workers.free == 'annex-1'
    assert workers.free_for(needs, lambda machine: [needs], has_space) is None
    assert workers.used_with(needs) == ['']


def test_a_drained_machine_finishes_its_run_and_counts_no_more_for_those_that_wait() -> None:
    workers = Workers(1)
    workers.offer({'annex': Offer(2, {'gpu': 1})})
    workers.give('annex-1', 'a')
    workers.drained.add('annex')

    assert (len(workers), workers.usable) == (3, 2)
    assert workers.used_with({'gpu': 1}) == []
    assert workers.drained_with({'gpu': 1}) == ['annex']
    assert workers.drained_with({'gpu': 2}) == []
