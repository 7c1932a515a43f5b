"""What the parts of pages decide without a browser."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pages.parts.cards import line_of, points_of
from pages.parts.scope import Scope
from pages.parts.upload import suffixes
from pages.runs.run_words import listed, what_stops
from pages.runs.start_run import file_parameter, needs_only
from pages.shell.palette import MOST, Command, found
from synapse.catalog.catalog import PipelineInfo
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.runs.records import RunRecord, RunState, StepRun, StepState

NOW = datetime(2026, 10, 14, 12, 8, 31, tzinfo=UTC)


def command(words: str, *, group: str = 'Commands', note: str = '') -> Command:
    return Command(group=group, words=words, note=note, do=lambda: None)


def pipeline(**values: Any) -> PipelineInfo:
    return PipelineInfo(name='Clips', title='Clips', **({'source': '/home/me/clips.py'} | values))


def run(state: RunState, *steps: StepRun) -> RunRecord:
    return RunRecord(id='a', number=7, pipeline='PublishVideo', parameters={}, state=state, steps=steps, created_at=NOW)


def room_without_pipelines() -> ControlRoom:
    def get(name: str) -> PipelineInfo:
        raise NotFound('pipeline_not_found', f'No pipeline is called {name!r}.')

    return cast(ControlRoom, SimpleNamespace(catalog=SimpleNamespace(get=get)))


def test_the_palette_wants_every_word_and_keeps_groups_together() -> None:
    commands = [
        command('Run Publish video'),
        command('New run'),
        command('#12 teaser.mp4', group='Runs', note='Publish video, failed at RENDER'),
        command('Profiles', group='Pages'),
    ]

    assert [item.words for item in found(commands, 'run pub')] == ['Run Publish video', '#12 teaser.mp4']
    assert [item.words for item in found(commands, 'zebra')] == []


def test_the_palette_puts_what_was_used_last_first_and_shows_no_more_than_it_should() -> None:
    commands = [command(f'Run pipeline {number}') for number in range(30)]

    results = found(commands, 'run', recent=['Run pipeline 17'])

    assert results[0].words == 'Run pipeline 17'
    assert len(results) == MOST


@pytest.mark.parametrize(
    ('schema', 'expected'),
    [
        ({'properties': {'a': {'format': 'path'}, 'b': {'format': 'path', 'x-accepts': ['.mp4']}}}, 'b'),
        ({'properties': {'a': {'type': 'string'}, 'b': {'format': 'path'}}, 'required': ['b']}, 'b'),
        ({'properties': {'a': {'anyOf': [{'format': 'path'}, {'type': 'null'}]}}}, None),
        ({'properties': {'a': {'type': 'string'}}, 'required': ['a']}, None),
        ({}, None),
    ],
)
def test_a_dropped_file_goes_into_the_parameter_that_takes_one(schema: dict[str, Any], expected: str | None) -> None:
    assert file_parameter(pipeline(schema=schema)) == expected


def test_what_is_built_in_takes_a_file_only_if_it_says_which() -> None:
    schema = {'properties': {'folder': {'format': 'path'}}, 'required': ['folder']}

    assert file_parameter(pipeline(schema=schema, source='built-in')) is None


def test_a_form_is_asked_for_only_what_no_default_gives() -> None:
    info = pipeline(schema={'required': ['video', 'channel']})

    assert not needs_only(info, 'video', {})
    assert needs_only(info, 'video', {'channel': 'studio'})


def test_stopping_says_what_ends_and_what_is_kept() -> None:
    done = [StepRun(name=name, state=StepState.SUCCEEDED) for name in ('ingest', 'caption')]
    active = StepRun(name='render', state=StepState.RUNNING, progress=63)

    assert what_stops(room_without_pipelines(), run(RunState.RUNNING, *done, active)) == (
        'RENDER ends now, at 63 %. INGEST and CAPTION are kept, so you can retry from RENDER later.'
    )
    assert 'removed from the queue' in what_stops(room_without_pipelines(), run(RunState.QUEUED))


def test_names_are_listed_as_a_person_does() -> None:
    assert [listed(names) for names in ([], ['A'], ['A', 'B'], ['A', 'B', 'C'])] == ['', 'A', 'A and B', 'A, B and C']


def test_a_curve_leaves_out_days_without_a_value_and_needs_two() -> None:
    points = points_of([None, 10.0, None, 20.0], width=96, height=30)

    assert [x for x, _ in points] == [2, 92]
    assert points[0][1] > points[1][1], 'more is higher, and y grows downwards'
    assert line_of(points_of([5.0], width=96, height=30)) == ''


def test_a_curve_without_change_is_a_line_in_the_middle() -> None:
    assert {y for _, y in points_of([3.0, 3.0, 3.0], width=96, height=30)} == {15}


def test_at_most_three_endings_are_named() -> None:
    assert suffixes(['.mp4', '.mov', '.mkv', '.avi']) == 'mp4, mov, mkv'
    assert suffixes([]) == 'Any file'


def test_a_scope_belongs_to_an_element() -> None:
    assert hasattr(Scope, '_handle_delete'), 'what NiceGUI calls when an element goes; see scope.py'
