"""The watch folders: what each one waits for, the files it took last, and why it takes none now."""

from pages.parts.cards import guide_link, set_props
from pages.parts.controls import switch
from pages.parts.dialogs import attempt, confirm
from pages.parts.html import Glyph, button, el, icon, opens
from pages.parts.scope import Scope
from pages.parts.words import clock_of, day_of, pipeline_title, profile_label, size_of
from synapse.catalog.catalog import PipelinesChanged
from synapse.control_room import ControlRoom
from synapse.language import N_, _, _n, translated
from synapse.profiles import ProfileChanged
from synapse.watches.records import TakenFile, WaitingFile, WaitingState, Watch, WatchChanged, WatchView

from .watch_form import WatchDialog

REDRAW_SECONDS = 0.4
MOST_WAITING = 5
MOST_TAKEN = 5

_STATES = {
    WaitingState.GROWING: N_('{name} is still growing, {size}'),
    WaitingState.OPEN: N_('{name} is open in another program, {size}'),
    WaitingState.DOWNLOADING: N_('{name} is still being downloaded, {size}'),
    WaitingState.SETTLING: N_('{name} has arrived, {size}; it is taken if nothing more changes'),
    WaitingState.EMPTY: N_('{name} is empty so far'),
    WaitingState.LINK: N_('{name} is a link, and links are not followed'),
    WaitingState.READY: N_('{name} is next, {size}'),
}


class WatchFolders(Scope):
    """The card of all watch folders; changes made elsewhere show at once."""

    def __init__(self, room: ControlRoom) -> None:
        super().__init__('section')
        self.classes('glass-card watches')
        self._props['aria-label'] = _('Watch folders')
        self._room = room
        self._rows: dict[str, WatchRow] = {}
        with self:
            with el('div', 'sy-x'):
                el('h2', 'sy-grow', _('Watch folders'))
                opens(button(_('Watch a folder'), icon_name='plus', small=True), lambda: WatchDialog(room, None))
            with el('div') as self._none:
                el(
                    'p',
                    'sy-2',
                    _('Each new file in such a folder becomes a run, as soon as it has arrived as a whole.'),
                )
                guide_link('watch-folder', 'is-flush')
            self._list = el('div')
        self.follow(room.bus, WatchChanged, lambda news: self._show(news.id))
        self.follow(room.bus, PipelinesChanged, lambda _: self._show())
        self.follow(room.bus, ProfileChanged, lambda _: self._show())
        self._show()

    def _show(self, id: str = '') -> None:
        """Show the watch folder with this id anew, or all of them."""
        views = {view.watch.id: view for view in self._room.watches.all()}
        for gone in self._rows.keys() - views.keys():
            self._rows.pop(gone).delete()
        for view in views.values():
            if view.watch.id not in self._rows:
                with self._list:
                    self._rows[view.watch.id] = WatchRow(self._room, view)
            elif id in ('', view.watch.id):
                self._rows[view.watch.id].show_soon()
        self._none.set_visibility(not views)


class WatchRow(Scope):
    """One watch folder. Its buttons stay as they are while its files come and go, and so does the focus."""

    def __init__(self, room: ControlRoom, view: WatchView) -> None:
        super().__init__()
        self.classes('watch')
        self._room = room
        self._drawn: object = None
        self._id = view.watch.id
        with self:
            self._head = el('div')
            self._news = Scope()
        self.show_soon = self.at_most_every(REDRAW_SECONDS, self._show, at_once=True)
        self._shown: object = None
        self._draw(view)

    def _show(self) -> None:
        view = next((view for view in self._room.watches.all() if view.watch.id == self._id), None)
        if view is not None:
            self._draw(view)

    def _draw(self, view: WatchView) -> None:
        names = (pipeline_title(self._room, view.watch.pipeline), profile_label(self._room, view.watch.profile))
        self._watch = view.watch
        drawn = (view.watch.changed(enabled=True), names)  # the switch stays, and the focus on it
        if drawn != self._drawn:
            self._drawn = drawn
            self._head.clear()
            with self._head:
                self._draw_head(view.watch, *names)
        set_props(self._switch, checked=view.watch.enabled or None)
        news = (view.error, view.waiting, view.waiting_count, view.taken, view.watch.enabled)
        if news != self._shown:
            self._shown = news
            self._news.clear()
            with self._news:
                self._draw_news(view)

    def _draw_head(self, watch: Watch, pipeline: str, profile: str) -> None:
        with el('div', 'sy-x'):
            icon('folder')
            with el('div', 'sy-grow what'):
                el('b', 'sy-mono', watch.folder)
                what = _('All files') if watch.pattern == '*' else watch.pattern
                el(
                    'span',
                    'sy-cap',
                    ', '.join(filter(None, (_('{what} to {pipeline}', what=what, pipeline=pipeline), profile))),
                )
            label = _('Watch {folder}', folder=watch.folder)
            self._switch = switch('', watch.enabled, self._turn, label=label, shows_saved=True)
            edit = button(
                '', icon_name='edit', kind='ghost', small=True, aria_label=_('Edit {folder}', folder=watch.folder)
            )
            opens(edit, lambda: WatchDialog(self._room, self._watch))
            remove = button(
                '',
                icon_name='trash',
                kind='ghost',
                small=True,
                aria_label=_('Stop watching {folder}', folder=watch.folder),
            )
            opens(remove, lambda: self._delete(watch), what='')

    def _draw_news(self, view: WatchView) -> None:
        if view.error is not None and view.watch.enabled:
            with el('p', 'is-problem st-failed', role='alert'):
                Glyph('failed', size=14)
                el('span', text=view.error)
        if not view.watch.enabled:
            el('p', 'sy-cap', _('Switched off. What comes meanwhile is taken once it is on again.'))
        for file in view.waiting[:MOST_WAITING]:
            el('p', 'is-waiting', waiting_words(file))
        if view.waiting_count > MOST_WAITING:
            el('p', 'sy-cap', _n('and {count} more', 'and {count} more', view.waiting_count - MOST_WAITING))
        if view.taken:
            with el('ul', aria_label=_('Taken last from {folder}', folder=view.watch.folder)):
                for taken in view.taken[:MOST_TAKEN]:
                    self._draw_taken(taken)

    def _draw_taken(self, file: TakenFile) -> None:
        with el('li', 'sy-x'):
            el('span', 'sy-cap sy-num', f'{day_of(self._room, file.at)}, {clock_of(self._room, file.at)}')
            if file.number is not None:
                el('a', 'sy-num', f'#{file.number}', href=f'/runs/{file.number}')
            el('span', 'sy-ell', f'{file.name}, {size_of(file.size)}')
            if file.reason:
                el('span', 'sy-error', _('Not taken: {reason}', reason=file.reason))

    async def _turn(self, is_on: bool) -> None:
        await attempt(self._room.watches.update(self._id, {'enabled': is_on}))

    async def _delete(self, watch: Watch) -> None:
        text = _('Its files stay where they are. Watched again later, they count as new.')
        if await confirm(
            _('Stop watching {folder}?', folder=watch.folder),
            text,
            yes=_('Stop watching'),
            no=_('Keep it'),
            icon_name='trash',
        ):
            await attempt(self._room.watches.delete(watch.id))


def waiting_words(file: WaitingFile) -> str:
    """Return why a file is not taken yet, such as `holiday.mp4 is still growing, 1.2 GB`."""
    return translated(_STATES[file.state]).format(name=file.name, size=size_of(file.size))
