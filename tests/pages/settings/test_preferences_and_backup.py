"""Language, week and time zone, and backups, on the Settings page."""

from pathlib import Path

from pages.settings.backup import BackupCard
from pages.settings.language import LanguageRows
from tests.parts.on_page import opened, text_of
from tests.parts.pickers import choice


async def test_week_and_time_zone_are_chosen_and_a_wrong_zone_is_explained(tmp_path: Path) -> None:
    async with opened(tmp_path, LanguageRows) as it:
        weeks = it.find(aria_label='Weeks begin on')
        it.emit(weeks, 'change', choice(weeks, 'sunday'))
        await it.until(lambda: it.room.choices.now.week_start == 'sunday')
        field = it.find(id='preference-zone')
        it.emit(field, 'input', 'Europe/Lisboa')
        it.press('Save')
        await it.until(lambda: 'Europe/Lisbon' in text_of(it.part))
        it.emit(field, 'input', 'Pacific/Chatham')
        it.press('Save')
        await it.until(lambda: 'from the next start on' in text_of(it.part))

        assert it.room.choices.now.timezone == 'Pacific/Chatham'


async def test_a_backup_is_made_listed_restored_at_the_next_start_and_deleted(tmp_path: Path) -> None:
    async with opened(tmp_path, BackupCard) as it:
        it.emit(it.find(id='backup-passphrase'), 'input', 'short')
        it.press('Back up now')
        await it.until(lambda: 'at least 10 characters' in text_of(it.part))
        it.emit(it.find(aria_label='Include Files of runs'), 'change', False)
        it.emit(it.find(id='backup-passphrase'), 'input', 'correct horse battery')
        it.press('Back up now')
        await it.until(lambda: it.all(role='listitem'), 30)
        await it.until(lambda: it.room.backups.work is None)
        assert 'Secrets are encrypted in it.' in text_of(it.part)

        it.press('Restore')
        await it.until(lambda: it.all(id='restore-passphrase'))
        it.emit(it.find(id='restore-passphrase'), 'input', 'another one, also long')
        restore = it.find('Restore', within=it.find(role='dialog'))
        it.emit(restore, 'click')
        await it.until(lambda: 'passphrase is wrong' in text_of(it.find(role='dialog')), 30)
        it.emit(it.find(id='restore-passphrase'), 'input', 'correct horse battery')
        it.emit(restore, 'click')
        await it.until(lambda: it.room.backups.prepared, 30)
        await it.until(lambda: 'takes effect at the next start' in text_of(it.part))
        it.press('Keep what is here')
        await it.until(lambda: it.room.backups.prepared is None)

        [row] = it.all(role='listitem')
        it.emit(it.all(within=row, aria_haspopup='dialog')[-1], 'click')
        await it.until(lambda: it.all(role='alertdialog'))
        it.press('Delete')
        await it.until(lambda: not it.all(role='listitem'))
        assert list((it.room.settings.data / 'backups').iterdir()) == []
