import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from synapse import Pipeline, Run, StepFailed, step
from synapse.durations import parse_duration
from synapse.pipelines.describe import describe, validate_parameters, words
from synapse.pipelines.pipeline import steps_of
from synapse.pipelines.state import restored, state_of


class PublishVideo(Pipeline):
    """Check, caption and render.

    More about it.
    """

    accepts: ClassVar[tuple[str, ...]] = ('.mp4', 'MOV')
    max_parallel: ClassVar[int | None] = 1
    video: Path
    caption: str = ''
    height: Literal[720, 1080] = 1080
    title: str = 'a parameter may have this name'
    _poster: Path | None = None

    @step
    def ingest(self, run: Run) -> None: ...

    @step(retries=2, timeout='30m')
    async def burn_in(self, run: Run) -> None: ...

    def helper(self) -> None: ...


def test_a_pipeline_describes_itself_as_plain_json() -> None:
    described = describe(PublishVideo)

    assert (described['name'], described['title']) == ('PublishVideo', 'Publish video')
    assert described['description'] == 'Check, caption and render.\n\nMore about it.'
    assert described['steps'] == [
        {'name': 'ingest', 'title': 'INGEST', 'retries': 0, 'timeout': None},
        {'name': 'burn_in', 'title': 'BURN IN', 'retries': 2, 'timeout': 1800.0},
    ]
    assert (described['accepts'], described['max_parallel']) == (['.mp4', '.mov'], 1)


def test_the_schema_says_which_files_the_path_accepts_and_lists_fields_in_order() -> None:
    schema = describe(PublishVideo)['schema']

    assert schema['properties']['video'] == {
        'format': 'path',
        'title': 'Video',
        'type': 'string',
        'x-accepts': ['.mp4', '.mov'],
    }
    assert list(schema['properties']) == ['video', 'caption', 'height', 'title']
    assert schema['required'] == ['video']


def test_a_title_may_be_chosen() -> None:
    class Sync(Pipeline):
        title: ClassVar[str] = 'Mirror the photos'

        @step(title='Copy')
        def copy_all(self) -> None: ...

    assert (describe(Sync)['title'], describe(Sync)['steps'][0]['title']) == ('Mirror the photos', 'Copy')


def test_steps_of_a_base_class_come_first_and_an_override_keeps_its_place() -> None:
    class Longer(PublishVideo):
        @step
        def publish(self, run: Run) -> None: ...

        @step(retries=5)
        def ingest(self, run: Run) -> None: ...

    assert [(item.name, item.retries) for item in steps_of(Longer)] == [('ingest', 5), ('burn_in', 2), ('publish', 0)]


def test_a_pipeline_without_steps_is_refused_by_name() -> None:
    class Idle(Pipeline):
        pass

    with pytest.raises(TypeError, match=r'The pipeline Idle has no step. Mark at least one method with @step.'):
        describe(Idle)


def test_fields_and_private_attributes_survive_as_json() -> None:
    pipeline = PublishVideo(video=Path('/in/a.mp4'), height=720)
    pipeline._poster = Path('/out/a.jpg')
    pipeline.caption = 'changed by a step'

    again = restored(PublishVideo, state_of(pipeline)[0])

    assert again == pipeline
    assert (again.caption, again._poster) == ('changed by a step', Path('/out/a.jpg'))


def test_a_state_that_no_longer_fits_is_refused() -> None:
    with pytest.raises(ValueError, match='height'):
        restored(PublishVideo, {'video': '/a.mp4', 'height': 144})


@pytest.mark.parametrize(
    ('value', 'seconds'),
    [(3, 3), (0.5, 0.5), ('2s', 2), ('500ms', 0.5), ('30m', 1800), ('1h30m', 5400), ('1 d', 86400), ('90', 90)],
)
def test_a_duration_is_read(value: Any, seconds: float) -> None:
    assert parse_duration(value) == seconds


