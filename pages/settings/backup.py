"""Backups on the Settings page: what one would have, making it, and the way back."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from nicegui import background_tasks

from pages.parts.cards import keep_rows, set_class, set_props
from pages.parts.controls import Slot, entry, tick_box
from pages.parts.dialogs import Dialog, attempt, confirm, focus_first_field, leave_button, save_on_enter, say
from pages.parts.html import button, el, icon, opens
from pages.parts.scope import Scope
from pages.parts.upload import FileZone, sending_row
from pages.parts.words import clock_of, day_of, size_of
from synapse.backup.backups import Backup, BackupsChanged
from synapse.backup.contents import SECRETS_WORDS, Choice, Sizes
from synapse.backup.sealing import passphrase_problem
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, _, translated
from synapse.language.formats import listed

from .rows import card, explained_row, row

SHOW_SECONDS = 0.3
TITLES = {
    Choice.RUNS: N_('Files of runs'),
    Choice.INBOX: N_('Files in the inbox'),
    Choice.OTHERS: N_('Other files in the data folder'),
}
STAGES = {
    'Copying the history': N_('Copying the history'),
    'Packing': N_('Packing'),
    'Checking': N_('Reading it back'),
    'Unpacking': N_('Unpacking'),
}
FIELD = 'backup-passphrase'


class BackupCard(Scope):
    """Says how large each part is before it is packed, how far a backup is, and which there are."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._chosen = {*Choice}
        self._passphrase = ''
        self._rows: dict[str, _Row] = {}
        with self, card(_('Backup')):
            self._draw_parts()
            self._draw_passphrase()
            self._draw_making()
            self._draw_prepared()
            self._list = el('div', role='list', aria_label=_('Backups'))
            self._draw_upload()
        shown = self.at_most_every(SHOW_SECONDS, lambda: self._later(self._show()))
        self.follow(room.bus, BackupsChanged, lambda message: shown())
        self._later(self._show())
        self._later(self._measure())

    def _later(self, work: Any) -> None:
        background_tasks.create(work, name='backups')

    # Drawing

    def _draw_parts(self) -> None:
        text = _(
            'The whole data folder as one file: calendar, runs, profiles, pipelines, settings and log. '
            'It is made while Synapse runs, and read back before it counts as done.'
        )
        with row(_('What is in it'), text):
            self._always = el('span', 'sy-num', '…')
        self._sizes = {}
        for choice, title in TITLES.items():
            help_text, value = explained_row(translated(title), '…')
            self._sizes[choice] = help_text
            with value:
                name = _('Include {part}', part=translated(title))
                tick_box(_('Include'), partial(self._choose, choice), is_on=True, name=name)

    def _draw_passphrase(self) -> None:
        self._secrets, value = explained_row(_('Passphrase for secrets'), '')
        with value, el('span', 'keep-limit sy-field') as self._box:
            field = entry(
                FIELD,
                '',
                self._type,
                kind='password',
                autocomplete='new-password',
                aria_label=_('Passphrase for secrets'),
                aria_describedby=f'{FIELD}-error',
                placeholder=_('None: leave them out'),
            )
            self._field = field
            self._problem = el('span', 'sy-error', role='alert', id=f'{FIELD}-error')
        self._type('')

    def _draw_making(self) -> None:
        self._state, value = explained_row(_('Make a backup'), '')
        with value, el('span', 'sy-x'):
            self._make = button(_('Back up now'), icon_name='download', kind='primary')
            self._make.on('click', self._create)
            self._cancel = button(_('Cancel'), kind='ghost')
            self._cancel.on('click', self._room.backups.cancel)
        with el('span', 'sy-meter', role='progressbar', aria_label=_('Backup'), aria_valuemax='100') as self._meter:
            self._bar = el('i').style('--mc:var(--cmd-purple)')

    def _draw_prepared(self) -> None:
        with el('div', 'keep-save', hidden=True) as self._prepared:
            self._prepared_words = el('p', 'sy-2', role='status')
            button(_('Keep what is here')).on('click', lambda: attempt(self._room.backups.forget_restore()))

    def _draw_upload(self) -> None:
        with row(_('From elsewhere'), _('A backup of this Synapse or of another one. It is checked first.')):
            zone = FileZone(self._room.settings.max_upload_bytes, self._received, classes='form-zone')
            zone.accept(('.gz',), title=_('Backup'), label=_('Choose a backup to upload'), kinds='.tar.gz')
            with zone:
                with el('span', 'asking sy-x'):
                    icon('upload', size=14)
                    el('span', text=_('Upload a backup'))
                sending_row()

    # What there is

    async def _measure(self) -> None:
        sizes = await attempt(self._room.backups.sizes())
        if sizes is not None and not self.is_deleted:
            with self:
                self._show_sizes(sizes)

    def _show_sizes(self, sizes: Sizes) -> None:
        self._always.set_text(size_of(sizes.always))
        for choice, help_text in self._sizes.items():
            size = sizes.of_one(choice)
            help_text.set_text(_('{size} before it is packed.', size=size_of(size)) if size else _('None.'))

    async def _show(self) -> None:
        backups = await self._room.backups.all()
        if self.is_deleted:
            return
        with self:
            keep_rows(self._list, self._rows, [backup.name for backup in backups], self._draw_row)
            for backup in backups:
                self._rows[backup.name].show(self._name_of(backup), self._words_of(backup), problem=backup.problem)
            self._show_work(last=backups[0] if backups else None)

    def _show_work(self, last: Backup | None) -> None:
        work, prepared = self._room.backups.work, self._room.backups.prepared
        percent = str(work.percent if work is not None else 0)
        self._bar.style(f'width:{percent}%')
        set_props(self._meter, hidden=work is None or None, aria_valuenow=percent)
        set_props(self._make, disabled=work is not None or None)
        self._cancel.set_visibility(work is not None)
        words = _('None has been made yet.') if last is None else _('The last one: {when}.', when=self._when(last))
        if work is not None:
            stage = translated(STAGES.get(work.stage, work.stage))
            words = f'{stage}: {percent} %' if stage else _('Beginning…')
        self._state.set_text(words)
        set_props(self._prepared, hidden=prepared is None or None)
        if prepared is not None:
            text = _('{name} takes effect at the next start. What is here now is set aside then.', name=prepared.backup)
            self._prepared_words.set_text(text)

    def _draw_row(self, name: str) -> '_Row':
        return _Row(name, restore=lambda: self._restore(name), delete=lambda: self._delete(name))

    def _when(self, backup: Backup) -> str:
        if backup.about is None:
            return '?'
        at = backup.about.made_at
        return f'{day_of(self._room, at)}, {clock_of(self._room, at)[:5]}'

    def _name_of(self, backup: Backup) -> str:
        return f'{self._when(backup)} · {size_of(backup.size)}' if backup.about is not None else backup.name

    def _words_of(self, backup: Backup) -> str:
        if backup.about is None:
            return ''
        is_in = backup.about.secrets == 'encrypted'
        secrets = _('Secrets are encrypted in it.') if is_in else _('Secrets are left out.')
        left_out = [words for words in backup.about.left_out if words not in SECRETS_WORDS]
        more = [_('Not in it: {parts}.', parts=listed(list(map(translated, left_out))))] if left_out else []
        return ' '.join([secrets, *more, *(f'{note}.' for note in backup.notes)])

    # What a person does

    def _choose(self, choice: Choice, is_on: bool) -> None:
        self._chosen = self._chosen | {choice} if is_on else self._chosen - {choice}

    def _type(self, text: str) -> None:
        self._passphrase = text
        words = _('They are encrypted with it, and nothing opens them without it: keep it elsewhere.')
        if not text:
            words = _('Without one, passwords and keys are left out, and have to be entered again after a restore.')
        self._secrets.set_text(words)
        self._show_problem('')

    def _show_problem(self, text: str) -> None:
        self._problem.set_text(text)
        set_class(self._box, 'is-wrong', text)

    async def _create(self) -> None:
        problem = passphrase_problem(self._passphrase) if self._passphrase else ''
        self._show_problem(problem)
        if problem:
            return
        choices = [choice for choice in Choice if choice in self._chosen]
        passphrase = self._passphrase or None
        made = await attempt(self._room.backups.create(choices=choices, passphrase=passphrase))
        if made is not None and not self.is_deleted:
            with self:
                say(_('The backup is made and was read back: {size}.', size=size_of(made.size)), kind='success')

    async def _received(self, item: Mapping[str, Any]) -> None:
        with self:
            found = await attempt(self._room.backups.take(str(item['id'])))
        if found is not None and not self.is_deleted:
            with self:
                say(_('{name} is whole. Press Restore to use it.', name=found.name), kind='success')

    def _restore(self, name: str) -> None:
        background_tasks.create(self._ask_to_restore(name), name='restore')

    async def _ask_to_restore(self, name: str) -> None:
        backup = next((known for known in await self._room.backups.all() if known.name == name), None)
        if backup is not None and not self.is_deleted:
            with self:
                RestoreDialog(self._room, backup, self._when(backup))

    async def _delete(self, name: str) -> None:
        with self:
            text = _('The file is deleted from this machine. Copies elsewhere stay.')
            if await confirm(_('Delete this backup?'), text, yes=_('Delete'), no=_('Keep it'), icon_name='trash'):
                await attempt(self._room.backups.delete(name))


