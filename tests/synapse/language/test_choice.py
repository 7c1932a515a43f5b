"""Which language is spoken to whom."""

import asyncio
from collections.abc import Iterator

import pytest

from synapse import language as languages
from synapse.language import (
    AUTO,
    _,
    answering_in,
    in_thread,
    language,
    language_for,
    preferred,
    read_language,
    speak,
    tag_of,
)


@pytest.fixture(autouse=True)
def _own_again() -> Iterator[None]:
    yield
    speak('en')


@pytest.mark.parametrize(
    ('text', 'meant'),
    [
        ('pt-BR', 'pt_BR'),
        ('pt_BR.UTF-8', 'pt_BR'),
        ('pt', 'pt_BR'),
        ('PT-pt', 'pt_BR'),
        ('en_US', 'en'),
        ('C', None),
        ('de', None),
    ],
)
def test_a_name_means_the_nearest_language(text: str, meant: str | None) -> None:
    assert read_language(text) == meant


@pytest.mark.parametrize(
    ('accepted', 'first'),
    [
        ('pt-BR,pt;q=0.9,en-US;q=0.8', 'pt_BR'),
        ('fr, en;q=0.5, pt;q=0.7', 'pt_BR'),
        ('en-GB', 'en'),
        ('pt;q=0, en;q=0.1', 'en'),
        ('pt;q=much, en', 'en'),
        ('fr', None),
        ('', None),
    ],
)
def test_the_first_accepted_language_that_is_there(accepted: str, first: str | None) -> None:
    assert preferred(accepted) == first


def test_what_browsers_send_is_not_remembered_without_end() -> None:
    for number in range(1000):
        preferred(f'x-{number}')

    assert preferred.cache_info().currsize < 100


def test_what_was_chosen_counts_more_than_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LC_ALL', 'pt_BR.UTF-8')
    speak(AUTO)
    assert (language(), language_for('en'), language_for('')) == ('pt_BR', 'en', 'pt_BR')
    speak('en')
    assert language_for('pt-BR') == 'en'


async def test_a_task_that_outlives_its_request_speaks_our_own_language() -> None:
    go_on = asyncio.Event()

    async def task() -> tuple[str, str]:
        during = language()
        await go_on.wait()
        return during, language()

    with answering_in('pt_BR'):
        started = asyncio.create_task(task())
        await asyncio.sleep(0)
    go_on.set()

    assert await started == ('pt_BR', 'en')


def test_browsers_get_tags_that_they_know() -> None:
    assert [tag_of(name) for name in languages.LANGUAGES] == ['en-GB', 'pt-BR']


async def test_a_thread_speaks_the_language_of_whoever_waits_for_it() -> None:
    with answering_in('en_XA'):
        assert await in_thread(lambda: _('no disk')) == '⟦no disk⟧'
