"""Options for the process of a run: what a pipeline may declare. Parameters and methods may have the same names."""

from typing import Any, ClassVar

import pytest

from synapse.pipelines.describe import describe, validate_parameters
from synapse.pipelines.options import ProcessOptions, options_of
from synapse.pipelines.pipeline import BrokenPipeline, Pipeline, step


def pipeline(**options: Any) -> type[Pipeline]:
    def go(self: Pipeline) -> None: ...

    declared = dict.fromkeys(options, ClassVar[Any])
    body = {'__annotations__': declared, '__module__': __name__, 'go': step(go), **options}
    return type('Mine', (Pipeline,), body)


def test_nothing_is_changed_unless_it_is_declared() -> None:
    assert options_of(pipeline()) == ProcessOptions()


def test_options_are_what_a_pipeline_declares() -> None:
    given = {
        'nice': 10,
        'ionice': 'idle',
        'umask': 0o027,
        'environment': {'A': 'b'},
        'token_scope': 'read',
        'stop_signal': 'SIGINT',
        'grace_seconds': 90.5,
        'on_interrupt': 'retry',
        'memory_limit': 2_000_000_000,
        'needs_free': 1,
        'output_limit': 1000,
        'stall_after': 60.0,
    }

    assert options_of(pipeline(**given)) == ProcessOptions(**given)
    assert describe(pipeline(**given))['token_scope'] == 'read'


def test_no_annotation_is_needed() -> None:
    class Mine(Pipeline):
        nice = 5

        @step
        def go(self) -> None: ...

    assert options_of(Mine).nice == 5
    assert Mine.model_fields == {}


def test_parameters_and_methods_may_have_these_names() -> None:
    class Mine(Pipeline):
        nice: int = 3
        environment: dict[str, str] = {'A': 'b'}  # noqa: RUF012 - a parameter: each run gets a copy

        @step
        def umask(self) -> None: ...

    assert options_of(Mine) == ProcessOptions()
    assert validate_parameters(Mine, {'nice': 4})['parameters'] == {'nice': 4, 'environment': {'A': 'b'}}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'nice': 20}, 'Mine.nice must be a whole number from -20 to 19, not 20'),
        ({'nice': True}, 'Mine.nice must be'),
        ({'ionice': 'fast'}, "Mine.ionice must be 'idle' or 'best-effort', or a level from 0 to 7, not 'fast'"),
        ({'ionice': 8}, 'Mine.ionice must be'),
        ({'stop_signal': 'SIGKILL'}, "Mine.stop_signal must be 'SIGTERM' or 'SIGINT' or"),
        ({'grace_seconds': 3601}, 'Mine.grace_seconds must be a number of seconds from 0 to 3600, not 3601'),
        ({'grace_seconds': '10s'}, 'Mine.grace_seconds must be'),
        ({'grace_seconds': True}, 'Mine.grace_seconds must be'),
        ({'umask': '022'}, "Mine.umask must be a whole number from 0o0 to 0o777, not '022'"),
        ({'environment': {'A': 1}}, "Mine.environment must be like {'NAME': 'value'}, not {'A': 1}"),
        ({'environment': {'SYNAPSE_DATA': '/x'}}, 'Mine.environment cannot set SYNAPSE_DATA'),
        ({'token_scope': 'admin'}, "Mine.token_scope must be 'read' or 'run', not 'admin'"),
    ],
)
def test_an_invalid_option_breaks_the_pipeline(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BrokenPipeline) as raised:
        describe(pipeline(**options))

    assert str(raised.value).startswith(message)


def test_limits_are_sizes_and_times_as_people_write_them() -> None:
    mine = pipeline(memory_limit='1.5 GB', needs_free='2GiB', output_limit=1_000, stall_after='30m', nice=5)

    limits = {'memory_limit': 1_500_000_000, 'needs_free': 2 * 1024**3, 'output_limit': 1_000, 'stall_after': 1800.0}
    assert describe(mine)['limits'] == {'nice': 5, **limits}
    assert describe(pipeline(stall_after=0))['limits'] == {'stall_after': 0.0}
    assert 'limits' not in describe(pipeline(umask=0o027))


@pytest.mark.parametrize('size', ['2 parsecs', '', 0, -1, True, 1.5, 'GB'])
def test_a_limit_that_is_no_size_breaks_the_pipeline(size: Any) -> None:
    with pytest.raises(BrokenPipeline, match=r'Mine\.memory_limit: .* is not a size'):
        options_of(pipeline(memory_limit=size))


def test_needs_are_amounts_by_name() -> None:
    found = options_of(pipeline(needs={'gpu': 1, 'cores': 2.5, 'memory': '8 GB'})).limits

    assert found == {'needs': {'gpu': 1.0, 'cores': 2.5, 'memory': 8e9}}


@pytest.mark.parametrize(
    'needs', ['gpu', {'GPU': 1}, {'gpu': 0}, {'gpu': -1}, {'gpu': 'many'}, {'memory': '8 cores'}, {1: 1}, {'gpu': None}]
)
def test_needs_that_are_none_are_refused(needs: object) -> None:
    with pytest.raises(BrokenPipeline, match=r"needs must be like \{'gpu': 1"):
        options_of(pipeline(needs=needs))
