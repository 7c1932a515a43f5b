"""Where alerts go out of the browser: the card on the Settings page, and the dialog for one channel."""

import asyncio
import shlex
from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import background_tasks
from nicegui.events import GenericEventArguments

from pages.parts.cards import guide_link, keep_rows, set_props
from pages.parts.controls import ASKED, CHECKED, TYPED, Slot, entry, segments
from pages.parts.dialogs import Dialog, ask, attempt, focus_first_field, focus_wrong, leave_button, save_on_enter
from pages.parts.html import button, copy_button, el, opens
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, _, _n, _p, translated
from synapse.notifications.address import EXAMPLES
from synapse.notifications.checking import LISTED_COMMAND, TYPED_COMMAND, command_words
from synapse.notifications.kinds import default_kinds, kinds
from synapse.notifications.records import Channel, ChannelsChanged
from synapse.sentences import command_text

from .rows import card, row

SHOW_SECONDS = 0.3
PURPOSE = N_('Alerts of the bell, sent to where you see them while no page is open: by mail, to a phone, into a chat.')
ADDRESS_HELP = N_('With its password or token: it is kept private. The Settings page has examples of other services.')
COMMAND_HELP = N_(
    'A program and its arguments, as {typed} or {listed}; no shell runs them. It gets the news as '
    'SYNAPSE_ALERT_TITLE, _TEXT, _KIND, _URL and _COUNT, and as JSON at its standard input. What is typed here is '
    'shown on this page.'
)


