"""The row with the time-zone data: what pip says is shown, with a sentence about how it ended."""

import os
from pathlib import Path

import pytest

from pages.settings.zone_data import ZoneDataRow
from tests.parts.on_page import opened, text_of

OFFLINE = 'The package index cannot be reached. Check the network and its proxy, then try again.'


async def test_what_pip_says_is_shown_and_how_it_ended_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith('PIP_')]:
        monkeypatch.delenv(name)
    monkeypatch.setenv('PIP_CONFIG_FILE', os.devnull)
    monkeypatch.setenv('PIP_INDEX_URL', 'http://127.0.0.1:9/simple')  # nothing is installed from there
    async with opened(tmp_path, ZoneDataRow) as it:
        version = it.room.status.timezone_data['version'] or 'Unknown'
        assert version in text_of(it.part)

        it.press('Look for newer')
        await it.until(lambda: OFFLINE in text_of(it.part), 60)

        assert 'Requirement already satisfied: tzdata' in text_of(it.part)
        assert not it.room.zone_update.locked()
        assert it.part._look.props.get('disabled') is None
