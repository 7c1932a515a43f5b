"""The files that a run has kept: previews of media and of texts, downloads, folders and long lists folded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from urllib.parse import quote

from pages.parts.cards import keep_rows, set_props
from pages.parts.html import copy_button, el, icon
from pages.parts.words import size_of, step_title
from synapse.control_room import ControlRoom
from synapse.errors import SynapseError
from synapse.language import N_, Words, _, _n
from synapse.language.formats import number
from synapse.runs.records import Artifact, RunRecord

SHOWN = 25
MORE = 100
FOLDED = 5
"""From this many files on, a folder is one row until it is opened."""
PICTURES = frozenset({'image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif', 'image/bmp'})
"""Shown as pictures; an SVG may carry script, so it is shown as text."""
TEXTS = frozenset(
    {
        'application/json',
        'application/octet-stream',
        'application/x-ndjson',
        'application/x-sh',
        'application/x-subrip',
        'application/xml',
        'application/yaml',
        'image/svg+xml',
    }
)
"""Shown as text, beside `text/...`; what is unknown may turn out to be none."""

_CANNOT = Words(
    {
        'img': N_('This image cannot be shown.'),
        'video': N_('This film cannot be played here.'),
        'audio': N_('This sound cannot be played here.'),
    }
)


def preview_of(artifact: Artifact) -> str:
    """Return the tag of the element that shows a file: `video`, `audio`, `img`, `pre`, or empty if none does."""
    kind = artifact.media_type.partition('/')[0]
    if kind in ('video', 'audio'):
        return kind
    if artifact.media_type in PICTURES:
        return 'img'
    return 'pre' if kind == 'text' or artifact.media_type in TEXTS else ''


def address_of(run: RunRecord, artifact: Artifact) -> str:
    return f'/api/v1/runs/{run.id}/artifacts/{quote(artifact.name)}'


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of outputs that is shown as one row."""

    name: str


Key = Artifact | Folder