class NotificationsCard(Scope):
    """The channels; their rows follow each message as it is sent."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._tested: dict[str, str] = {}
        with self, card(_('Notifications')):
            with row(_('Channels'), translated(PURPOSE)):
                self._none = guide_link('notifications')
                opens(button(_('Add a channel'), icon_name='plus', small=True), lambda: ChannelDialog(room))
            self._list = el('div', role='list', aria_label=_('Channels'))
            _examples()
            with row(_('Links lead to'), _('The address of this Synapse as you reach it from your phone or mail.')):
                self._address = entry('link-address', room.notifications.address, lambda _: None, kind='url')
                set_props(self._address, aria_label=_('Links lead to'), aria_describedby=None)
                self._address.on('change', self._set_address, js_handler=TYPED)
        self._rows: dict[str, _Row] = {}
        self._show()
        shown = self.at_most_every(SHOW_SECONDS, self._show)
        self.follow(room.bus, ChannelsChanged, lambda _: shown())

    def _show(self) -> None:
        """Show what has changed, and leave the rest alone: a button of it may have the focus."""
        channels = {channel.id: channel for channel in self._room.notifications.all()}
        self._none.set_visibility(not channels)
        keep_rows(self._list, self._rows, [*channels], self._draw)
        for id, channel in channels.items():
            error = channel.last_error or ''
            when = _('Not sent: {moment}.', moment=self._moment(channel.last_error_at)) if error else ''
            self._rows[id].show(channel, state=self._state(channel), error=f'{when} {error}'.strip())

    def _draw(self, id: str) -> '_Row':
        get = self._room.notifications.get
        return _Row(
            test=lambda: self._test(id),
            turn=lambda is_on: attempt(self._room.notifications.save(id, {'enabled': is_on})),
            edit=lambda: self._edit(get(id)),
            remove=lambda: self._remove(get(id)),
        )

    def _state(self, channel: Channel) -> str:
        waiting = self._room.notifications.waiting(channel.id)
        sent = (
            _('Last sent {moment}.', moment=self._moment(channel.last_sent_at))
            if channel.last_sent_at
            else _('Nothing sent yet.')
        )
        tested = self._tested.get(channel.id) or ('' if channel.enabled else _('Switched off.'))
        left = _n('{count} alert to be sent.', '{count} alerts to be sent.', waiting) if waiting else ''
        return ' '.join(filter(None, [tested, sent, left]))

    async def _test(self, id: str) -> None:
        self._tested[id] = _('Sending a test…')
        self._show()
        error = await attempt(self._room.notifications.test(id))
        self._tested[id] = (
            _('The test was sent: look whether it has arrived.') if error == '' else _('The test failed.')
        )
        self._show()

    # Dialogs are drawn outside of the rows, which may go while one is open.

    def _edit(self, channel: Channel) -> None:
        self._tested.pop(channel.id, None)
        with self:
            ChannelDialog(self._room, channel)

    async def _remove(self, channel: Channel) -> None:
        with self:
            answer = await ask(
                _('Remove {label}?', label=channel.label),
                _('Nothing is sent there any more.'),
                yes=_('Remove'),
                no=_('Keep it'),
                icon_name='x',
            )
        if answer.is_yes:
            await attempt(self._room.notifications.remove(channel.id))

    async def _set_address(self, event: GenericEventArguments) -> None:
        await attempt(self._room.notifications.set_address(str(event.args)))

    def _moment(self, moment: datetime | None) -> str:
        return f'{day_of(self._room, moment)}, {clock_of(self._room, moment)}' if moment else ''


def _examples() -> None:
    with el('details', 'note-help'):
        el('summary', '', _('Examples of addresses'))
        with el('dl'):
            for name, example in EXAMPLES.items():
                el('dt', '', translated(name))
                with el('dd'):
                    el('code', 'sy-mono', example)
                    copy_button(_('Copy'), example)
        with el('p', 'sy-cap'):
            before, _name, after = _(
                'Any other address of {apprise} works too. A character such as @ or / in a password is written as %40 '
                'or %2F.'
            ).partition('{apprise}')
            el('span', text=before)
            el('a', text='Apprise', href='https://appriseit.com/services/', target='_blank', rel='noreferrer')
            el('span', text=after)


class _Row:
    """A channel, how its last message went, and its buttons."""

    def __init__(
        self,
        *,
        test: Callable[[], Any],
        turn: Callable[[bool], Any],
        edit: Callable[[], Any],
        remove: Callable[[], Any],
    ) -> None:
        with el('div', 'set-row', role='listitem') as self.row:
            with el('div', 'what'):
                self._label = el('b', 'sy-ell')
                self._way = el('span', 'sy-mono sy-cap sy-ell')
                self._kinds = el('span', 'sy-cap')
                self._state = el('span', 'sy-cap', role='status')
                self._error = el('span', 'sy-error', role='alert')
            with el('div', 'value note-acts'):
                with el('label', 'sy-x sy-tick'):
                    self._on = el('input', type_='checkbox')
                    el('span', text=_p('switched', 'On'))
                self._on.on('change', lambda event: turn(event.args is True), js_handler=ASKED)
                self._test = button(_('Test'), kind='ghost', small=True)
                self._test.on('click', test)
                self._edit = opens(button(_('Edit'), kind='ghost', small=True), edit)
                self._remove = opens(button('', icon_name='x', kind='ghost', small=True), remove)

    def show(self, channel: Channel, *, state: str, error: str) -> None:
        name = channel.label
        set_props(self.row, aria_label=name)
        self._label.set_text(name)
        self._way.set_text(command_text(channel.command) if channel.command else channel.shown)
        self._kinds.set_text(_kinds_in_words(channel.kinds))
        self._state.set_text(state)
        self._error.set_text(error)
        set_props(self._on, checked=channel.enabled or None, aria_label=_('{name} is on', name=name))
        set_props(self._test, aria_label=_('Test {name}', name=name))
        set_props(self._edit, aria_label=_('Edit {name}', name=name))
        set_props(self._remove, aria_label=_('Remove {name}', name=name))


def _kinds_in_words(chosen: tuple[str, ...]) -> str:
    words = kinds()
    if set(chosen) == set(default_kinds()):
        return _('All that needs you')
    shown = [words[kind] for kind in chosen if kind in words]
    some = ', '.join(shown[:2])
    if len(shown) > 2:
        return _n('{kinds}, and {count} more', '{kinds}, and {count} more', len(shown) - 2, kinds=some)
    return some or _('Nothing is chosen')


class ChannelDialog:
    """Asks for a channel, or for changes to one. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, channel: Channel | None = None) -> None:
        self._room, self._channel = room, channel
        self._saving: asyncio.Task[None] | None = None
        self._is_command = bool(channel and channel.command)
        self._texts = {
            'url': '',
            'command': shlex.join(channel.command) if channel else '',
            'label': channel.label if channel else '',
        }
        self._kinds = set(channel.kinds if channel else default_kinds())
        title = _('Edit channel') if channel else _('Add a channel')
        with Dialog() as self._dialog:
            self._box = el(
                'section', 'sy-dialog form-dialog sub-dialog', role='dialog', aria_modal='true', aria_label=title
            )
            focus_first_field(self._dialog, self._box)
            save_on_enter(self._box, self._save)
            with self._box:
                self._draw(title)
        self._dialog.on_value_change(lambda event: None if event.value else self._stop())
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _draw(self, title: str) -> None:
        with el('div', 'form-head'):
            el('h2', 'sy-grow', title)
            close = button('', icon_name='x', kind='ghost', small=True, aria_label=_('Close'))
            close.on('click', self._dialog.close)
        with Scope().classes('form-scroll') as scope:
            self._room.notifications.expect_address()
            scope.when_gone(self._room.notifications.expect_none)
            ways = {'url': _('An address'), 'command': _('A command')}
            with Slot('channel-way', _('Sent to'), is_group=True).body:
                segments('channel-way', ways, 'command' if self._is_command else 'url', self._choose_way)
            self._url = Slot('channel-url', _('Address'), help_text=translated(ADDRESS_HELP))
            known = self._channel.shown if self._channel else ''
            with self._url.body:
                entry(
                    'channel-url',
                    '',
                    self._type('url'),
                    placeholder=_('{known} (unchanged)', known=known) if known else EXAMPLES['ntfy'],
                )
            self._command = Slot(
                'channel-command',
                _('Command'),
                help_text=translated(COMMAND_HELP).format(typed=TYPED_COMMAND, listed=LISTED_COMMAND),
            )
            with self._command.body:
                entry(
                    'channel-command',
                    self._texts['command'],
                    self._type('command'),
                    placeholder=TYPED_COMMAND,
                )
            self._label = Slot('channel-label', _('Name'))
            with self._label.body:
                entry(
                    'channel-label',
                    self._texts['label'],
                    self._type('label'),
                    maxlength='80',
                    placeholder=_('Such as My phone'),
                )
            self._choices()
        with el('div', 'form-foot'):
            self._problem = el('span', 'sy-error sy-grow', role='alert')
            self._busy = el('span', 'sy-cap', role='status')
            leave_button(self._dialog)
            self._button = button(_('Save') if self._channel else _('Add'), kind='primary')
            self._button.on('click', self._save)
        self._show_way()

    def _choices(self) -> None:
        with el('fieldset', 'note-kinds'):
            el('legend', 'sy-label', _('Tell me when'))
            for kind, words in kinds().items():
                with el('label', 'sy-x sy-tick'):
                    tick = el('input', type_='checkbox')
                    tick.props['^checked'] = kind in self._kinds or None
                    el('span', text=words)
                tick.on('change', self._turn(kind), js_handler=CHECKED)

    def _turn(self, kind: str) -> Callable[[GenericEventArguments], None]:
        return lambda event: (self._kinds.add if event.args is True else self._kinds.discard)(kind)

    def _type(self, name: str) -> Callable[[str], None]:
        def typed(text: str) -> None:
            self._texts[name] = text

        return typed

    def _choose_way(self, way: str) -> None:
        self._is_command = way == 'command'
        self._show_way()

    def _show_way(self) -> None:
        set_props(self._url.box, hidden=self._is_command or None)
        set_props(self._command.box, hidden=not self._is_command or None)

    def _save(self) -> None:
        if self._saving is None:
            self._saving = background_tasks.create(self._keep(), name='save a channel')

    def _stop(self) -> None:
        """Add nothing after the dialog was closed: checking an address takes seconds."""
        if self._saving is not None:
            self._saving.cancel()

    async def _keep(self) -> None:
        with self._box:
            await self._try_to_keep()

    async def _try_to_keep(self) -> None:
        self._show_busy(_('Checking…'))
        self._problem.set_text('')
        try:
            await self._room.notifications.save(self._channel.id if self._channel else None, self._values())
        except Invalid as error:
            slots = {'url': self._url, 'command': self._command, 'label': self._label}
            for name, slot in slots.items():
                slot.show_error(error.fields.get(name, ''))
            others = [text for name, text in error.fields.items() if name not in slots]
            self._problem.set_text(' '.join(others) or _('Fix the marked field.'))
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._saving = None  # done: closing has nothing to stop
            self._dialog.close()
        finally:
            self._saving = None
            self._show_busy('')

    def _show_busy(self, words: str) -> None:
        if not self._dialog.is_deleted:
            self._busy.set_text(words)
            set_props(self._button, disabled=bool(words) or None)
            set_props(self._box, aria_busy='true' if words else None)

    def _values(self) -> dict[str, Any]:
        """:raises Invalid: if the command cannot be read"""
        values: dict[str, Any] = {
            'label': self._texts['label'],
            'kinds': [kind for kind in kinds() if kind in self._kinds],
        }
        if not self._is_command:
            return values | {'url': self._texts['url'], 'command': []}
        return values | {'command': command_words(self._texts['command'])}