@given(st.integers(0, 10**6))
def test_a_duration_of_any_kind_means_the_same(seconds: int) -> None:
    assert parse_duration(f'{seconds}s') == parse_duration(timedelta(seconds=seconds)) == parse_duration(seconds)


@pytest.mark.parametrize('value', ['', 'soon', '5 parsecs', '-3s', -1, True, None, float('nan'), float('inf')])
def test_an_invalid_duration_is_refused_with_an_example(value: Any) -> None:
    with pytest.raises(ValueError, match='write seconds, or text like "90s"'):
        parse_duration(value)


def test_options_of_a_step_are_checked_where_they_are_written() -> None:
    with pytest.raises(ValueError, match='retries must be a whole number'):
        step(retries=-1)
    with pytest.raises(ValueError, match='timeout must be longer'):
        step(timeout=0)
    with pytest.raises(TypeError, match=r'must take \(self, run\)'):
        step(lambda self, run, more: None)


def test_a_step_that_yields_is_refused() -> None:
    with pytest.raises(TypeError, match='yields'):

        @step
        def wrong(self: Any, run: Run) -> Any:
            yield 1


@pytest.mark.parametrize(
    ('name', 'title'),
    [('PublishVideo', 'Publish video'), ('SyncNASFolder', 'Sync NAS folder'), ('Top10', 'Top 10'), ('x', 'X')],
)
def test_a_class_name_is_split_into_words(name: str, title: str) -> None:
    assert words(name) == title


def test_an_expected_failure_has_a_message_and_a_hint() -> None:
    failure = StepFailed('The file is empty.', hint='Record it again.')

    assert (str(failure), failure.hint) == ('The file is empty.', 'Record it again.')


class Strict(PublishVideo):
    count: int = 1
    words: list[int] = Field(default=[])
    others: list[Path] = Field(default=[])

    def model_post_init(self, context: Any) -> None:
        if self.count == 13:
            raise ValueError('thirteen is unlucky')


@pytest.mark.parametrize(
    ('values', 'field', 'sentence'),
    [
        ({'video': None}, 'video', 'Write the path of a file or folder.'),
        ({'height': 144}, 'height', 'Choose 720 or 1080.'),
        ({'count': 'many'}, 'count', 'Write a whole number.'),
        ({'caption': 3}, 'caption', 'Write text here.'),
        ({'words': [1, 'x']}, 'words', 'Item 2: Write a whole number.'),
        ({'video': '/a\0.mp4'}, 'video', 'NUL characters are not allowed.'),
        ({'others': ['/b.mp4', '/a\0b']}, 'others', 'NUL characters are not allowed.'),
        ({'colour': 'red'}, 'colour', "This pipeline has no parameter called 'colour'."),
    ],
)
def test_each_wrong_field_gets_one_plain_sentence(values: dict[str, Any], field: str, sentence: str) -> None:
    answer = validate_parameters(Strict, {'video': '/a.mp4', **values})

    assert answer == {'ok': False, 'fields': {field: sentence}}


def test_a_file_name_that_is_not_utf8_is_accepted() -> None:
    assert validate_parameters(Strict, {'video': '/caf\udce9.mp4', 'others': ['/caf\udce9']})['ok']


def test_a_missing_value_and_a_custom_validator_are_reported_too() -> None:
    assert validate_parameters(Strict, {})['fields'] == {'video': 'A value is needed here.'}
    assert 'thirteen is unlucky' in str(validate_parameters(Strict, {'video': '/a', 'count': 13})['fields'])


def test_good_values_come_back_with_their_defaults() -> None:
    answer = validate_parameters(PublishVideo, {'video': '/a.mp4'})

    assert answer['ok']
    assert answer['parameters']['height'] == 1080


def test_a_pipeline_file_needs_no_nicegui_and_no_web_framework() -> None:
    code = (
        'import sys; from synapse import Pipeline, Run, step; import synapse.host.job, synapse.engine.warden\n'
        'print(*(name for name in ("nicegui", "fastapi", "starlette", "uvicorn") if name in sys.modules))'
    )

    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ''
