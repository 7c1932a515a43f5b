"""What a newcomer is offered after the first run."""

from pages.dashboard.next_steps import NextSteps
from synapse.catalog.first_file import EXAMPLE, write_first_file
from tests.parts.screens import Stage, fire, is_shown, staged


def opened(stage: Stage) -> NextSteps:
    return stage.screen.draw(lambda: NextSteps(stage.room, 'RunCommand'))


async def test_a_first_pipeline_is_written_and_offered_as_soon_as_it_is_there() -> None:
    async with staged() as stage:
        opened(stage)
        await fire(stage.screen.button('Create hello.py'))

        await stage.drawn(lambda: 'Hello is there. Open hello.py in an editor and change it.' in stage.screen.texts)
        assert (stage.room.settings.data / 'pipelines/hello.py').read_text(encoding='utf-8') == EXAMPLE
        assert is_shown(stage.screen.button('Run it'))


async def test_it_does_not_come_back_once_it_was_closed() -> None:
    async with staged() as stage:
        opened(stage)
        await fire(stage.screen.one(aria_label='Close "What comes next"'))
        assert not is_shown(opened(stage))


async def test_a_file_that_is_there_already_stays_as_it_is() -> None:
    async with staged() as stage:
        folder = stage.room.settings.data / 'pipelines'
        (folder / 'hello.py').write_text('# mine')

        assert write_first_file(folder).read_text() == '# mine'
