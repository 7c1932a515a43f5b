"""Who may come in: browsers that are signed in, tokens of programs, and links for a phone or a screen on the wall."""

from collections.abc import Callable
from typing import Any

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import guide_link, keep_rows, set_props
from pages.parts.controls import Picker, Slot, entry
from pages.parts.dialogs import Dialog, attempt, confirm, focus_first_field, focus_wrong, leave_button, save_on_enter
from pages.parts.html import address_of, button, copy_button, el, opens
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of
from storage.files import StorageError
from synapse.addresses import is_loopback
from synapse.auth import CODE_SECONDS
from synapse.control_room import ControlRoom
from synapse.credentials.messages import SessionsChanged, TokensChanged
from synapse.credentials.password import LEAST_CHARACTERS
from synapse.credentials.scope import Scope as Role
from synapse.credentials.sessions import Session
from synapse.credentials.tokens import ApiToken
from synapse.errors import Invalid, SynapseError
from synapse.language import N_, _, _p, in_thread, spoken, translated

from .rows import row

ROLES = {
    Role.READ: N_('Only look'),
    Role.RUN: N_('Look, and start and stop runs'),
    Role.ADMIN: N_('Everything'),
}
MINUTES = CODE_SECONDS // 60


def encryption_row(room: ControlRoom) -> None:
    """Say what helps where the connection of this browser is not encrypted; nothing where it is."""
    address = address_of(ui.context.client)
    if address is not None and not address.is_private:
        text = _('Others in this network can read what you see and type, and take over.')
        with row(_('Not encrypted'), text):
            el('span', text=_('Start with --tls-cert and --tls-key, or put a proxy with HTTPS in front.'))


class PasswordRow(Scope):
    """Whether there is a password for sign-in from other machines; it is set only on the machine of Synapse itself."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        address = address_of(self.client)
        self._is_here = address is None or (is_loopback(address.client) and address.is_loopback)
        with self, row(_('Password'), _('For sign-in from other machines, beside links.')), el('span', 'sy-x'):
            self._state = el('span')
            if self._is_here and not room.auth.password.is_given:
                opens(button(_('Set a password'), small=True), self._ask)
                if room.settings.is_loopback:
                    self._remove = button(_('Remove'), kind='ghost', small=True)
                    opens(self._remove, self._take_away)
        self._show()

    def _show(self) -> None:
        password = self._room.auth.password
        words = _('from a file') if password.is_given else _('is set') if password.is_set else _p('password', 'none')
        if not self._is_here:
            words = _('{state}, changed only on the machine of Synapse', state=words)
        self._state.set_text(words)
        if hasattr(self, '_remove'):
            self._remove.set_visibility(password.is_set)

    def _ask(self) -> None:
        with self:
            PasswordDialog(self._room, done=self._show)

    async def _take_away(self) -> None:
        text = _('Browsers that came in with it are signed out. Links and tokens still work.')
        if await confirm(_('Remove the password?'), text, yes=_('Remove'), no=_('Keep it')):
            await attempt(in_thread(self._room.auth.set_password, None))
            self._call(self._show)


class PasswordDialog:
    """Asks for a new password, twice. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, *, done: Callable[[], None]) -> None:
        self._room, self._done = room, done
        self._texts = {'password-new': '', 'password-again': ''}
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog sub-dialog', role='dialog', aria_modal='true')
            set_props(box, aria_label=_('Set a password'))
            focus_first_field(self._dialog, box)
            save_on_enter(box, self._save)
            with box:
                with el('div', 'form-head'):
                    el('h2', 'sy-grow', _('Set a password'))
                with el('div', 'form-scroll'):
                    self._first = self._slot(
                        'password-new',
                        _('New password'),
                        _('At least {count} characters.', count=LEAST_CHARACTERS),
                    )
                    self._slot('password-again', _('The same again'), '')
                with el('div', 'form-foot'):
                    self._problem = el('span', 'sy-error sy-grow', role='alert')
                    leave_button(self._dialog)
                    button(_('Set'), kind='primary').on('click', self._save)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _slot(self, id: str, title: str, help_text: str) -> Slot:
        slot = Slot(id, title, help_text=help_text)
        with slot.body:
            entry(id, '', lambda text: self._texts.update({id: text}), kind='password', autocomplete='new-password')
        return slot

    async def _save(self) -> None:
        new, again = self._texts.values()
        if new != again:
            self._problem.set_text(_('These are two different passwords.'))
            return
        try:
            await in_thread(self._room.auth.set_password, new)
        except Invalid as error:
            self._first.show_error(error.fields.get('password', ''))
            self._problem.set_text('')
            focus_wrong(self._problem)
        except (SynapseError, StorageError) as error:
            self._problem.set_text(spoken(error))
        else:
            self._dialog.close()
            self._done()


