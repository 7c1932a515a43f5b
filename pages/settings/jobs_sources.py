"""The question where jobs are: on this machine, in files, or in a text that is pasted."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui.events import GenericEventArguments

from pages.parts.cards import set_props
from pages.parts.controls import CHECKED
from pages.parts.dialogs import Dialog, answer_to, leave_button
from pages.parts.html import button, el
from synapse.language import N_, _, _n, translated
from synapse.schedulers.sources import MAX_BYTES, Kind, Source, given, text_of

MAX_CHOSEN = 50
PASTED = N_('Pasted text')

_SEND = f"""async (e) => {{
    const files = [...e.target.files].slice(0, {MAX_CHOSEN});
    e.target.value = '';
    for (const file of files) {{
        if (file.size > {MAX_BYTES}) {{ emit({{ name: file.name }}); continue; }}
        const reader = new FileReader();
        reader.onloadend = () => emit({{ name: file.name, data: (reader.result ?? '').split(',')[1] ?? null }});
        reader.readAsDataURL(file);
    }}
}}"""


@dataclass(slots=True)
class Asked:
    """What a person has chosen and typed so far, so that they can come back to it."""

    sources: list[Source]
    on: set[str] = field(default_factory=set)
    """Names of the sources that are ticked."""
    text: str = ''

    @classmethod
    def about(cls, sources: Sequence[Source]) -> 'Asked':
        """:param sources: those of this machine"""
        return cls([*sources], {source.name for source in sources if _is_on(source)})


class JobSources:
    """Lists what there is on this machine, each with a tick, and takes more.

    :param asked: is kept up to date
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        sources = asked.sources
        with (
            Dialog() as self._dialog,
            el(
                'section', 'sy-dialog im-dialog', role='dialog', aria_modal='true', aria_label=_('Bring your crontab')
            ) as box,
        ):
            set_props(box, tabindex='-1')
            el('h2', text=_('Bring your crontab'))
            el(
                'p',
                'sy-2',
                _('Each job becomes an event that runs its command. You see all of them before any is kept.'),
            )
            self._list = el('ul', 'jb-sources', aria_label=_('Where jobs are'))
            for source in sources:
                self._draw(source)
            self._none = el('p', 'sy-cap', _('Nothing was found on this machine.'), hidden=bool(sources) or None)
            with el('label', 'jb-paste'):
                el('span', 'sy-cap', _('Or paste a crontab, units of systemd (.timer with .service), or a task as XML'))
                self._text = el(
                    'textarea', 'sy-control', asked.text, rows='5', spellcheck='false', aria_label=_('Text with jobs')
                )
            with el('label', 'sy-btn is-sm jb-file'):
                el('span', text=_('Choose files'))
                chosen = el('input', 'sy-vh', type_='file', multiple=True, aria_label=_('Choose files with jobs'))
            chosen.on('change', self._receive, js_handler=_SEND)
            self._problem = el('p', 'sy-error', role='alert')
            with el('div', 'sy-dialog-buttons'):
                leave_button(self._dialog)
                look = button(_('Show the events'), kind='primary')
            # Read with the click: an event of its own could arrive after it.
            look.on('click', self._submit, js_handler=f'() => emit(getHtmlElement({self._text.id}).value)')

    async def answer(self) -> list[Source] | None:
        """Wait for the sources to read; None means none."""
        answer = await answer_to(self._dialog)
        return answer if isinstance(answer, list) else None

    def _add(self, source: Source) -> None:
        self._asked.sources.append(source)
        if _is_on(source):
            self._asked.on.add(source.name)
        self._draw(source)

    def _draw(self, source: Source) -> None:
        is_on = source.name in self._asked.on
        with self._list, el('li'), el('label', 'sy-x sy-tick'):
            tick = el('input', type_='checkbox', checked=is_on or None, disabled=bool(source.problem) or None)
            el('span', 'sy-ell', source.name)
            el('span', 'sy-cap', source.problem or _size_of(source))
        tick.on(
            'change',
            lambda news, name=source.name: self._turn(name, is_on=news.args is True),
            js_handler=CHECKED,
        )

    def _turn(self, name: str, *, is_on: bool) -> None:
        (self._asked.on.add if is_on else self._asked.on.discard)(name)

    def _receive(self, news: GenericEventArguments) -> None:
        name, data = str(news.args['name'])[:200], news.args.get('data')
        try:
            text = text_of(base64.b64decode(data, validate=True))
        except (TypeError, binascii.Error):
            self._problem.set_text(
                _('{name} could not be read. A file may have at most {size} kB.', name=name, size=MAX_BYTES // 1000)
            )
            return
        self._problem.set_text('')
        set_props(self._none, hidden=True)
        known = {source.name for source in self._asked.sources}
        if name not in known and len(known) < MAX_CHOSEN:
            self._add(given(name, text))

    def _submit(self, news: GenericEventArguments) -> None:
        text: Any = news.args
        self._asked.text = text if isinstance(text, str) else ''
        found = [source for source in self._asked.sources if source.name in self._asked.on]
        if self._asked.text.strip():
            found.append(given(translated(PASTED), self._asked.text))
        if found:
            self._dialog.submit(found)
        else:
            self._problem.set_text(_('Tick something, paste a text, or choose a file.'))


def _is_on(source: Source) -> bool:
    # Jobs of the system are those of its distribution, most of the time.
    return not source.problem and source.kind not in (Kind.SYSTEM_CRONTAB, Kind.SYSTEM_TIMERS)


def _size_of(source: Source) -> str:
    if source.kind in (Kind.TIMERS, Kind.SYSTEM_TIMERS):
        if timers := source.text.count('[Timer]'):
            return _n('{count} timer', '{count} timers', timers)
        return _n('{count} service', '{count} services', source.text.count('[Service]'))
    if source.kind is Kind.TASKS:
        return _n('{count} task', '{count} tasks', source.text.count('<Task '))
    return _n('{count} line', '{count} lines', len(source.text.splitlines()))
