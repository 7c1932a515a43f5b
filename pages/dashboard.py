"""The dashboard: is it healthy, what runs, what next, what does it say."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from nicegui import background_tasks, ui

from synapse.builtin.sample import make_sample_video
from synapse.bus import QueueChanged, RunChanged, StatusChanged
from synapse.control_room import ControlRoom
from synapse.records import RunRecord, RunState, now_utc

from .parts.dialogs import attempt, confirm, say
from .parts.html import WORDS, Glyph, button, el, icon, look_of
from .parts.log_tail import LogTail
from .parts.scope import Scope
from .parts.start_run import StartCard
from .parts.stepper import Stepper
from .parts.upload import UploadZone
from .parts.words import (
    clock_of,
    length_of,
    millis,
    pipeline_color,
    pipeline_title,
    size_of,
    step_title,
    title_of,
)

FIRST_PIPELINE = 'PublishVideo'


async def dashboard_page(room: ControlRoom) -> None:
    """The page; before the first run has ended it is a guide to that run."""
    stats = await room.runs.dashboard_stats(datetime.now().astimezone())
    last = await room.runs.list(limit=1)
    with Scope().classes('sy-page') as page:
        if last:
            with Scope().style('height:100%') as scope:
                Dashboard(room, scope, stats, last[0])
            return
        with Scope() as first:
            FirstStart(room)

        def begin(message: RunChanged) -> None:
            # The first run of all: the guide gives way to the dashboard, in every open tab.
            if not first.is_deleted:
                first.delete()
                with Scope().style('height:100%') as scope:
                    Dashboard(room, scope, stats, message.run)

        page.follow(room.bus, RunChanged, begin)


class Dashboard:
    def __init__(self, room: ControlRoom, scope: Scope, stats: Mapping[str, Any], last: RunRecord) -> None:
        self.room = room
        self.scope = scope
        room.machine.look()
        scope.when_gone(room.machine.unlook)
        with el('div', 'dash'):
            self.stats = el('div', 'stats')
            CurrentRun(room, scope)
            StartCard(room, last)
            QueueCard(room, scope)
            WorkersCard(room, scope)
            with el('section', 'glass-card third', aria_label='Next events'):
                with el('div', 'sy-head'):
                    el('h2', text='Next up')
                with el('div', 'sy-empty').style('padding:8px 16px 16px'):
                    el('b', text='Nothing planned yet')
                    el('span', 'sy-cap', 'Runs start by hand, by file drop or by a program for now.')
            with el('section', 'glass-card tail', aria_label='Log'):
                with el('div', 'sy-head'):
                    el('h2', text='Log')
                    with el('span', 'sy-live st-running'):
                        el('i', 'sy-dot is-live').style('color:var(--cmd-green)')
                        el('span', 'sy-3', 'following')
                    el('a', 'sy-btn is-ghost is-sm', 'Open logs', href='/logs')
                LogTail(room)
            MachineCard(room, scope)
        self._show_stats(stats)
        scope.follow(room.bus, RunChanged, self._on_run)

    def _on_run(self, message: RunChanged) -> None:
        if message.moved and message.run.state.is_final:
            background_tasks.create(self._refresh_stats(), name='dashboard figures')

    async def _refresh_stats(self) -> None:
        stats = await self.room.runs.dashboard_stats(datetime.now().astimezone())
        if not self.scope.is_deleted:
            self._show_stats(stats)

    def _show_stats(self, stats: Mapping[str, Any]) -> None:
        series = stats['series']
        delta, weekday = stats['runs_delta'], (now_utc() - timedelta(days=7)).astimezone().strftime('%A')
        compared = f'{abs(delta)} {"more" if delta > 0 else "less"} than {weekday}' if delta else f'as many as {weekday}'
        percent = stats['success_percent']
        with self.stats.clear() or self.stats:
            _stat('Runs today', str(stats['runs_today']), compared, '/runs', series['runs'], 'bars')
            success = f'{percent:g} %' if percent is not None else '–'
            share = f'{stats["success_ok"]} of {stats["success_total"]}'
            _stat('Succeeded, 7 days', success, share, '/runs?state=succeeded', series['success_percent'], 'green')
            typical = length_of(stats['median_seconds']) or '–'
            _stat('Typical duration, 7 days', typical, 'median', '/runs', series['median_seconds'], 'blue')
            _stat('Need a look', str(stats['failed_today']), 'failed today', '/runs?state=failed', series['failed'], 'red')


def _stat(key: str, value: str, small: str, target: str, series: list[float | None], look: str) -> None:
    with el('a', 'stat-card', href=target):
        el('span', 'k', key)
        with el('span', 'v', value):
            el('small', text=small)
        _spark([point or 0.0 for point in series], look)


def _spark(points: list[float], look: str, *, width: int = 96, height: int = 30) -> None:
    """A line or bars of 7 days; decoration, the text carries the fact."""
    with el('svg', 'spark', width=width, height=height, viewBox=f'0 0 {width} {height}', aria_hidden='true') as svg:
        most = max(points, default=0) or 1
        if look in ('bars', 'red'):
            color = 'var(--cmd-red)' if look == 'red' else 'var(--cmd-text-3)'
            step = width / max(1, len(points))
            for index, point in enumerate(points):
                tall = max(1.5, (height - 2) * point / most)
                last = index == len(points) - 1 or (look == 'red' and point > 0)
                rect = el('rect', x=f'{index * step:.1f}', y=f'{height - tall:.1f}', rx=1, fill=color)
                rect.props.update({'width': f'{step - 3:.1f}', 'height': f'{tall:.1f}', 'opacity': 1 if last else 0.5})
            return
        svg.style(f'--sc:var(--cmd-{look})')
        _line(points, most, width, height)


def _line(points: list[float], most: float, width: int, height: int) -> None:
    step = (width - 4) / max(1, len(points) - 1)
    spots = [f'{2 + i * step:.1f} {height - 4 - (height - 8) * p / most:.1f}' for i, p in enumerate(points)]
    el('path', 'f', d=f'M{" L".join(spots)} L{width - 2} {height} L2 {height}Z')
    el('path', 'l', d=f'M{" L".join(spots)}')


class CurrentRun:
    """The run that is live, or the last one: what it does, how long it takes, and its controls."""

    def __init__(self, room: ControlRoom, scope: Scope) -> None:
        self.room = room
        self.index = 0
        self.shown: RunRecord | None = None
        self.last: RunRecord | None = None
        self.stepper: Stepper | None = None
        with el('section', 'glass-card now', aria_label='Current run') as self.card:
            self.body = el('div').style('display:contents')
        scope.follow(room.bus, RunChanged, self._on_run)
        background_tasks.create(self._begin(scope), name='current run')

    async def _begin(self, scope: Scope) -> None:
        recent = await self.room.runs.recent(limit=1)
        if scope.is_deleted:
            return
        self.last = recent[0] if recent else None
        self._draw()

    def _on_run(self, message: RunChanged) -> None:
        run = message.run
        if run.state.is_final:
            self.last = run
        if self.shown is not None and run.id == self.shown.id and not message.moved and self.stepper is not None:
            self.shown = run
            self.stepper.show(run)
            self._show_eta(run)
            return
        if message.moved:
            self._draw()

    def _draw(self) -> None:
        live = self.room.runs.live()
        self.index = min(self.index, max(0, len(live) - 1))
        run = live[self.index] if live else self.last
        self.card.classes(add='is-live' if live else '', remove='' if live else 'is-live')
        self.body.clear()
        self.stepper = None
        self.shown = run
        with self.body:
            if run is None:
                with el('div', 'sy-empty').style('flex:1'):
                    el('b', text='Nothing runs right now')
                    el('span', 'sy-cap', 'Drop a file on the right, or press R.')
            else:
                self._draw_run(run, len(live))

    def _draw_run(self, run: RunRecord, count: int) -> None:
        room = self.room
        with el('div', 'nowtop'):
            with el('div', 'sy-grow'):
                with el('div', 'sy-x'):
                    state_pill(run)
                    with el('span', f'sy-x sy-2 {pipeline_color(room, run.pipeline)}'):
                        el('i', 'sy-pdot')
                        el('span', text=pipeline_title(room, run.pipeline))
                    el('span', 'sy-2 sy-num', f'#{run.number}')
                    if count > 1:
                        with el('span', 'pager'):
                            button('', icon_name='left', kind='ghost', aria_label='Newer run').on('click', self._newer)
                            el('span', 'sy-cap sy-num', f'{self.index + 1} of {count}')
                            button('', icon_name='right', kind='ghost', aria_label='Older run').on('click', self._older)
                el('h2', 'sy-ell', title_of(room, run))
                worker = room.runs.worker_of(run.id)
                facts = [f'Profile {run.profile}' if run.profile else '', f'started {clock_of(run.started_at)}']
                facts += [f'by {run.because}' if run.because else '']
                line = ' '.join(part for part in facts[1:] if part)
                el('p', 'sy-cap', ' · '.join(part for part in (facts[0], line, worker) if part))
            with el('div', 'eta'):
                self.eta = el('span', 'big sy-num')
                self.eta_note = el('span', 'sy-cap sy-num')
        self.stepper = Stepper(room, run, room.runs.known_typical(run.pipeline))
        with el('div', 'nowfoot'):
            run_controls(room, run)
            el('a', 'sy-btn is-ghost', 'Open run', href=f'/runs/{run.number}')
        self._show_eta(run)

    def _newer(self) -> None:
        self.index = max(0, self.index - 1)
        self._draw()

    def _older(self) -> None:
        self.index += 1
        self._draw()

    def _show_eta(self, run: RunRecord) -> None:
        self.eta.props.pop('data-until', None)
        if run.state.is_final:
            self.eta.set_text(length_of(run.took_seconds))
            self.eta_note.set_text(f'ended {clock_of(run.finished_at)}')
        elif (left := self.room.runs.expected_left(run)) is not None and run.state is RunState.RUNNING:
            until = now_utc() + timedelta(seconds=left)
            self.eta.props['data-until'] = millis(until)
            self.eta_note.set_text(f'left, done about {clock_of(until)[:5]}')
        else:
            self.eta.set_text('')
            self.eta_note.set_text('no estimate yet' if run.state is RunState.RUNNING else '')
        self.eta.update()


def state_pill(run: RunRecord) -> None:
    """The state of a run as glyph, colour and word."""
    words = 'Stopping' if run.is_stopping else 'Pausing' if run.is_pausing else WORDS[run.state]
    with el('span', f'sy-pill st-{look_of(run.state)}', role='status'):
        Glyph(run.state)
        el('span', text=words)


def run_controls(room: ControlRoom, run: RunRecord) -> None:
    """The buttons that the state of the run allows."""
    if run.is_pausable:
        pause = button('Pause', icon_name='pause', title='Space')
        pause.on('click', lambda: attempt(room.runs.pause(run.id)))
        pause.props['data-key'] = 'pause'
    elif run.is_resumable:
        resume = button('Resume' if run.state is RunState.PAUSED else 'Pausing', icon_name='play', kind='primary')
        resume.on('click', lambda: attempt(room.runs.resume(run.id)))
        resume.props['data-key'] = 'pause'
    if run.is_cancellable and not run.is_stopping:
        stop = button('Stop now', icon_name='stop', kind='danger', title='Shift+Esc')
        stop.on('click', lambda: ask_to_stop(room, run))
        stop.props['data-key'] = 'stop'
    elif run.is_stopping:
        force = button('Force stop', icon_name='stop', kind='danger')
        force.on('click', lambda: attempt(room.runs.cancel(run.id, now=True, because='the page')))


async def ask_to_stop(room: ControlRoom, run: RunRecord) -> None:
    """Stop a run after saying what ends and what stays."""
    active = run.active_step
    done = [step_title(room, run.pipeline, step.name) for step in run.steps if step.state.value == 'succeeded']
    text = f'{step_title(room, run.pipeline, active.name)} ends now. ' if active else 'It ends now. '
    if done and active:
        kept = ' and '.join([', '.join(done[:-1]), done[-1]] if len(done) > 1 else done)
        text += f'{kept} {"are" if len(done) > 1 else "is"} kept, so you can retry from there later.'
    if await confirm(f'Stop {title_of(room, run)}?', text, yes='Stop now', no='Keep running'):
        await attempt(room.runs.cancel(run.id, because='the page'))


class QueueCard:
    """What waits, in order; rows move by Alt and arrows."""

    def __init__(self, room: ControlRoom, scope: Scope) -> None:
        self.room = room
        with el('section', 'glass-card third', aria_label='Queue'):
            with el('div', 'sy-head'):
                el('h2', text='Queue')
                el('span', 'sy-count').bind_text_from(room.status, 'waiting', lambda count: str(count) if count else '')
                toggle = button('Pause queue', kind='ghost', small=True)
            self.words = toggle.default_slot.children[0]
            self.rows = el('ol', 'sy-rows')
        toggle.on('click', self._toggle)
        scope.follow(room.bus, QueueChanged, lambda _: self._draw())
        scope.follow(room.bus, StatusChanged, lambda _: self._show_toggle())
        self._draw()

    async def _toggle(self) -> None:
        runs = self.room.runs
        await attempt(runs.resume_queue() if runs.is_queue_paused else runs.pause_queue('the dashboard'))

    def _show_toggle(self) -> None:
        text = 'Resume queue' if self.room.runs.is_queue_paused else 'Pause queue'
        if isinstance(self.words, ui.label) or hasattr(self.words, 'set_text'):
            self.words.set_text(text)

    def _draw(self) -> None:
        self._show_toggle()
        self.rows.clear()
        waiting = self.room.runs.waiting()
        starts = self.room.runs.expected_starts()
        with self.rows:
            for index, run in enumerate(waiting[:20]):
                self._row(index, run, starts.get(run.id))
            if not waiting:
                with el('li', 'sy-3'):
                    paused = 'The queue is paused. ' if self.room.runs.is_queue_paused else ''
                    el('span', text=f'{paused}Nothing waits.')

    def _row(self, index: int, run: RunRecord, start: datetime | None) -> None:
        runs = self.room.runs
        with el('li', f'st-queued {pipeline_color(self.room, run.pipeline)}', tabindex='0') as row:
            Glyph('queued')
            el('i', 'sy-pdot')
            with el('span', 'sy-ell sy-grow', pipeline_title(self.room, run.pipeline)):
                el('span', 'sy-3', f' {run.subject}')
            if start is not None:
                minutes = max(0.0, (start - now_utc()).total_seconds()) / 60
                el('span', 'sy-cap sy-num', f'in ~{minutes:.0f} min' if minutes >= 1 else 'next')
            remove = button('', icon_name='x', kind='ghost', small=True, aria_label=f'Remove #{run.number} from the queue')
            remove.on('click', lambda: attempt(runs.cancel(run.id, because='removed from the queue')))
        row.on('keydown.alt.up', lambda: attempt(runs.move_in_queue(run.id, max(0, index - 1))))
        row.on('keydown.alt.down', lambda: attempt(runs.move_in_queue(run.id, index + 1)))


class WorkersCard:
    """The processes that work, and what each does."""

    def __init__(self, room: ControlRoom, scope: Scope) -> None:
        self.room = room
        self.shown: tuple[Mapping[str, Any], ...] | None = None
        with el('section', 'glass-card third', aria_label='Workers'):
            with el('div', 'sy-head'):
                el('h2', text='Workers')
                busy = el('span', 'sy-count')
                busy.bind_text_from(room.status, 'busy_workers', lambda n: f'{n} of {room.settings.workers} busy')
            self.rows = el('ul', 'sy-rows')
        scope.follow(room.bus, StatusChanged, lambda _: self._draw())
        self._draw()

    def _draw(self) -> None:
        workers = self.room.status.workers
        if workers == self.shown:
            return
        self.shown = workers
        subjects = {run.id: run for run in self.room.runs.live()}
        self.rows.clear()
        with self.rows:
            for worker in workers:
                run = subjects.get(str(worker.get('run') or ''))
                with el('li', f'st-{look_of(str(worker["state"]))}'):
                    Glyph(str(worker['state']))
                    el('span', 'sy-mono', str(worker['name'])).style('width:62px')
                    if run is None:
                        el('span', 'sy-grow sy-3', 'waits for work')
                        continue
                    step = worker.get('step')
                    title = step_title(self.room, run.pipeline, str(step)) if step else 'starting'
                    with el('span', 'sy-ell sy-grow', title):
                        el('span', 'sy-3', f' {title_of(self.room, run)}')
                    if since := worker.get('since'):
                        el('span', 'sy-cap sy-num', data_since=millis(datetime.fromisoformat(str(since))))


class MachineCard:
    """CPU, memory and disk of this machine; sampled only while someone looks."""

    def __init__(self, room: ControlRoom, scope: Scope) -> None:
        self.room = room
        self.history: dict[str, list[float]] = {'cpu': [], 'memory': []}
        status = room.status
        with el('section', 'glass-card third', aria_label='This machine'):
            with el('div', 'sy-head'):
                el('h2', text='This machine')
                el('span', 'sy-cap', 'last minutes').style('padding-right:8px')
            with el('div', 'hosts'):
                self.cpu = _Meter('CPU', 'blue')
                self.memory = _Meter('Memory', 'purple')
                self.disk = _Meter('Disk', 'yellow')
            with el('p', 'hint') as self.hint:
                icon('alert', size=14)
                el('span', 'sy-grow', 'The disk is nearly full. Old runs and their outputs can be removed.')
        self.status = status
        scope.follow(room.bus, StatusChanged, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        status = self.status
        samples = list(self.room.machine.history)
        self.cpu.show(
            f'{status.cpu_percent:.0f} %', f'of {status.cores} cores', status.cpu_percent, [s.cpu_percent for s in samples]
        )
        used, total = size_of(status.ram_used), size_of(status.ram_total)
        self.memory.show(used, f'of {total}', status.ram_percent, [s.ram_percent for s in samples])
        free = size_of(status.disk_free)
        self.disk.show(f'{free} free', f'of {size_of(status.disk_total)}', status.disk_usage, [s.disk_usage for s in samples])
        self.hint.set_visibility(status.disk_usage > 90)


class _Meter:
    def __init__(self, name: str, color: str) -> None:
        with el('div', 'h'):
            with el('div', 'sy-x').style('justify-content:space-between'):
                el('span', 'sy-2', name)
                with el('span', 'sy-num'):
                    self.value = el('b')
                    self.of = el('span', 'sy-cap')
            with el('div', 'sy-x').style('gap:12px'):
                with el('svg', 'spark', width=108, height=26, viewBox='0 0 108 26', aria_hidden='true') as svg:
                    self.area, self.line = el('path', 'f'), el('path', 'l')
                svg.style(f'--sc:var(--cmd-{color})')
                with el('div', 'sy-meter sy-grow', role='meter', aria_label=name) as self.meter:
                    self.bar = el('i').style(f'--mc:var(--cmd-{color})')

    def show(self, value: str, of: str, percent: float, history: list[float]) -> None:
        if self.value.text == value and len(history) < 2:
            return
        self.value.set_text(value)
        self.of.set_text(f' {of}')
        self.bar.style(f'width:{percent:.0f}%')
        self.meter.props['aria-valuenow'] = f'{percent:.0f}'
        self.meter.update()
        points = history[-60:] or [percent, percent]
        step = 104 / max(1, len(points) - 1)
        spots = ' L'.join(f'{2 + i * step:.1f} {23 - 20 * p / 100:.1f}' for i, p in enumerate(points))
        self.line.props['d'] = f'M{spots}'
        self.area.props['d'] = f'M{spots} L{2 + (len(points) - 1) * step:.1f} 26 L2 26Z'
        self.line.update()
        self.area.update()


class FirstStart:
    """Three steps to a first run; gives way to the dashboard as soon as there is one."""

    def __init__(self, room: ControlRoom) -> None:
        self.room = room
        self.info = room.catalog.get(FIRST_PIPELINE)
        self.is_making = False
        with el('div', 'first'):
            with el('section', 'glass-card intro', aria_label='First run'):
                with el('div'):
                    el('h2', text='Your first run takes about a minute')
                    el('p', 'sy-2', 'A sample pipeline is ready. Nothing leaves this machine: it publishes to a folder.')
                    self._steps()
                zone = UploadZone(room.settings.max_upload_bytes, self._arrived)
                zone.ask_for(self.info, profile='', starts=True)
            with el('section', 'glass-card wide', aria_label='What will happen'):
                with el('div', 'sy-x'):
                    el('h2', 'sy-grow', 'What will happen')
                    el('span', 'sy-cap', 'Each step lights up here while it runs')
                with el('ol', 'sy-steps'):
                    for step in self.info.steps:
                        with el('li', 'sy-step st-scheduled'):
                            with el('span', 'n'):
                                Glyph('idle')
                                el('span', text=str(step['title']))
                            el('span', 'sy-track')
            self._empty('Next up', 'calendar', 'Nothing planned yet', 'Runs start by hand, by file drop or by a program.')
            self._empty('Log', 'logs', 'No lines of a run yet', 'The first line shows up as soon as a run starts.', '/logs')
            text = 'A Python class becomes a pipeline. Its fields become a form.'
            self._empty('Your own steps', 'terminal', 'Bring your script', text, '/pipelines')

    def _steps(self) -> None:
        with el('ol'):
            with el('li'):
                el('span', 'num', '1')
                with el('div'):
                    el('b', text='Pick a pipeline')
                    el('p', 'sy-cap', f'{self.info.title} is selected. You can write your own later.')
            with el('li'):
                el('span', 'num is-now', '2')
                with el('div'):
                    el('b', text='Give it a file')
                    el('p', 'sy-cap', 'Drop a video on the right, or use one that is made for you (12 s).')
                    sample = button('Run with the sample video', icon_name='play', kind='primary').style('margin-top:8px')
                    sample.on('click', self._sample)
            with el('li'):
                el('span', 'num', '3')
                with el('div'):
                    el('b', text='Watch it')
                    el('p', 'sy-cap', 'Steps and log lines appear the moment they happen.')

    def _empty(self, title: str, icon_name: str, what: str, how: str, target: str = '') -> None:
        with el('section', 'glass-card third', aria_label=title):
            with el('div', 'sy-head'):
                el('h2', text=title)
            with el('div', 'sy-empty'):
                icon(icon_name, size=20)
                el('b', text=what)
                el('span', 'sy-cap', how)
                if target:
                    el('a', 'sy-btn is-sm', 'Look', href=target)

    async def _arrived(self, item: Mapping[str, Any]) -> None:
        await self._start(f'inbox:{item["id"]}', 'file drop')

    async def _start(self, video: str, because: str) -> None:
        profile = next((profile.id for profile in self.room.profiles.list()), None)
        await attempt(self.room.runs.create(self.info.name, {'video': video}, profile=profile, because=because))

    async def _sample(self) -> None:
        if self.is_making:
            return
        self.is_making = True
        say('Making a video of 12 seconds …')
        path = self.room.settings.data / 'sample.mp4'
        try:
            if not path.exists():
                await attempt(asyncio.to_thread(make_sample_video, path))
            await self._start(str(path), 'the sample button')
        finally:
            self.is_making = False
