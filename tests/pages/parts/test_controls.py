"""Controls and cards: what they say to a screen reader, and what they hand on when they are used."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pages.parts.cards import StatCard, area_of, empty, line_of, points_of, set_props, tick
from pages.parts.controls import Picker, Slot, entry, segments, select, switch
from pages.parts.html import LOOKS, WORDS, Glyph, button, el, look_of, opens
from pages.parts.upload import UploadZone
from pages.parts.words import kinds_of
from synapse.catalog.info import PipelineInfo
from synapse.runs.records import RunState, StepState
from tests.parts.pickers import choice, chosen, pick
from tests.parts.run_records import NOW
from tests.parts.screens import Screen, drawn, fire, text_of, type_into


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


# Elements


def test_text_is_text_and_attributes_keep_their_dashes(screen: Screen) -> None:
    element = screen.draw(lambda: el('button', 'sy-btn', '<b>', type_='button', aria_label='Close'))

    assert (element.text, element.props['type'], element.props['aria-label']) == ('<b>', 'button', 'Close')


def test_an_element_is_announced_once_however_much_it_has(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def announced(**attributes: str) -> int:
        sent: list[object] = []
        monkeypatch.setattr(type(screen.client.outbox), 'enqueue_update', lambda _, element: sent.append(element))
        made = screen.draw(lambda: el('button', 'sy-btn sy-btn is-sm', 'Close', **attributes))
        assert made.classes == ['sy-btn', 'is-sm']
        return sent.count(made)

    assert announced(type_='button', aria_label='Close', data_key='x') == announced()


@pytest.mark.parametrize('state', [*RunState, *StepState])
def test_every_state_has_a_word_and_a_look(screen: Screen, state: str) -> None:
    glyph = screen.draw(lambda: Glyph(state))

    assert glyph.props['aria-label'] == WORDS[state]
    assert look_of(state) == LOOKS.get(state, state)


def test_a_button_without_a_text_is_an_icon_with_a_label(screen: Screen) -> None:
    made = screen.draw(lambda: button('', icon_name='x', aria_label='Close'))

    assert 'is-icon' in made.classes
    assert screen.button('Close') is made


async def test_what_opens_says_so_before_it_is_pressed_and_is_settled_after(screen: Screen) -> None:
    done: list[str] = []

    async def work() -> None:
        done.append('opened')

    opener = screen.draw(lambda: opens(button('New run'), work))
    await fire(opener)

    assert (opener.props['data-opens'], opener.props['aria-haspopup']) == ('told', 'dialog')
    assert done == ['opened']


def test_props_are_sent_only_when_one_is_new_and_none_removes(screen: Screen) -> None:
    element = screen.draw(lambda: el('li', data_run='a'))
    sent: list[str] = []
    element.update = lambda: sent.append('sent')  # type: ignore[method-assign]

    set_props(element, data_run='a')
    assert sent == []
    set_props(element, data_run=None, hidden=True)

    assert sent, 'one is new'
    assert 'data-run' not in element.props
    assert element.props['hidden'] is True


def test_a_clock_counts_in_the_browser_until_it_gets_a_text(screen: Screen) -> None:
    clock = screen.draw(lambda: el('span'))
    tick(clock, since=NOW)
    assert clock.props['data-since'] == str(int(NOW.timestamp() * 1000))

    tick(clock, text='2:18')

    assert clock.text == '2:18'
    assert 'data-since' not in clock.props


# Slots and native controls


def test_a_slot_names_its_control_and_describes_it(screen: Screen) -> None:
    def draw() -> Slot:
        slot = Slot('title', 'Title', help_text='As the calendar shows it.')
        with slot.body:
            entry('title', 'Backup', lambda _: None)
        return slot

    slot = screen.draw(draw)
    slot.show_error('Give a value.')
    slot.show_fact('short')

    box = screen.one(tag='input')
    described = [text_of(screen.one(id=id)) for id in box.props['aria-describedby'].split()]
    assert described == ['As the calendar shows it.', 'Give a value.']
    assert text_of(screen.one(tag='label')) == 'Title short'
    assert 'is-wrong' in slot.box.classes


def test_a_group_is_labelled_as_one(screen: Screen) -> None:
    slot = screen.draw(lambda: Slot('repeats', 'Repeats', is_group=True))

    assert slot.body.props['role'] == 'group'
    assert text_of(screen.one(id=slot.body.props['aria-labelledby'])) == 'Repeats'


async def test_controls_hand_on_what_was_told(screen: Screen) -> None:
    told: list[Any] = []
    options = {'a': 'First', 'b': 'Second'}

    def draw() -> None:
        entry('text', '', told.append)
        select('list', options, 'a', told.append)
        segments('parts', options, 'a', told.append, label='Parts')
        switch('Loud', False, told.append)

    screen.draw(draw)
    await type_into(screen.one(id='text'), 'hello')
    await fire(screen.one(id='list'), 'change', 'b')
    await fire(screen.all(type='radio')[1], 'change')
    await fire(screen.one(role='switch'), 'change', True)

    assert told == ['hello', 'b', 'b', True]


async def test_a_picker_offers_other_options_without_a_choice_of_the_person(screen: Screen) -> None:
    picked: list[str] = []
    picker = screen.draw(lambda: Picker({'a': 'First'}, 'a', label='Which', changed=picked.append))
    picker.offer({'a': 'First', 'b': 'Second'}, 'b')
    assert (picker.value, picked) == ('b', [])

    await pick(screen.one(tag='select'), 'a')

    assert (picker.value, picked) == ('a', ['a'])


async def test_what_was_chosen_is_not_written_back_while_the_next_key_is_pressed(screen: Screen) -> None:
    screen.draw(lambda: Picker({'a': 'First', 'b': 'Second'}, 'a', label='Which', changed=lambda _: None))
    select = screen.one(tag='select')
    sent = dict(select.props), list(select.default_slot.children)

    await pick(select, 'b')

    assert (select.props, select.default_slot.children) == sent
    assert 'value' not in select.props  # the framework would set it again with each change of the page


async def test_a_choice_made_while_other_options_were_on_their_way_is_shown_among_those(screen: Screen) -> None:
    picker = screen.draw(lambda: Picker({'a': 'A', 'b': 'B'}, 'a', label='Which', changed=lambda _: None))
    select = screen.one(tag='select')
    before = choice(select, 'b')
    picker.offer({'a': 'A', 'b': 'B', 'c': 'C'}, 'a')

    await fire(select, 'change', before)

    assert (picker.value, chosen(select)) == ('b', 'b')


# Cards


def test_an_empty_card_says_what_is_missing_and_what_to_do(screen: Screen) -> None:
    def draw() -> None:
        with empty('No runs yet', 'Drop a file.', 'runs'):
            button('New run')

    screen.draw(draw)

    assert screen.texts == ['No runs yet', 'Drop a file.', 'New run']


@pytest.mark.parametrize(('is_alarm', 'strong'), [(False, [2]), (True, [0, 2])])
def test_today_stands_out_among_bars_and_in_an_alarm_every_day_that_has_any(
    screen: Screen, is_alarm: bool, strong: list[int]
) -> None:
    card = screen.draw(lambda: StatCard('Need a look', '/runs'))
    card.bars([1, 0, 3], is_alarm=is_alarm)

    bars = screen.all(tag='rect')
    assert [place for place, bar in enumerate(bars) if bar.props['opacity'] == '1'] == strong
    assert [float(bar.props['height']) for bar in bars] == [9.3, 1.5, 28.0]


def test_a_curve_of_one_day_is_not_drawn(screen: Screen) -> None:
    card = screen.draw(lambda: StatCard('Succeeded', '/runs'))
    card.curve([None, 4.0], 'green')
    assert screen.all(tag='path') == []

    card.curve([2.0, 4.0], 'green')

    assert screen.one(css='d').props['cx'] == '92.0'


def test_the_area_below_a_curve_ends_at_its_foot() -> None:
    points = points_of([0.0, 10.0], width=96, height=30)

    assert area_of(points, 30) == f'{line_of(points)} L92.0 30 L2.0 30Z'
    assert area_of([], 30) == ''


def test_given_limits_hold_a_curve_in_its_place() -> None:
    (low, high) = points_of([0.0, 50.0], width=96, height=30, low=0, high=100)

    assert low[1] == 26
    assert high[1] == 15


# Uploads


FILMS = ('.mp4', '.mov', '.mkv', '.avi', '.webm')


def zone(screen: Screen, received: Any = lambda item: None, *, max_bytes: int = 20 * 1024**3) -> UploadZone:
    return screen.draw(lambda: UploadZone(max_bytes, received))


def pipeline(*accepts: str) -> PipelineInfo:
    return PipelineInfo(name='Clips', title='Cut clips', accepts=accepts)


def test_a_zone_says_what_it_takes_how_large_and_what_happens_then(screen: Screen) -> None:
    made = zone(screen)
    made.ask_for(pipeline(*FILMS), profile='Studio', starts=True, suffixes=[*FILMS, '.gz'])

    assert 'Video files, such as mp4, mov, mkv, up to 20 GiB. It starts right away.' in screen.texts
    assert made.input.props['aria-label'] == 'Drop a video here or press Enter to choose one'
    assert (made.props['data-accepts'], made.props['data-pipeline']) == ('.mp4,.mov,.mkv,.avi,.webm,.gz', 'Cut clips')
    assert made.props['data-kinds'] == 'video files, such as mp4, mov, mkv'


def test_a_pipeline_that_names_no_suffix_takes_any_file(screen: Screen) -> None:
    made = zone(screen, max_bytes=1000)
    made.ask_for(pipeline('.mp4'), profile='', starts=False, suffixes=['.mp4'])
    made.ask_for(pipeline(), profile='', starts=False, suffixes=())

    assert 'Any file, up to 1 kB. A few questions follow.' in screen.texts
    made.ask_for(pipeline('.txt', '.md'), profile='', starts=False, suffixes=())
    assert 'Takes txt, md, up to 1 kB. A few questions follow.' in screen.texts
    made.ask_for(pipeline(), profile='', starts=False, suffixes=())
    assert 'Drop a file' in screen.texts
    assert 'data-accepts' not in made.props
    assert 'accept' not in screen.one(type='file').props


async def test_what_has_arrived_is_handed_on_in_its_order(screen: Screen) -> None:
    items: list[str] = []

    async def received(item: Any) -> None:
        items.append(item['id'])

    made = zone(screen, received)
    for id in ('a', 'b'):
        await fire(made, 'uploaded', {'id': id})

    assert items == ['a', 'b']


def test_at_most_three_suffixes_are_named() -> None:
    assert kinds_of(FILMS) == 'video files, such as mp4, mov, mkv'
    assert kinds_of([]) == 'any file'
