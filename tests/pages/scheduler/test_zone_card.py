"""The card of events that moved with the rules of their zone: what it says, and that it goes when dismissed."""

from datetime import UTC, datetime
from pathlib import Path

from pages.scheduler.parts.zone_card import ROWS, ZoneCard, moved_words
from storage.documents import Documents
from synapse.calendar.zone_changes import MovedEvent, ZoneChange
from tests.parts.screen import Screen, name_of, opened_screen

MOVED = MovedEvent(
    event_id='report',
    title='Report',
    timezone='Asia/Tokyo',
    was=datetime(2026, 12, 1, 1, tzinfo=UTC),
    due=datetime(2026, 12, 1, 0, tzinfo=UTC),
)


def a_change(id: str, *titles: str) -> ZoneChange:
    return ZoneChange(
        id=id,
        found_at=datetime(2026, 11, 30, tzinfo=UTC),
        version='2026f',
        before='2025b',
        zones=('Asia/Tokyo',),
        count=len(titles),
        moved=tuple(MOVED.changed(title=title) for title in titles),
    )


def saved(data: Path, *changes: ZoneChange) -> None:
    data.mkdir()
    documents = Documents(data / 'zones.json')
    items = [change.model_dump(mode='json', exclude={'sentence'}) for change in changes]
    documents.put('changes', {'items': items})
    documents.close()


def rows(screen: Screen) -> list[str]:
    return [name_of(item) for item in screen.shown if item.tag == 'li']


def test_a_row_says_what_stayed_and_what_moved() -> None:
    words = 'Still 09:00 Tokyo time; from Tue 1 Dec 2026 on 1 h earlier: 00:00 instead of 01:00 UTC'

    assert moved_words(MOVED) == words


async def test_each_change_has_a_card_until_it_is_dismissed(tmp_path: Path) -> None:
    many = [f'Report {number}' for number in range(ROWS + 3)]
    saved(tmp_path / 'data', a_change('old', 'Backup'), a_change('new', *many))
    async with opened_screen(tmp_path / 'data') as screen:
        with screen.drawing():
            ZoneCard(screen.room)
        await screen.until(lambda: screen.has('1 event moved by an hour: the rules of Asia/Tokyo changed.'))
        assert screen.has('And 3 more.')
        assert len(rows(screen)) == ROWS + 1

        screen.press('Got it: 1 event moved by an hour: the rules of Asia/Tokyo changed.')
        await screen.until(lambda: len(rows(screen)) == ROWS)
        screen.press('Got it: 23 events moved by an hour: the rules of Asia/Tokyo changed.')
        await screen.until(lambda: rows(screen) == [])

        assert [*screen.room.zone_changes.all] == []
    async with opened_screen(tmp_path / 'data') as screen:
        await screen.room.zone_changes.checked.wait()
        assert [*screen.room.zone_changes.all] == []
