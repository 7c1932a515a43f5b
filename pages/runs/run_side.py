"""The side column of a run: its inputs, its outputs, and how the last runs of its pipeline went."""

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from pages.parts.cards import set_props
from pages.parts.fields import choice_words, number_words, pairs_text
from pages.parts.html import WORDS, copy_button, el, look_of
from pages.parts.schema_fields import is_path, plain
from pages.parts.typed_fields import duration_words
from pages.parts.words import length_of
from synapse.catalog.info import title_of_field
from synapse.control_room import ControlRoom
from synapse.errors import NotFound
from synapse.language import _, _n, _p
from synapse.retention import describe_policy
from synapse.runs.estimates import kind_of_run
from synapse.runs.records import RunRecord, RunState
from synapse.sealed import masked
from synapse.sentences import command_text

LAST_RUNS = 12


def inputs_card(room: ControlRoom, run: RunRecord) -> None:
    """Draw the parameters of a run as its form calls them, shortened; the name and the full value show on hover."""
    info = room.catalog.find(run.pipeline)
    schema = info.schema if info is not None else {}
    with el('section', 'glass-card', aria_label=_('Inputs')):
        with el('div', 'sy-head'):
            el('h2', text=_('Inputs'))
            copy_button(_('Copy'), json.dumps(masked(run.parameters), indent=2, ensure_ascii=False))
        with el('dl', 'run-kv'):
            for name, value in masked(run.parameters).items():
                field, __ = plain(schema.get('properties', {}).get(name, {}), schema)
                short, whole = _words_of(name, field, value)
                with el('div'):
                    el('dt', text=title_of_field(name, field), title=name)
                    with el('dd', 'sy-ell', '' if is_path(field) else short, title=whole):
                        if is_path(field):
                            el('span', 'is-wide-only', short)
                            el('span', 'is-phone-only', whole)
            if not run.parameters:
                with el('div'):
                    el('dt', text=_('none'))


class LastRuns:
    """How the last runs of the same work ended and how long they took, else those of its pipeline; each is a link.

    :param run: the one whose page this is; None on the page of a pipeline
    """

    def __init__(self, run: RunRecord | None) -> None:
        self._run = run
        with el(
            'section', 'glass-card run-last', aria_label=_n('Last {count} run', 'Last {count} runs', LAST_RUNS)
        ) as self.card:
            with el('div', 'sy-head'):
                self._title = el('h2', text=_n('Last {count} run', 'Last {count} runs', LAST_RUNS))
                self._typical = el('span', 'sy-cap sy-num')
            self._bars = el('div', 'run-bars')

    def show(self, ended: Sequence[RunRecord], *, is_same: bool) -> None:
        """Show these runs, newest first.

        :param is_same: whether they all do what this one does, and not only run the same pipeline
        """
        self._title.set_text(
            _n('Last {count} run', 'Last {count} runs', len(ended)) if len(ended) > 1 else _('Last runs')
        )
        same = ended
        if self._run is not None:
            about = _('With the same inputs') if is_same else _('Of this pipeline, with other inputs')
            set_props(self._title, title=about)
            kind = kind_of_run(self._run)
            same = ended if is_same else [run for run in ended if kind_of_run(run) == kind]
        green = [run.took_seconds for run in same if run.state is RunState.SUCCEEDED and run.took_seconds is not None]
        self._typical.set_text(_('typical {time}', time=length_of(median(green))) if green else '')
        longest = max([run.took_seconds or 0.0 for run in ended] + [0.001])
        self._bars.clear()
        with self._bars:
            if not ended:
                el('p', 'sy-cap', _('No run of this pipeline has finished yet.'))
            for run in reversed(ended):
                self._bar(run, longest)

    def _bar(self, run: RunRecord, longest: float) -> None:
        words = ', '.join(filter(None, (f'#{run.number} {WORDS[run.state]}', length_of(run.took_seconds))))
        bar = el('a', f'st-{look_of(run.state)}', href=f'/runs/{run.number}', title=words, aria_label=words)
        bar.style(f'height:{max(4.0, 100 * (run.took_seconds or 0) / longest):.0f}%')
        if self._run is not None and run.id == self._run.id:
            bar.props['aria-current'] = 'page'


def _words_of(name: str, field: Mapping[str, Any], value: Any) -> tuple[str, str]:
    """Return a value as its form field writes it, shortened and whole."""
    whole = _whole(value)
    if 'enum' in field and value is not None:
        return choice_words(field, value), whole
    if value is None or value in ('', [], {}):
        return whole, whole
    if field.get('format') == 'duration':
        return duration_words(value), duration_words(value)
    if isinstance(value, list) and ('x-command' in field or name == 'command'):
        return command_text(value), command_text(value)
    if isinstance(value, dict) and not any(isinstance(item, list | dict) for item in value.values()):
        pairs = pairs_text(value)
        return pairs.replace('\n', ', '), pairs
    return _short(field, value), whole


def _short(field: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, str) and is_path(field):
        return value.rstrip('/').rsplit('/', 1)[-1] or value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ', '.join(item if isinstance(item, str) else _whole(item) for item in value)
    return _whole(value)


def _whole(value: Any) -> str:
    if value is None or value in ('', [], {}):
        return _('none')
    if isinstance(value, bool):
        return _('yes') if value else _('no')
    if isinstance(value, int | float):
        return number_words(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def missing(room: ControlRoom, error: NotFound) -> None:
    """Draw what is shown in place of a run that cannot be found: what became of it, and what is kept."""
    with el('section', 'glass-card sy-empty', aria_label=_p('noun', 'Run')):
        el('b', text=error.message)
        el('span', 'sy-cap', error.hint)
        if error.code == 'run_not_found':
            el('span', 'sy-cap', _('Kept now: {what}.', what=describe_policy(room.retention.policy)))
        with el('span', 'sy-x'):
            el('a', 'sy-btn', _('All runs'), href='/runs')
            el('a', 'sy-btn is-ghost', _('What is kept'), href='/settings')