class RestoreDialog:
    """Asks for the passphrase, if there is one, and says what happens. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, backup: Backup, when: str) -> None:
        self._room, self._backup = room, backup
        self._passphrase = ''
        self._has_secrets = backup.about is not None and backup.about.secrets == 'encrypted'
        title = _('Restore a backup')
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog sub-dialog', role='dialog', aria_modal='true', aria_label=title)
            focus_first_field(self._dialog, box)
            save_on_enter(box, self._confirm)
            with box:
                with el('div', 'form-head'):
                    el('h2', 'sy-grow', title)
                with el('div', 'form-scroll'):
                    text = _('It is checked and unpacked now, and takes effect at the next start.')
                    el('p', 'sy-2', f'{when}, {size_of(backup.size)}. {text}')
                    el('p', 'sy-2', _('What is here then is set aside in the data folder, not deleted.'))
                    text = _('What fell due since the backup is shown as missed, and no run of then starts again.')
                    el('p', 'sy-2', text)
                    self._draw_secrets()
                with el('div', 'form-foot'):
                    self._problem = el('span', 'sy-error sy-grow', role='alert')
                    leave_button(self._dialog)
                    self._yes = button(_('Restore'), kind='primary')
                    self._yes.on('click', self._confirm)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw_secrets(self) -> None:
        if not self._has_secrets:
            el('p', 'sy-2', _('Its secrets are left out: enter them again afterwards.'))
            return
        help_text = _('Leave it empty to do without passwords and keys.')
        self._slot = Slot('restore-passphrase', _('Passphrase of the secrets'), help_text=help_text)
        with self._slot.body:
            entry('restore-passphrase', '', self._type, kind='password', autocomplete='off')

    def _type(self, text: str) -> None:
        self._passphrase = text

    async def _confirm(self) -> None:
        set_props(self._yes, disabled=True)
        self._problem.set_text(_('Checking…'))
        try:
            await self._room.backups.restore(self._backup.name, passphrase=self._passphrase or None)
        except Invalid as error:
            self._say(error.message if error.code != 'wrong_passphrase' else '')
            if error.code == 'wrong_passphrase':
                self._slot.show_error(error.message)
        except SynapseError as error:
            self._say(f'{error.message} {error.hint}'.strip())
        else:
            self._dialog.close()

    def _say(self, text: str) -> None:
        if not self._dialog.is_deleted:
            self._problem.set_text(text)
            set_props(self._yes, disabled=None)


class _Row:
    """A backup, what is in it, and its buttons."""

    def __init__(self, name: str, *, restore: Any, delete: Any) -> None:
        self._file = name
        with el('div', 'set-row', role='listitem') as self.row:
            with el('div', 'what'):
                self._name = el('b', 'sy-ell')
                self._words = el('span', 'sy-cap')
                self._problem = el('span', 'sy-error')
            with el('div', 'value note-acts'):
                self._load = el('a', 'sy-btn is-sm', href=f'/api/v1/backup/{name}', download=name)
                with self._load:
                    icon('download', size=14)
                    el('span', text=_('Download'))
                self._restore = opens(button(_('Restore'), kind='ghost', small=True), restore)
                self._delete = opens(button('', icon_name='x', kind='ghost', small=True), delete)

    def show(self, name: str, words: str, *, problem: str) -> None:
        self._name.set_text(name)
        self._words.set_text(words)
        self._problem.set_text(problem)
        set_props(self.row, aria_label=name)
        set_props(self._load, aria_label=_('Download the backup {name}', name=name))
        set_props(self._restore, aria_label=_('Restore the backup {name}', name=name), disabled=bool(problem) or None)
        set_props(self._delete, aria_label=_('Delete the backup {name}', name=name))
