"""The preview next to the form of an event: its rule in words, its next moments, and whether there is room for them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pages.parts.cards import set_class, set_props, tick
from pages.parts.controls import entry
from pages.parts.html import Glyph, el, icon
from synapse.calendar.events import Misfire, Preview
from synapse.language import N_, Words, _, _n, formats
from synapse.records import now_utc
from synapse.recurrence.words import PreviewLine

from .reading import misfire_in, misfire_texts

SHOWN = 5
DAY_SECONDS = 86_400
POLICIES = Words(
    {
        'latest': N_('Run once when Synapse is back'),
        'skip': N_('Skip it'),
        'all': N_('Run every missed one'),
    }
)


class EventPreview:
    """Drawn into the current slot, as a skeleton until the first `show`; that and `show_load` change it in place."""

    def __init__(self) -> None:
        self.moments: tuple[PreviewLine, ...] = ()
        """What it shows as the next occurrences."""
        with el('div', 'ev-sentence is-waiting') as self._box:
            self._icons = icon('calendar'), icon('repeat')
            with el('p', role='status'):
                self._parts = [el('span'), el('b'), el('span')]
            self._more = el('button', 'sy-btn is-ghost is-sm is-icon', type_='button', aria_label=_('Show the preview'))
            with self._more:
                icon('down', size=14)
        self._more.on('click', self._fold)
        self.is_open = False
        with el('div', 'ev-proof is-waiting') as self._proof:
            self._title = el('h3', text=_next_words(SHOWN))
            with el('ol', 'ev-next'):
                self._rows = [_Row() for _ in range(SHOWN)]
            with el('p', 'ev-load') as self._load:
                self._glyph = Glyph('succeeded')
                self._words = el('span', role='status')

    def _fold(self) -> None:
        """Fold or unfold it: on a phone it shows only its sentence at first."""
        self.is_open = not self.is_open
        set_props(self._more, aria_expanded=str(self.is_open).lower())
        for box in (self._box, self._proof):
            set_class(box, 'is-open', self.is_open)

    def show(self, preview: Preview) -> None:
        """Show what the event would do; if it never falls due, the reason takes the place of the rule."""
        is_wrong = not preview.moments
        for box in (self._box, self._proof):
            set_class(box, 'is-waiting', False)
        for part, text in zip(self._parts, sentence_parts(preview), strict=True):
            part.set_text(text)
        set_class(self._box, 'is-wrong', is_wrong)
        count = len(preview.moments)
        is_one = count == 1
        self._title.set_text(_next_words(count or SHOWN))
        for sign, is_shown in zip(self._icons, (is_one, not is_one), strict=True):
            sign.set_visibility(is_shown)
        now = now_utc()
        for place, row in enumerate(self._rows):
            row.show(preview.moments[place] if place < count else None, now)
        if preview.moments != self.moments:  # what is said of others does not hold for these
            self.moments = preview.moments
            self.show_load('', False)

    def show_load(self, sentence: str, is_overloaded: bool) -> None:
        """Show whether there is room for the moments; an empty sentence if that is not known yet."""
        set_props(self._load, hidden=not sentence)
        self._words.set_text(sentence)
        self._glyph.show('warning' if is_overloaded else 'succeeded')
        self._load.classes(replace=f'ev-load st-{"paused" if is_overloaded else "succeeded"}')


class _Row:
    def __init__(self) -> None:
        with el('li', hidden=True) as self._box:
            Glyph('planned')
            self._day = el('span', 'd')
            self._time = el('span', 'sy-num')
            self._ahead = el('span', 'sy-cap sy-num', data_format='countdown')
            with el('em', hidden=True) as self._note:
                icon('clockback', size=13)
                self._note_words = el('span')

    def show(self, moment: PreviewLine | None, now: datetime) -> None:
        set_props(self._box, hidden=moment is None)
        if moment is None:
            tick(self._ahead)
            return
        due = moment.due
        is_this_year = due.year == now.astimezone(due.tzinfo).year
        self._day.set_text(formats.moment('MMMEd' if is_this_year else 'yMMMEd', due))
        self._time.set_text(f'{due:%H:%M:%S}' if due.second else f'{due:%H:%M}')
        is_soon = (due - now).total_seconds() < DAY_SECONDS
        tick(self._ahead, until=due if is_soon else None, text='' if is_soon else ahead_words(due, now))
        set_props(self._note, hidden=not moment.note)
        self._note_words.set_text(moment.note.removesuffix('.'))


class MisfireFields:
    """What to do about occurrences that could not fire in time: a policy, with its one number."""

    def __init__(self, misfire: Misfire, changed: Callable[[], None]) -> None:
        self.policy: str = misfire.policy
        self._misfire = misfire
        self._texts = misfire_texts(misfire)
        self._changed = changed
        with el('div', 'ev-misfire'):
            self._draw()

    def _draw(self) -> None:
        el('h3', text=_('If this machine was off'), id='event-misfire-label')
        with el('div', 'ev-policies', role='radiogroup', aria_labelledby='event-misfire-label') as group:
            self._name = f'misfire-{group.id}'
            with self._policy('latest'):
                before, after = _around(_('Only if it is less than {box} hours late.', box=_BOX))
                el('span', text=before)
                self._box('within_seconds', _('Hours late'), 'decimal')
                el('span', text=after)
            with self._policy('skip'):
                el('span', text=_('It is marked as missed.'))
            with self._policy('all'):
                before, after = _around(_('One after another, {box} at most.', box=_BOX))
                el('span', text=before)
                self._box('limit', _('Missed ones to run at most'), 'numeric')
                el('span', text=after)
        self._error = el('span', 'sy-error', role='alert', id='event-misfire-error')

    def _policy(self, policy: str) -> Any:
        with el('div', 'ev-policy'):
            with el('label'):
                radio = el('input', type_='radio', name=self._name, aria_describedby=f'event-misfire-{policy}')
                radio.props['^checked'] = policy == self.policy or None
                el('b', text=POLICIES[policy])
            words = el('span', 'sy-cap', id=f'event-misfire-{policy}')
        radio.on('change', lambda: self._choose(policy), js_handler='() => emit()')
        return words

    def _box(self, name: str, label: str, inputmode: str) -> None:
        about = {'inputmode': inputmode, 'aria_label': label, 'aria_describedby': 'event-misfire-error'}
        entry(f'event-{name}', self._texts[name], lambda text: self._typed(name, text), **about)

    def _choose(self, policy: str) -> None:
        self.policy = policy
        self._changed()

    def _typed(self, name: str, text: str) -> None:
        self._texts[name] = text
        self._changed()

    def read(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the values of `Misfire`, and a sentence for each that cannot be read."""
        return misfire_in(self._misfire, self.policy, self._texts)

    def show_errors(self, problems: Mapping[str, str]) -> None:
        text = ' '.join(text for name, text in problems.items() if name.partition('.')[0] == 'misfire')
        if self._error.text != text:
            self._error.set_text(text)


