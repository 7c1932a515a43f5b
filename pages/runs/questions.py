"""Open questions of runs, each with the means to answer it; what is answered elsewhere disappears here too."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from nicegui.elements.mixins.text_element import TextElement

from pages.parts.cards import keep_rows, set_props, tick
from pages.parts.controls import Slot, entry
from pages.parts.fields import Field, Unreadable, sorted_errors
from pages.parts.html import Glyph, button, el, icon
from pages.parts.schema_fields import field_for, is_path
from pages.parts.scope import Scope
from pages.parts.words import moment_of, step_title, title_of
from synapse.control_room import ControlRoom
from synapse.errors import Invalid, SynapseError
from synapse.language import _
from synapse.runs.lines.lifecycle_log import in_words
from synapse.runs.messages import RunChanged
from synapse.runs.records import Question, RunRecord

from .run_controls import BECAUSE

MOST_OUTPUTS = 6
Key = tuple[str, str]


class Questions(Scope):
    """A card for each open question, the oldest first; takes no room while there is none.

    :param run_id: show only those of this run
    """

    def __init__(self, room: ControlRoom, run_id: str | None = None) -> None:
        super().__init__()
        self.classes('asks')
        self._room = room
        self._run_id = run_id
        self._rows: dict[Key, _QuestionCard] = {}
        self.follow(room.bus, RunChanged, self._changed)
        self._show()

    def _changed(self, message: RunChanged) -> None:
        run = message.run
        if message.moved and (run.question is not None or any(run.id == id for id, _ in self._rows)):
            self._show()

    def _show(self) -> None:
        asking = [(run, run.question) for run in self._room.runs.asking() if run.question is not None]
        shown = {(run.id, question.id): (run, question) for run, question in asking if self._run_id in (None, run.id)}
        keep_rows(self, self._rows, [*shown], lambda key: self._card(*shown[key]))
        set_props(self, hidden=not shown or None)

    def _card(self, run: RunRecord, question: Question) -> '_QuestionCard':
        return _QuestionCard(self._room, run, question, is_on_its_page=self._run_id is not None)


class _QuestionCard:
    def __init__(self, room: ControlRoom, run: RunRecord, question: Question, *, is_on_its_page: bool) -> None:
        self._room, self._run, self._question = room, run, question
        self._is_sending = False
        self._id = f'question-{question.id}'
        self._fields: dict[str, Field] = {}
        with el('section', 'glass-card st-paused ask', aria_labelledby=f'{self._id}-text') as self.row:
            self._draw_head(is_on_its_page=is_on_its_page)
            el('p', 'ask-text', question.text, id=f'{self._id}-text')
            if not is_on_its_page:
                self._draw_outputs()
            with el('div', 'ask-answer'):
                self._draw_answers()
            self._problem = el('p', 'sy-error', role='alert')

    def _draw_head(self, *, is_on_its_page: bool) -> None:
        room, run, question = self._room, self._run, self._question
        step = _('asks')
        if question.step:
            step = _('{step} asks', step=step_title(room, run.pipeline, question.step))
        with el('div', 'ask-head'):
            Glyph('paused', size=18)
            with el('span', 'sy-x sy-grow ask-who'):
                if not is_on_its_page:
                    el('a', 'sy-ell', title_of(room, run), href=f'/runs/{run.number}')
                    el('span', 'sy-cap sy-num', f'#{run.number}')
                el('span', 'sy-2', step)
            with el('span', 'sy-cap ask-when'):
                el('span', text=_('since {time}', time=moment_of(self._room, question.asked_at)))
                if question.expires_at is not None:
                    self._draw_expiry(question.expires_at)

    def _draw_expiry(self, expires_at: datetime) -> None:
        default = self._question.default
        after = _('it fails in') if default is None else _('the answer is {answer} in', answer=in_words(default))
        with el('span', title=_('until {time}', time=moment_of(self._room, expires_at))):
            el('span', text=f'{after} ')
            tick(el('span', 'sy-num'), until=expires_at)

    def _draw_outputs(self) -> None:
        artifacts = self._run.artifacts[-MOST_OUTPUTS:]
        if not artifacts:
            return
        with el('ul', 'ask-outputs', aria_label=_('Outputs so far')):
            for artifact in artifacts:
                address = f'/api/v1/runs/{self._run.id}/artifacts/{quote(artifact.name)}'
                with el('li'), el('a', href=address, download=artifact.name.rsplit('/', 1)[-1], title=artifact.name):
                    if artifact.media_type.startswith('image/'):
                        el('img', src=address, alt='', loading='lazy')
                    else:
                        icon('film' if artifact.media_type.startswith('video/') else 'file', size=15)
                    el('span', 'sy-ell', artifact.name)

    # The answer

    def _draw_answers(self) -> None:
        question = self._question
        if question.choices is not None:
            with el('div', 'ask-choices', role='group', aria_labelledby=f'{self._id}-text'):
                for place, choice in enumerate(question.choices):
                    self._button(choice, lambda choice=choice: choice, is_first=place == 0)
        elif question.form is not None:
            with el('div', 'form-fields'):
                self._draw_fields(question.form, question.default or {})
            self._button(_('Answer'), self._of_form, is_first=True)
        else:
            self._draw_text(str(question.default or ''))

    def _draw_text(self, default: str) -> None:
        self._text = default
        slot = Slot(f'{self._id}-answer', _('Your answer'))
        with slot.body:
            box = entry(slot.id, default, self._typed, maxlength='4000')
        box.on('keydown.enter', lambda: self._answer(self._text))
        self._button(_('Answer'), lambda: self._text, is_first=True)

    def _typed(self, text: str) -> None:
        self._text = text

    def _draw_fields(self, schema: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        for name, part in schema.get('properties', {}).items():
            part = _without_files(part)
            value = values.get(name, part.get('default'))
            is_required = name in schema.get('required', ())
            field = field_for(self._room, name, part, schema, value, is_required=is_required, prefix=self._id)
            self._fields[name] = field
        for field in self._fields.values():
            field.connect(self._fields)

    def _of_form(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, field in self._fields.items():
            try:
                values[name] = field.value()
            except Unreadable as error:
                wrong[name] = str(error)
            except KeyError:
                continue
        if wrong:
            raise Invalid(_('Some values cannot be read.'), wrong)
        return values

    def _button(self, words: str, given: Any, *, is_first: bool) -> TextElement:
        async def press() -> None:
            try:
                await self._answer(given())
            except Invalid as error:
                self._show_errors(error)

        return button(words, kind='primary' if is_first else '').on('click', press)

    async def _answer(self, given: Any) -> None:
        if self._is_sending:
            return
        self._is_sending = True
        self._problem.set_text('')
        try:
            await self._room.runs.answer(self._run.id, self._question.id, given, by=BECAUSE)
        except Invalid as error:
            self._show_errors(error)
        except SynapseError as error:
            self._say(f'{error.message} {error.hint}'.strip())
        finally:
            self._is_sending = False

    def _show_errors(self, error: Invalid) -> None:
        by_field, rest = sorted_errors(error.fields, self._fields)
        for name, text in by_field.items():
            self._fields[name].show_error(text)
        self._say(' '.join(rest) or ('' if any(by_field.values()) else error.message))

    def _say(self, text: str) -> None:
        if not self.row.is_deleted:
            self._problem.set_text(text)


def _without_files(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a field, for which paths are typed: an uploaded file belongs to no run."""
    return {name: value for name, value in part.items() if not (name == 'format' and is_path(dict(part)))}