class LinkRows:
    """Buttons that make a link for another device, each in a dialog of its own."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        with row(_('A phone or tablet'), _('A picture to scan, which signs it in.')):
            opens(button(_('Show the picture'), small=True), lambda: self._show(Role.ADMIN))
        text = _('A link for a browser that may only look, such as a screen on the wall: it can change nothing.')
        with row(_('A screen'), text):
            opens(button(_('Create a link'), small=True), lambda: self._show(Role.READ))

    def _show(self, role: Role) -> None:
        LinkDialog(self._room, role)


class LinkDialog:
    """Shows a link that signs one browser in, once, as text and as a QR code. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom, role: Role) -> None:
        title = _('Sign in a phone or tablet') if role is Role.ADMIN else _('Sign in a screen that may only look')
        address = address_of(ui.context.client)
        link = f'{room.settings.url_for(address)}auth#{room.auth.mint_code(role)}'
        with (
            Dialog() as dialog,
            el('section', 'sy-dialog', role='dialog', aria_modal='true', aria_label=title),
        ):
            el('h2', text=title)
            el(
                'p',
                'sy-2',
                _('It works once, within {minutes} minutes. Who opens it is signed in here.', minutes=MINUTES),
            )
            if address is None or (address.is_loopback and not room.settings.allow_host):
                el('p', 'hint', _('Now only this machine reaches Synapse. The guide says how others can.'))
                guide_link('phone', 'is-flush')
            qr_code(link)
            with el('div', 'sy-x'):
                el('span', 'sy-mono sy-cap feed-address sy-grow', link)
                copy_button(_('Copy'), link)
            with el('div', 'sy-dialog-buttons'):
                button(_('Close')).on('click', dialog.close)
        dialog.on('hide', dialog.delete)
        dialog.open()


def qr_code(text: str) -> TextElement:
    """Draw a text as a QR code (ISO/IEC 18004), dark on light in every theme, as cameras expect."""
    import segno

    code = segno.make(text, micro=False)
    width = code.symbol_size(border=4)[0]
    dark = [(x, y) for y, line in enumerate(code.matrix_iter(border=4)) for x, is_dark in enumerate(line) if is_dark]
    with el(
        'svg', 'qr-code', viewBox=f'0 0 {width} {width}', role='img', aria_label=_('QR code of the link')
    ) as picture:
        el('rect', width=str(width), height=str(width), fill='#fff')
        el('path', d=''.join(f'M{x} {y}h1v1h-1z' for x, y in dark), fill='#000', shape_rendering='crispEdges')
    return picture