def sentence_parts(preview: Preview) -> tuple[str, str, str]:
    """Return the rule in words, split into before, in and after its emphasis; or why it never falls due."""
    if preview.moments:
        return in_parts(preview.sentence, preview.when)
    reasons = [preview.problems[name] for name in ('rrule', 'timezone', 'start') if name in preview.problems]
    return '', '', next(iter(reasons), '') or preview.sentence or _('Choose when it starts.')


def in_parts(sentence: str, when: str) -> tuple[str, str, str]:
    """Split a sentence before and after what matters in it: the days and the time."""
    before, found, after = sentence.partition(when) if when else ('', '', sentence)
    return before, found, after


def _next_words(count: int) -> str:
    """Return the heading of the next moments."""
    return _n('Next', 'Next {count}', count)


_BOX = '\0'


def _around(sentence: str) -> tuple[str, str]:
    """Return what comes before and after a box in a sentence."""
    before, _box, after = sentence.partition(_BOX)
    return before.strip(), after.strip()


def ahead_words(due: datetime, now: datetime) -> str:
    """`in 2 days`, counted in the zone of the event; `in 4 months` further ahead."""
    days = (due.date() - now.astimezone(due.tzinfo).date()).days
    if days < 61:
        return _n('in {count} day', 'in {count} days', days)
    if days < 731:
        return _n('in {count} month', 'in {count} months', round(days / 30.44))
    return _n('in {count} year', 'in {count} years', days // 365)
