"""How far a calendar file is that is being sent, read and imported, with a button that ends it."""

from collections.abc import Callable

from pages.parts.cards import set_props
from pages.parts.html import button, el
from pages.parts.words import size_of
from synapse.language import N_, _, translated
from synapse.language.formats import number

WORDS = {
    'read': N_('Reading: {done} of {total} events'),
    'compared': N_('Comparing with the calendar: {done} of {total} events'),
    'checked': N_('Checking: {done} of {total} events'),
    'saved': N_('Saving: {done} of {total} events'),
    'described': N_('Putting together what it would do: {done} of {total} events'),
}


class ImportProgress:
    """A line that is hidden unless a file is on its way.

    :param cancel: called when the person presses Cancel
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        with el('span', 'feed-progress', hidden=True) as self._line:
            self._words = el('span', 'sy-cap sy-num sy-grow')
            button(_('Cancel'), kind='ghost', small=True, aria_label=_('Cancel the import')).on('click', cancel)
            with el('span', 'sy-meter', role='progressbar', aria_label=_('Import'), aria_valuemax='100') as self._meter:
                self._bar = el('i').style('--mc:var(--cmd-purple)')

    def sent(self, name: str, done: int, total: int) -> None:
        """Show how many bytes of the file have arrived."""
        self._show(
            _('Sending {name}: {done} of {total}', name=name, done=size_of(done), total=size_of(total)), done, total
        )

    def at(self, stage: str, done: int, total: int) -> None:
        """Show how many events have been through a stage: see `Progress`."""
        self._show(translated(WORDS[stage]).format(done=number(done), total=number(total)), done, total)

    def hide(self) -> None:
        set_props(self._line, hidden=True)

    def _show(self, words: str, done: int, total: int) -> None:
        percent = f'{100 * done / max(total, 1):.0f}'
        self._words.set_text(words)
        self._bar.style(f'width:{percent}%')
        set_props(self._meter, aria_valuenow=percent, aria_valuetext=words)
        set_props(self._line, hidden=None)
