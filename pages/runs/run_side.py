"""The side column of a run: its inputs, its outputs, and how the last runs of its pipeline went."""

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any
from urllib.parse import quote

from pages.parts.fields import choice_words, pairs_text, title_of_field
from pages.parts.html import WORDS, copy_button, el, icon, look_of
from pages.parts.schema_fields import plain
from pages.parts.typed_fields import duration_words
from pages.parts.words import length_of, size_of, step_title
from synapse.control_room import ControlRoom
from synapse.runs.estimates import kind_of_run
from synapse.runs.records import Artifact, RunRecord, RunState
from synapse.sealed import masked
from synapse.sentences import command_text

LAST_RUNS = 12


def inputs_card(room: ControlRoom, run: RunRecord) -> None:
    """Draw the parameters of a run as its form calls them, shortened; the name and the full value show on hover."""
    info = room.catalog.find(run.pipeline)
    schema = info.schema if info is not None else {}
    with el('section', 'glass-card', aria_label='Inputs'):
        with el('div', 'sy-head'):
            el('h2', text='Inputs')
            copy_button('Copy', json.dumps(masked(run.parameters), indent=2, ensure_ascii=False))
        with el('dl', 'run-kv'):
            for name, value in masked(run.parameters).items():
                field, _ = plain(schema.get('properties', {}).get(name, {}), schema)
                short, whole = _words_of(name, field, value)
                with el('div'):
                    el('dt', text=title_of_field(name, field), title=name)
                    el('dd', 'sy-ell', short, title=whole)
            if not run.parameters:
                with el('div'):
                    el('dt', text='none')


class OutputsCard:
    """The files that a run has kept, with a preview and downloads."""

    def __init__(self, room: ControlRoom, run: RunRecord) -> None:
        self._room = room
        self._shown: tuple[Artifact, ...] | None = None
        self._was_final = False
        with el('section', 'glass-card', aria_label='Outputs'):
            with el('div', 'sy-head'):
                el('h2', text='Outputs')
                self._count = el('span', 'sy-count')
                copy_button('Copy folder', str(room.runs.folder_of(run.id) / 'artifacts'))
            self._body = el('div')
        self.show(run)

    def show(self, run: RunRecord) -> None:
        if (self._shown, self._was_final) == (run.artifacts, run.state.is_final):
            return
        self._shown, self._was_final = run.artifacts, run.state.is_final
        self._count.set_text(str(len(run.artifacts) or ''))
        self._body.clear()
        with self._body:
            if not run.artifacts:
                words = 'This run kept no files.' if run.state.is_final else 'Files appear here as steps keep them.'
                el('p', 'sy-cap run-none', words)
            self._preview(run)
            with el('ul', 'sy-rows'):
                for artifact in run.artifacts:
                    self._row(run, artifact)

    def _row(self, run: RunRecord, artifact: Artifact) -> None:
        name = artifact.name.rsplit('/', 1)[-1]
        with el('li'), el('a', 'sy-x sy-grow', href=_address(run, artifact), download=name):
            icon('film' if artifact.media_type.startswith('video/') else 'file', size=15, classes='sy-3')
            with el('span', 'sy-ell sy-grow', title=artifact.name):
                el('span', text=artifact.name)
                if artifact.step:
                    el('span', 'sy-3', f' {step_title(self._room, run.pipeline, artifact.step)}')
            el('span', 'sy-cap sy-num', size_of(artifact.size))
            icon('download', size=14, classes='sy-3')

    def _preview(self, run: RunRecord) -> None:
        first = {artifact.media_type.split('/')[0]: artifact for artifact in reversed(run.artifacts)}
        video, image, sound = first.get('video'), first.get('image'), first.get('audio')
        if video is not None:
            poster = {'poster': _address(run, image)} if image else {}
            el('video', 'run-preview', src=_address(run, video), controls=True, preload='metadata', **poster)
        elif image is not None:
            el('img', 'run-preview', src=_address(run, image), alt=image.name, loading='lazy')
        elif sound is not None:
            el('audio', 'run-preview', src=_address(run, sound), controls=True, preload='metadata')


class LastRuns:
    """How the last runs of the same pipeline ended and how long they took; each is a link."""

    def __init__(self, run: RunRecord) -> None:
        self._run = run
        with el('section', 'glass-card run-last', aria_label=f'Last {LAST_RUNS} runs'):
            with el('div', 'sy-head'):
                self._title = el('h2', text=f'Last {LAST_RUNS} runs')
                self._typical = el('span', 'sy-cap sy-num')
            self._bars = el('div', 'run-bars')

    def show(self, ended: Sequence[RunRecord]) -> None:
        """Show these runs, newest first."""
        self._title.set_text(f'Last {len(ended)} runs' if len(ended) > 1 else 'Last runs')
        same = [run for run in ended if kind_of_run(run) == kind_of_run(self._run)]
        green = [run.took_seconds for run in same if run.state is RunState.SUCCEEDED and run.took_seconds is not None]
        self._typical.set_text(f'typical {length_of(median(green))}' if green else '')
        longest = max([run.took_seconds or 0.0 for run in ended] + [0.001])
        self._bars.clear()
        with self._bars:
            if not ended:
                el('p', 'sy-cap', 'No run of this pipeline has finished yet.')
            for run in reversed(ended):
                self._bar(run, longest)

    def _bar(self, run: RunRecord, longest: float) -> None:
        words = ', '.join(filter(None, (f'#{run.number} {WORDS[run.state]}', length_of(run.took_seconds))))
        bar = el('a', f'st-{look_of(run.state)}', href=f'/runs/{run.number}', title=words, aria_label=words)
        bar.style(f'height:{max(4.0, 100 * (run.took_seconds or 0) / longest):.0f}%')
        if run.id == self._run.id:
            bar.props['aria-current'] = 'page'


def _address(run: RunRecord, artifact: Artifact) -> str:
    return f'/api/v1/runs/{run.id}/artifacts/{quote(artifact.name)}'


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
    return _short(value), whole


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith('/'):
        return value.rstrip('/').rsplit('/', 1)[-1] or value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ', '.join(map(str, value))
    return _whole(value)


def _whole(value: Any) -> str:
    if value is None or value in ('', [], {}):
        return 'none'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def missing(message: str, hint: str) -> None:
    """Draw what is shown in place of a run that cannot be found."""
    with el('section', 'glass-card sy-empty', aria_label='Run'):
        el('b', text=message)
        el('span', 'sy-cap', hint)
        el('a', 'sy-btn', 'All runs', href='/runs')