class SignedIn(Scope):
    """The browsers that are signed in; they follow each sign-in as it happens."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        request = self.client.request
        self._mine = str(request.scope.get('synapse.caller', '')) if request is not None else ''
        self._rows: dict[str, _Row] = {}
        with self:
            with row(_('Signed in'), _('Browsers stay signed in for seven days after their last visit.')):
                pass
            self._list = el('div', role='list', aria_label=_('Browsers that are signed in'))
        self.follow(room.bus, SessionsChanged, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        sessions = {session.id: session for session in self._room.auth.sessions()}
        keep_rows(self._list, self._rows, [*sessions], self._draw)
        for id, session in sessions.items():
            self._rows[id].show(
                spoken(session.browser) or _('A browser'), self._words(session), is_mine=self._is_mine(id)
            )

    def _is_mine(self, id: str) -> bool:
        return self._mine == f'session {id}'

    def _words(self, session: Session) -> str:
        parts = [_('This browser')] if self._is_mine(session.id) else []
        parts += [_('May only look')] if session.scope is not Role.ADMIN else []
        parts += [_('From {address}', address=session.address)] if session.address else []
        seen = f'{day_of(self._room, session.seen_at)}, {clock_of(self._room, session.seen_at)}'
        return '. '.join([*parts, _('Last seen: {seen}', seen=seen)])

    def _draw(self, id: str) -> '_Row':
        return _Row(_('Sign out'), lambda: self._end(id))

    async def _end(self, id: str) -> None:
        text = _('Its open pages close at once. To come back it needs a new link.')
        if await confirm(_('Sign this browser out?'), text, yes=_('Sign out'), no=_('Keep it')):
            await attempt(in_thread(self._room.auth.end_session_of, id))


class Tokens(Scope):
    """The tokens of programs, without their secrets."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__()
        self._room = room
        self._rows: dict[str, _Row] = {}
        with self:
            with row(_('Tokens'), _('One for each program that uses the API, so that each can be taken away alone.')):
                opens(button(_('New token'), icon_name='plus', small=True), self._create)
            self._list = el('div', role='list', aria_label=_('Tokens'))
        self.follow(room.bus, TokensChanged, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        tokens = {token.id: token for token in self._room.tokens.all()}
        keep_rows(self._list, self._rows, [*tokens], self._draw)
        for id, token in tokens.items():
            self._rows[id].show(token.name, self._words(token))

    def _words(self, token: ApiToken) -> str:
        used = token.last_used_at
        when = (
            _('Last used: {day}, {time}', day=day_of(self._room, used), time=clock_of(self._room, used))
            if used
            else _('Never used')
        )
        return f'{translated(ROLES[token.scope])}. {when}'

    def _draw(self, id: str) -> '_Row':
        return _Row(_('Delete'), lambda: self._delete(id))

    def _create(self) -> None:
        with self:
            TokenDialog(self._room)

    async def _delete(self, id: str) -> None:
        text = _('Programs that use it are refused from then on.')
        if await confirm(_('Delete this token?'), text, yes=_('Delete'), no=_('Keep it')):
            await attempt(self._room.tokens.delete(id))


class TokenDialog:
    """Asks for the name and scope of a new token, then shows its secret, once. Opens as soon as it is made."""

    def __init__(self, room: ControlRoom) -> None:
        self._room = room
        self._name, self._scope = '', Role.READ
        with Dialog() as self._dialog:
            box = el('section', 'sy-dialog form-dialog sub-dialog', role='dialog', aria_modal='true')
            set_props(box, aria_label=_('New token'))
            focus_first_field(self._dialog, box)
            save_on_enter(box, self._save)
            with box:
                self._body = el('div', 'form-scroll')
                self._foot = el('div', 'form-foot')
            with self._body:
                el('h2', text=_('New token'))
                self._slot = Slot('token-name', _('Name'), help_text=_('Where it is used, such as “backup script”.'))
                with self._slot.body:
                    entry('token-name', '', self._type_name, maxlength='60')
                what = Slot('token-scope', _('It may'), is_group=True)
                with what.body:
                    Picker(
                        {str(role): translated(words) for role, words in ROLES.items()},
                        'read',
                        label=_('It may'),
                        changed=self._pick,
                    )
            with self._foot:
                self._problem = el('span', 'sy-error sy-grow', role='alert')
                leave_button(self._dialog)
                button(_('Create'), kind='primary').on('click', self._save)
        self._dialog.on('hide', self._dialog.delete)
        self._dialog.open()

    def _type_name(self, text: str) -> None:
        self._name = text

    def _pick(self, role: str) -> None:
        self._scope = Role(role)

    async def _save(self) -> None:
        try:
            token, secret = await self._room.tokens.create({'name': self._name, 'scope': self._scope})
        except Invalid as error:
            self._slot.show_error(error.fields.get('name', ''))
            self._problem.set_text(' '.join(text for name, text in error.fields.items() if name != 'name'))
            focus_wrong(self._problem)
        except SynapseError as error:
            self._problem.set_text(f'{error.message} {error.hint}'.strip())
        else:
            self._show_secret(token, secret)

    def _show_secret(self, token: ApiToken, secret: str) -> None:
        self._body.clear()
        self._foot.clear()
        with self._body:
            el('h2', text=_('Token “{name}”', name=token.name))
            el('p', 'sy-2', _('Copy it now: it is not kept, so nothing can show it again.'), role='status')
            el('p', 'sy-mono feed-address', secret)
            el('p', 'sy-cap', _('Programs send it as the header “Authorization: Bearer TOKEN”.'))
        with self._foot:
            copy_button(_('Copy'), secret)
            button(_('Done'), kind='primary').on('click', self._dialog.close)


class _Row:
    """A name, a few words and one button."""

    def __init__(self, verb: str, press: Callable[[], Any]) -> None:
        self._verb = verb
        with el('div', 'set-row', role='listitem') as self.row:
            with el('div', 'what'):
                self._name = el('b', 'sy-ell')
                self._words = el('span', 'sy-cap')
            with el('div', 'value'):
                self._button = opens(button(verb, kind='ghost', small=True), press)

    def show(self, name: str, words: str, *, is_mine: bool = False) -> None:
        set_props(self.row, aria_label=name)
        self._name.set_text(name)
        self._words.set_text(words)
        set_props(self._button, aria_label=f'{self._verb}: {name}')
        self._button.set_visibility(not is_mine)
