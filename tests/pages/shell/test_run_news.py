"""What is read aloud about runs: that they start and end, however much happens in between."""

import pytest
from nicegui.elements.mixins.text_element import TextElement

from pages.shell import run_news
from pages.shell.run_news import RunNews
from tests.parts.screens import Stage, staged


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_news, 'AT_MOST_EVERY_SECONDS', 0.001)


def listened(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read aloud from now on."""
    heard: list[str] = []
    words = stage.screen.draw(lambda: RunNews(stage.room))._words
    set_text = TextElement.set_text

    def hear(element: TextElement, text: str) -> None:
        if element is words and text != element.text:
            heard.append(text)
        set_text(element, text)

    monkeypatch.setattr(TextElement, 'set_text', hear)
    return heard


async def test_a_hundred_reports_of_a_run_are_not_read_aloud(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        heard = listened(stage, monkeypatch)
        run = await stage.run()
        await stage.step(run, 'running')
        await stage.drawn(lambda: heard == ['#1 true: Running'])
        for percent in range(1, 101):
            stage.hosts[run.id].say(t='progress', step='execute', percent=float(percent), note=f'{percent} of 100')
        await stage.until(lambda: stage.last[run.id].steps[0].progress == 100)
        await stage.end(run)

        await stage.drawn(lambda: heard == ['#1 true: Running', '#1 true: Succeeded'])


async def test_the_bell_alone_says_that_a_run_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged() as stage:
        heard = listened(stage, monkeypatch)
        await stage.end(await stage.run(), 'failed')
        await stage.end(await stage.run())

        await stage.drawn(lambda: '#2 true: Succeeded' in heard)
        assert '#1 true: Succeeded' not in heard
