"""The list of all shortcuts."""

from pages.parts.dialogs import Dialog
from pages.parts.html import button, el
from pages.parts.shortcuts import SHORTCUTS, Shortcut
from synapse.language import _, translated


def open_help() -> None:
    """Show which keys do what; those that this browser switched off are left out."""
    title = _('Shortcuts')
    with Dialog() as dialog, el('section', 'sy-dialog sy-help', role='dialog', aria_modal='true', aria_label=title):
        el('h2', text=title)
        with el('div', 'groups'):
            for group, shortcuts in SHORTCUTS.items():
                with el('section'):
                    el('h3', text=translated(group))
                    with el('dl', 'sy-keys'):
                        for shortcut in shortcuts:
                            _row(shortcut)
        with el('p', 'sy-cap'):
            el('span', 'keys-on', _('Settings can switch off those without Ctrl and Alt.'))
            el('span', 'keys-off', _('Those without Ctrl and Alt are switched off in Settings.'))
        with el('div', 'sy-dialog-buttons'):
            el('a', 'sy-btn', _('Open the guide'), href='/help').on('click', dialog.close)
            button(_('Close'), autofocus=True).on('click', dialog.close)
    dialog.on('hide', dialog.delete)
    dialog.open()


def _row(shortcut: Shortcut) -> None:
    hints = shortcut.hints()
    with el('div', data_single=all(is_single for _hint, is_single in hints) or None):
        el('dt', 'sy-2', translated(shortcut.words))
        with el('dd'):
            for hint, is_single in hints:
                el('span', 'sy-kbd', hint, data_single=is_single or None)
