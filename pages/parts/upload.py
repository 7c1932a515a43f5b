"""Places to drop a file; the browser streams it to the inbox and reports it once all of it has arrived."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

from synapse.catalog.catalog import PipelineInfo
from synapse.language import _, capital
from synapse.media.formats import VIDEO_SUFFIXES

from .cards import set_props
from .html import el, icon
from .words import is_only_suffixes, kinds_of, limit_size

Received = Callable[[Mapping[str, Any]], Any]
"""Called with each new item of the inbox, `{id, name, size, ...}`, in the order they arrive; may be async."""


class FileZone(ui.element):
    """Takes files by drop, click or Enter; `synapse.js` checks their suffix and size before it sends them.

    :param max_bytes: the limit of the inbox
    """

    def __init__(self, max_bytes: int, received: Received, *, classes: str = '', multiple: bool = False) -> None:
        super().__init__('div')
        self.classes(f'upload-zone {classes}')
        set_props(self, data_max=str(max_bytes))
        self.on('uploaded', lambda event: received(event.args), js_handler='(e) => emit(e.detail)')
        with self:
            self.input = el('input', type_='file', multiple=multiple)

    def accept(self, suffixes: Sequence[str], *, title: str, label: str, kinds: str = '') -> None:
        """Take files with these suffixes, or any file if there are none.

        :param title: names the taker in a refusal
        :param label: for screen readers
        :param kinds: what a refusal says that it takes, if not these suffixes
        """
        accepts = ','.join(suffixes) or None
        kinds = kinds or kinds_of(suffixes)
        set_props(self, data_accepts=accepts, data_pipeline=title, data_kinds=kinds)
        set_props(self.input, accept=accepts, aria_label=label)


class UploadZone(FileZone):
    """The large zone: says which files the chosen pipeline takes and what happens next."""

    def __init__(self, max_bytes: int, received: Received, *, classes: str = '') -> None:
        super().__init__(max_bytes, received, classes=classes, multiple=True)
        self._limit = limit_size(max_bytes)
        with self:
            with el('span', 'asking'):
                with el('span', 'up'):
                    icon('upload', size=18)
                with el('span', 'words'):
                    with el('span', 'is-wide-only'):
                        self._drop = el('b')
                        or_choose()
                    self._choose = el('b', 'is-phone-only')
                    self._hint = el('span', 'sy-cap')
                icon('right', size=18, classes='sy-3 is-phone-only')
            sending_row()

    def ask_for(self, info: PipelineInfo, *, profile: str, starts: bool, suffixes: Sequence[str]) -> None:
        """Ask for files for this pipeline.

        :param starts: whether a run needs nothing but the file
        :param suffixes: what is taken, for other pipelines too; any file if there are none
        """
        kinds = kinds_of(info.accepts)
        if set(info.accepts[:1]) & set(VIDEO_SUFFIXES):
            label = _('Drop a video here or press Enter to choose one')
            drop, choose = _('Drop a video'), _('Choose a video')
        else:
            label = _('Drop a file here or press Enter to choose one')
            drop, choose = _('Drop a file'), _('Choose a file')
        self.accept(suffixes, title=info.title, label=label, kinds=kinds)
        self._drop.set_text(drop)
        self._choose.set_text(choose)
        then = _('It starts right away.') if starts else _('A few questions follow.')
        if is_only_suffixes(info.accepts):
            hint = _('Takes {kinds}, up to {size}. {then}', kinds=kinds, size=self._limit, then=then)
        else:
            hint = _('{kinds}, up to {size}. {then}', kinds=capital(kinds), size=self._limit, then=then)
        self._hint.set_text(hint)
        set_props(self._hint, title=', '.join(info.accepts) or None, data_profile=profile)


def or_choose() -> None:
    """Draw what stands behind "Drop it here": the other way, for those who press it."""
    el('span', text=' ' + _('or') + ' ')
    el('u', text=_('choose a file'))


def sending_row() -> None:
    """Draw the row of a file being sent: name, progress, Cancel, and why a file was refused.

    `synapse.js` finds its parts by their data attributes and fills them in.
    """
    with el('span', 'sending'):
        with el('span', 'sy-x'):
            el('b', 'sy-ell sy-grow', data_name='1')
            el('button', 'sy-btn is-sm is-ghost', _('Cancel'), type_='button', data_cancel='1')
        with el('span', 'sy-meter', role='progressbar', aria_label=_('Upload'), data_progress='1'):
            el('i', data_bar='1').style('width:0%;--mc:var(--cmd-purple)')
        el('span', 'sy-cap sy-num', data_speed='1')
    el('span', 'refused sy-error', role='alert', data_refused='1')
