"""What a person chose about language, week and time zone: saved, checked, and told to all who look."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.documents import Documents
from synapse.bus import Bus
from synapse.control_room import ControlRoom
from synapse.errors import Invalid
from synapse.language import answering_in, language_for, own_language, speak
from synapse.preferences import Preferences, PreferencesChanged, SavedPreferences
from synapse.settings import Settings


@pytest.fixture(autouse=True)
def _speaks_english() -> Iterator[None]:
    yield
    speak('auto')


def saved(path: Path, *, is_language_fixed: bool = False) -> SavedPreferences:
    return SavedPreferences(Documents(path / 'settings.json'), Bus(), is_language_fixed=is_language_fixed)


async def test_a_choice_counts_at_once_and_after_a_restart(tmp_path: Path) -> None:
    bus = Bus()
    heard: list[PreferencesChanged] = []
    bus.subscribe(PreferencesChanged, heard.append)
    documents = Documents(tmp_path / 'settings.json')
    choices = SavedPreferences(documents, bus, is_language_fixed=False)

    await choices.change(language='pt_BR', week_start='saturday')
    documents.close()

    assert [(news.before.language, news.now.language) for news in heard] == [('auto', 'pt_BR')]
    assert (own_language(), language_for('en')) == ('pt_BR', 'pt_BR')
    speak('auto')
    assert saved(tmp_path).now == Preferences(language='pt_BR', week_start='saturday')
    assert own_language() == 'pt_BR'


async def test_the_flag_comes_before_what_is_chosen(tmp_path: Path) -> None:
    speak('en')
    choices = saved(tmp_path, is_language_fixed=True)

    await choices.change(language='pt_BR')

    assert own_language() == 'en'


@pytest.mark.parametrize(
    ('name', 'value'), [('language', 'tlh'), ('week_start', 'tuesday'), ('timezone', 'Europe/Lisboa')]
)
async def test_what_nobody_can_mean_is_refused_with_a_sentence(tmp_path: Path, name: str, value: str) -> None:
    choices = saved(tmp_path)

    with pytest.raises(Invalid) as refused:
        await choices.change(**{name: value})

    assert ' ' in refused.value.fields[name]
    assert choices.now == Preferences()


def test_weeks_begin_as_chosen_or_as_the_language_of_the_reader_has_it() -> None:
    assert Preferences(week_start='saturday').first_weekday == 5
    with answering_in('pt_BR'):
        assert Preferences().first_weekday == 6
    with answering_in('en'):
        assert Preferences().first_weekday == 0


def test_what_cannot_be_read_counts_as_not_chosen(tmp_path: Path) -> None:
    documents = Documents(tmp_path / 'settings.json')
    documents.put('preferences', {'language': 'tlh', 'week_start': 'sunday', 'colour': 'blue'})
    documents.close()

    assert saved(tmp_path).now == Preferences(week_start='sunday')


async def test_a_time_zone_counts_from_the_next_start_on(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    room = ControlRoom.build(settings)
    before = room.here.name
    await room.choices.change(timezone='Pacific/Chatham')
    assert room.here.name == before
    room.preferences.close()

    assert ControlRoom.build(settings).here.name == 'Pacific/Chatham'