class OutputsCard:
    """A row stays the same element while its file does, so that a preview that plays goes on."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._run = run
        self._rows: dict[Key, _FileRow | _FolderRow] = {}
        self._opened: set[str] = set()
        self._most = SHOWN
        self._featured: Artifact | None = None
        self._drawn: tuple[object, ...] = ()
        with el('section', 'glass-card', aria_label=_('Outputs')):
            with el('div', 'sy-head'):
                el('h2', text=_('Outputs'))
                self._count = el('span', 'sy-count')
                copy_button(_('Copy folder'), str(room.runs.folder_of(run.id) / 'artifacts'))
            self._none = el('p', 'sy-cap run-none')
            self._preview = el('div')
            self._list = el('ul', 'sy-rows run-outputs')
            self._more = el('button', 'sy-btn is-ghost is-sm run-more', type_='button', hidden=True)
            self._more.on('click', self._show_more)
        self.show(run)

    def show(self, run: RunRecord) -> None:
        """Bring the list to what the run has kept by now."""
        drawn = (run.artifacts, run.state.is_final, self._most, len(self._opened))
        if drawn == self._drawn:
            return
        self._drawn, self._run = drawn, run
        self._count.set_text(number(len(run.artifacts)) if run.artifacts else '')
        words = _('This run kept no files.') if run.state.is_final else _('Files appear here as steps keep them.')
        self._none.set_text('' if run.artifacts else words)
        self._none.set_visibility(not run.artifacts)
        self._feature(run)
        by_folder = _folders_of(run.artifacts)
        keys = self._keys(run.artifacts, by_folder)
        keep_rows(self._list, self._rows, keys[: self._most], self._row)
        for key, row in self._rows.items():
            if isinstance(key, Folder) and isinstance(row, _FolderRow):
                row.show(by_folder[key.name], is_open=key.name in self._opened)
        rest = len(keys) - self._most
        self._more.set_text(
            _('Show {some} of {rest} more', some=min(rest, MORE), rest=number(rest)) if rest > 0 else ''
        )
        set_props(self._more, hidden=rest <= 0 or None)

    def _keys(self, artifacts: Sequence[Artifact], by_folder: Mapping[str, Sequence[Artifact]]) -> list[Key]:
        keys: dict[Key, None] = {}
        for artifact in artifacts:
            folder, slash, _ = artifact.name.partition('/')
            is_folded = bool(slash) and folder in by_folder
            if is_folded:
                keys[Folder(folder)] = None
            if not is_folded or folder in self._opened:
                keys[artifact] = None
        return [*keys]

    def _row(self, key: Key) -> '_FileRow | _FolderRow':
        if isinstance(key, Folder):
            return _FolderRow(key.name, partial(self._toggle, key.name))
        return _FileRow(self._room, self._run, key)

    def _toggle(self, folder: str) -> None:
        self._opened ^= {folder}
        self._drawn = ()
        self.show(self._run)

    def _show_more(self) -> None:
        self._most += MORE
        self.show(self._run)

    def _feature(self, run: RunRecord) -> None:
        """Show the first film, else the first picture or sound, above the list."""
        first = {preview_of(artifact): artifact for artifact in reversed(run.artifacts)}
        featured = first.get('video') or first.get('img') or first.get('audio')
        if featured == self._featured:
            return
        self._featured = featured
        self._preview.clear()
        if featured is not None:
            with self._preview:
                _show_media(run, featured)


class _FileRow:
    def __init__(self, room: ControlRoom, run: RunRecord, artifact: Artifact) -> None:
        self._room, self._run, self._artifact = room, run, artifact
        self._is_open = False
        name = artifact.name.rsplit('/', 1)[-1]
        with el('li') as self.row:
            with el('div', 'run-output'):
                with el(
                    'a',
                    'sy-x sy-grow',
                    href=address_of(run, artifact),
                    download=name,
                    title=_('Download {file}', file=name),
                ):
                    icon('film' if artifact.media_type.startswith('video/') else 'file', size=15, classes='sy-3')
                    with el('span', 'sy-ell sy-grow', title=artifact.name):
                        el('span', text=artifact.name)
                        if artifact.step:
                            el('span', 'sy-3', f' {step_title(room, run.pipeline, artifact.step)}')
                    el('span', 'sy-cap sy-num', size_of(artifact.size))
                    icon('download', size=14, classes='sy-3')
                if preview_of(artifact):
                    words = _('Preview {file}', file=name)
                    with el('button', 'sy-btn is-ghost is-sm is-icon', type_='button', aria_expanded='false') as toggle:
                        icon('down', size=14)
                    set_props(toggle, aria_label=words, title=words)
                    toggle.on('click', self._toggle)
                    self._press = toggle
            self._place = el('div', hidden=True)

    async def _toggle(self) -> None:
        self._is_open = not self._is_open
        set_props(self._press, aria_expanded=str(self._is_open).lower())
        set_props(self._place, hidden=not self._is_open or None)
        self._place.clear()
        if self._is_open:
            with self._place:
                await self._show()

    async def _show(self) -> None:
        if preview_of(self._artifact) != 'pre':
            _show_media(self._run, self._artifact)
            return
        note = el('p', 'sy-cap run-none', _('Reading it …'), role='status')
        text = el(
            'pre', 'run-text', tabindex='0', aria_label=_('Beginning of {file}', file=self._artifact.name), hidden=True
        )
        try:
            found = await self._room.runs.beginning_of(self._run.id, self._artifact.name)
        except SynapseError as error:
            words = f'{error.message} {error.hint}'.strip()
        else:
            words = _('This is no text. Download it to open it.') if found is None else ''
            if found is not None and not found.is_all:
                sizes = {'shown': size_of(found.shown), 'size': size_of(found.size)}
                words = _('The first {shown} of {size}. Download it for the rest.', **sizes)
            if found is not None and not text.is_deleted:
                text.set_text(found.text or _('The file is empty.'))
                set_props(text, hidden=None)
        if not note.is_deleted:
            note.set_text(words)
            note.set_visibility(bool(words))


class _FolderRow:
    def __init__(self, name: str, toggle: partial[None]) -> None:
        with (
            el('li') as self.row,
            el('button', 'sy-x run-folder', type_='button', aria_expanded='false') as self._press,
        ):
            icon('folder', size=15, classes='sy-3')
            with el('span', 'sy-ell sy-grow'):
                el('span', text=f'{name}/ ')
                self._files = el('span', 'sy-3')
            self._size = el('span', 'sy-cap sy-num')
            icon('down', size=14, classes='sy-3')
        self._press.on('click', lambda: toggle())

    def show(self, files: Sequence[Artifact], *, is_open: bool) -> None:
        self._files.set_text(_n('({count} file)', '({count} files)', len(files)))
        self._size.set_text(size_of(sum(file.size for file in files)))
        set_props(self._press, aria_expanded=str(is_open).lower())


def _show_media(run: RunRecord, artifact: Artifact) -> None:
    address, tag = address_of(run, artifact), preview_of(artifact)
    if tag == 'img':
        shown = el('img', 'run-preview', src=address, alt=artifact.name, loading='lazy')
    else:
        poster = _poster_of(artifact, run.artifacts)
        more = {'poster': address_of(run, poster)} if poster is not None else {}
        shown = el(tag, 'run-preview', src=address, controls=True, preload='metadata', **more)
    with el('p', 'sy-cap run-none', hidden=True):
        el('span', text=f'{_CANNOT[tag]} ')
        el('a', text=_('Download it'), href=address, download=artifact.name.rsplit('/', 1)[-1])
    shown.on('error', js_handler='({target}) => { target.hidden = true; target.nextElementSibling.hidden = false; }')


def _poster_of(film: Artifact, artifacts: Sequence[Artifact]) -> Artifact | None:
    """Return the picture with the name of a film, as `PublishVideo` makes it."""
    name = PurePath(film.name).with_suffix('')
    pictures = (item for item in artifacts if preview_of(item) == 'img' and preview_of(film) == 'video')
    return next((item for item in pictures if PurePath(item.name).with_suffix('') == name), None)


def _folders_of(artifacts: Sequence[Artifact]) -> dict[str, list[Artifact]]:
    """Return the files of each folder that has so many that it is folded."""
    folders: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        folder, slash, _ = artifact.name.partition('/')
        if slash:
            folders.setdefault(folder, []).append(artifact)
    return {name: files for name, files in folders.items() if len(files) >= FOLDED}
