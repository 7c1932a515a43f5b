"""A command as a parameter: a pasted command line is shown as its words, and a shell offered for what needs one."""

import shlex
from collections.abc import Mapping
from typing import Any

from nicegui.element import Element

from synapse.builtin.command_line import (
    CommandLine,
    UnclosedQuote,
    hides_failures,
    needs_shell,
    plainly_shell,
    typed_command,
)
from synapse.builtin.run_command import PIPE_WORDS, SHELL_HINT
from synapse.language import N_, _, _n, translated

from .cards import set_class
from .controls import set_in_browser
from .fields import Field, SwitchField, TextField, Unreadable
from .html import button, el, icon

MOST_WORDS = 40


class CommandField(TextField):
    """The value is a list of words, or one text: for a shell, or where only its quotes tell what is an argument.

    The schema names the switch that has a shell run it: `x-command`.
    """

    kind = 'command'
    expects = N_('command line')
    placeholder = N_('rsync -a /from /to')
    is_area = True

    def _control(self, value: Any) -> None:
        self._given = list(value) if isinstance(value, list) else []
        self._shell: SwitchField | None = None
        self._words: list[str] = []
        super()._control(value)
        self._seen = el('div', 'form-seen')

    def connect(self, fields: Mapping[str, Field]) -> None:
        switch = fields.get(str(self.schema['x-command']))
        if isinstance(switch, SwitchField):
            self._shell = switch
            switch.turned = self._show
        self._show()

    def value(self) -> Any:
        if not self.is_touched and self._given:
            return self._given
        if not self._text.strip():
            return self._nothing() if self.is_required or self.is_nullable else []
        if self._is_for_shell:
            return [self._text.strip()]
        line = self._read()
        needs_quotes = bool(line.syntax) or line.has_lines or bool(plainly_shell(line.words))
        return [self._text.strip()] if needs_quotes and '\n'.join(line.words) != self._text.strip() else line.words

    def show_error(self, text: str) -> None:
        if self._shell:
            hint = _('Turn on “{switch}”.', switch=self._shell.title)
            text = text.replace(SHELL_HINT, hint).replace(translated(SHELL_HINT), hint)
        super().show_error(text)

    @property
    def _is_for_shell(self) -> bool:
        return self._shell is not None and bool(self._shell.value())

    def _read(self) -> CommandLine:
        """:raises Unreadable: if a quote has no end"""
        try:
            return typed_command(self._text)
        except UnclosedQuote as error:
            raise Unreadable(str(error)) from error

    def _to_text(self, value: Any) -> str:
        words = value if isinstance(value, list) else []
        if len(words) > 1 and any(not word or '\n' in word or word != word.strip() for word in words):
            return shlex.join(words)
        return '\n'.join(words)

    def _typed(self, text: str) -> None:
        super()._typed(text)
        self._show()

    # What is made of it

    def _show(self) -> None:
        """Show the words of a command line, or what a shell is needed for, or that a quote is open."""
        line, wrong = CommandLine(), ''
        try:
            line = self._read()
        except Unreadable as error:
            wrong = str(error)
        is_for_shell = self._is_for_shell
        reason = '' if is_for_shell else needs_shell(line)
        self._words = [] if is_for_shell or reason or '\n'.join(line.words) == self._text.strip() else line.words
        self._seen.clear()
        set_class(self.box, 'is-for-shell', is_for_shell)
        with self._seen:
            if is_for_shell and self._text.strip():
                words = [_('/bin/sh runs this as a script.')]
                words += [translated(PIPE_WORDS)] if hides_failures(self._text) else []
                self._offer(' '.join(words), _('Run it without a shell'), is_on=False)
            elif reason:
                self._offer(reason, _('Run it with /bin/sh'), is_on=True)
            elif wrong:
                self._say(wrong)
            elif len(self._words) > 1:
                self._draw_words()

    def _offer(self, reason: str, words: str, *, is_on: bool) -> None:
        with self._say(reason):
            press = button(words, small=True)
        press.on('click', lambda: self._turn(is_on=is_on))

    def _say(self, text: str) -> Element:
        with el('div', 'form-shell') as line:
            icon('terminal', size=14)
            el('span', 'sy-grow', text)
        return line

    def _turn(self, *, is_on: bool) -> None:
        self._text_box.run_method('focus')  # the pressed button goes, and keys must still reach the dialog
        if self._shell is not None:
            self._shell.turn(is_on=is_on)
        self._touch()

    def _draw_words(self) -> None:
        with el('ol', 'form-words', aria_label=_n('{count} word', '{count} words', len(self._words))):
            for place, word in enumerate(self._words[:MOST_WORDS]):
                with el('li'):
                    box = el(
                        'input',
                        'sy-mono',
                        type_='text',
                        aria_label=_('Word {number}', number=place + 1),
                        spellcheck='false',
                    )
                box.props['^value'] = word
                box.props['size'] = max(1, len(word))
                box.on('input', lambda event, place=place: self._change(place, str(event.args)), js_handler=SIZED)
            if len(self._words) > MOST_WORDS:
                el('li', 'sy-cap', _('and {count} more', count=len(self._words) - MOST_WORDS))

    def _change(self, place: int, word: str) -> None:
        """Take a word that was edited; the command line follows, with quotes where they are needed."""
        self._words[place] = word
        self._text = shlex.join(self._words)
        set_in_browser(self._text_box, 'value', self._text)
        self._touch()


SIZED = '(e) => { e.target.size = Math.max(1, e.target.value.length); emit(e.target.value) }'
