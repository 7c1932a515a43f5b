"""The place where files are dropped; the browser streams them to the inbox, and tells here once they are whole."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from synapse.catalog.catalog import PipelineInfo

from .cards import set_props
from .html import el, icon

VIDEO = frozenset({'.mp4', '.mov', '.mkv', '.webm', '.avi', '.m4v'})


class UploadZone(ui.element):
    """Takes files by drop, by click and by Enter; what the pipeline does not take is refused before it is sent.

    :param max_bytes: as the inbox allows
    :param received: called with each item of the inbox, `{id, name, size, ...}`, in the order they arrive
    """

    def __init__(
        self, max_bytes: int, received: Callable[[Mapping[str, Any]], Awaitable[None]], *, classes: str = ''
    ) -> None:
        super().__init__('div')
        self.classes(f'upload-zone {classes}')
        self.props.update({'role': 'button', 'tabindex': '0', 'data-max': str(max_bytes)})
        self._limit = f'up to {max_bytes / 1024**3:.0f} GB' if max_bytes >= 1024**3 else f'up to {max_bytes:,} bytes'

        async def uploaded(event: GenericEventArguments) -> None:
            await received(event.args)

        self.on('uploaded', uploaded, js_handler='(e) => emit(e.detail)')
        with self:
            self._input = el('input', type_='file', multiple=True, tabindex='-1', aria_hidden='true')
            with el('span', 'asking'):
                with el('span', 'up'):
                    icon('upload', size=18)
                with el('span', 'words'):
                    with el('span', 'is-wide-only'):
                        self._drop = el('b')
                        el('span', text=' or ')
                        el('u', text='choose a file')
                    self._choose = el('b', 'is-phone-only')
                    self._hint = el('span', 'sy-cap')
                icon('right', size=18, classes='sy-3 is-phone-only')
            sending_row()

    def ask_for(self, info: PipelineInfo, *, profile: str, starts: bool) -> None:
        """Take files for this pipeline from now on.

        :param starts: whether a file is all it needs
        """
        accepts = list(info.accepts)
        what = 'a video' if accepts and VIDEO.issuperset(accepts) else 'a file'
        set_props(
            self,
            data_accepts=','.join(accepts) or None,
            data_pipeline=info.title,
            aria_label=f'Drop {what} here or press Enter to choose one',
        )
        set_props(self._input, accept=','.join(accepts) or None)
        self._drop.set_text(f'Drop {what}')
        self._choose.set_text(f'Choose {what}')
        then = 'It starts right away.' if starts else 'Then come a few questions.'
        self._hint.set_text(f'{suffixes(accepts)} {self._limit}. {then}'.strip())
        set_props(self._hint, title=', '.join(accepts) or None, data_profile=profile)


def sending_row() -> None:
    """Inside a drop zone: name, progress and cancel of the file on its way, then why one was refused.

    `synapse.js` finds them by their data attributes and fills them in.
    """
    with el('span', 'sending'):
        with el('span', 'sy-x'):
            el('b', 'sy-ell sy-grow', data_name='1')
            el('button', 'sy-btn is-sm is-ghost', 'Cancel', type_='button', data_cancel='1')
        with el('span', 'sy-meter', role='progressbar', aria_label='Upload', data_progress='1'):
            el('i', data_bar='1').style('width:0%;--mc:var(--cmd-purple)')
        el('span', 'sy-cap sy-num', data_speed='1')
    el('span', 'refused sy-error', role='alert', data_refused='1')


def suffixes(accepts: Sequence[str]) -> str:
    """`mp4, mov, mkv`, at most three of them; the refusal names all."""
    return ', '.join(suffix.lstrip('.') for suffix in accepts[:3]) if accepts else 'Any file'
