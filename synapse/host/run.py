"""What a step works with: the `Run` it belongs to, with its log, profile, programs and artifacts."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from storage.copies import Watch, copy
from storage.files import StorageError
from synapse.durations import Duration, parse_duration
from synapse.failures.memory import memory_watch
from synapse.language import _, spoken
from synapse.language.figures import number
from synapse.pipelines.options import MOST_GRACE, SIGNALS
from synapse.pipelines.pipeline import StepFailed
from synapse.protocol.messages import Artifact, Kind, Stopping
from synapse.protocol.screen import HEIGHT
from synapse.scrubber import Scrubber

from .asking import Asking
from .channel import Channel
from .control import Cancelled, Control
from .profile import RunProfile
from .stopping import PLAIN_STOP, StopRule
from .streams import FilteredOutput, ProgramOutput
from .surroundings import environment_with

__all__ = ['Cancelled', 'Run', 'RunLog', 'RunProfile']

NOTE_LENGTH = 500
KILLED = (-9, 128 + 9)
"""Exit codes of a program that SIGKILL has ended, and of a shell whose program it has."""
COLUMNS, FEWEST_COLUMNS, MOST_COLUMNS = 120, 20, 1000
COLORED = {'FORCE_COLOR': '1', 'CLICOLOR_FORCE': '1'}
"""What most programs take as a request for colours without a terminal (force-color.org, bixense.com/clicolors)."""


class RunLog:
    """The log of a run, `Run.log`, one method per level.

    Plain `print`, `logging` and `warnings` reach the same log: printed lines with level info, records with their own.

    A message of more than 16,384 characters is cut, and saved whole in `long-lines.txt` in the folder of the run.
    Fields are saved as JSON, anything that JSON cannot hold as its `str`. A text of more than 16,384 characters is cut,
    and fields beyond 65,536 characters in total are left out and counted in `left_out`.
    """

    def __init__(self, channel: Channel, pipeline: str) -> None:
        self._channel = channel
        self._pipeline = pipeline
        self._scrubber = Scrubber()

    def debug(self, message: object, /, **fields: Any) -> None:
        """Log a detail that is only of interest when something goes wrong.

        :param message: what happened; anything but a string is converted with `str`
        :param fields: values shown with the entry, such as `rows=12`
        """
        self._log('debug', message, fields)

    def info(self, message: object, /, **fields: Any) -> None:
        """Log something that happened.

        :param message: see `debug`
        :param fields: see `debug`
        """
        self._log('info', message, fields)

    def success(self, message: object, /, **fields: Any) -> None:
        """Log a result; shown in green.

        :param message: see `debug`
        :param fields: see `debug`
        """
        self._log('success', message, fields)

    def warning(self, message: object, /, **fields: Any) -> None:
        """Log a problem that the step has coped with.

        :param message: see `debug`
        :param fields: see `debug`
        """
        self._log('warning', message, fields)

    def error(self, message: object, /, **fields: Any) -> None:
        """Log a failure. This does not fail the step; raise `StepFailed` for that.

        :param message: see `debug`
        :param fields: see `debug`
        """
        self._log('error', message, fields)

    def _log(self, level: str, message: object, fields: dict[str, Any]) -> None:
        self._channel.log(
            level, self._channel.step or self._pipeline, str(message), self._scrubber.fields(fields) or None
        )
        self._channel.after_output()


class Run:
    """One execution of a pipeline, passed to each of its steps. Any thread of a step may use it.

    A complete pipeline file::

        from pathlib import Path

        from synapse import Pipeline, Run, StepFailed, step

        class PackFolders(Pipeline):
            names: list[str] = ['letters', 'photos']
            _packed: list[str] = []

            @step
            def prepare(self, run: Run) -> None:
                for name in self.names:
                    (run.workdir / name).mkdir()
                    (run.workdir / name / 'index.txt').write_text(name)

            @step(retries=2, backoff='1s', timeout='30m')
            def pack(self, run: Run) -> None:
                for count, name in enumerate(self.names):
                    run.progress(100 * count / len(self.names), name)
                    if name in self._packed:
                        continue
                    if run.shell(['tar', '-czf', f'{name}.tar.gz', name]) != 0:
                        raise StepFailed(f'{name} could not be packed.', hint='The log has what tar printed.')
                    run.artifact(f'{name}.tar.gz')
                    self._packed = [*self._packed, name]
                    run.checkpoint()
                run.log.success(f'Packed {len(self._packed)} folders', attempt=run.attempt)

    **Pause.** A run holds at its next call of `progress`, `checkpoint` or `shell`, while it copies an artifact, or
    before its next step; until then it keeps running. It resumes where it holds. Paused time counts toward no timeout.

    **Stop.** The next call of `progress`, `checkpoint`, `shell` or `artifact` raises `Cancelled`, and so does one that
    is running; a program that `shell` runs is stopped first. An async step is cancelled where it waits. A step that
    makes no such call is interrupted with the same exception after 2 s (not on Windows). `Cancelled` isn't an
    `Exception`: clean up in `finally`, and do not catch it. After another 10 s, or the `grace_seconds` of the pipeline,
    the process and every program it started are killed.

    **Kill.** "Stop now" and the emergency stop kill all of these at once: no `finally` runs. So a step must leave
    files that are complete or recognizably unfinished, as for a power failure.

    **Questions.** A step that calls `ask` before anything else gives up its process and its worker until a person has
    answered, and so does any step that asks when Synapse itself ends: it is then called again from its beginning, and
    `ask` returns the answer at once.

    **Retry.** A new run, which may start at a later step: it has copies of the files in `workdir` and of the artifacts,
    and the pipeline's fields as they were last saved, see `checkpoint`.
    """

    id: str
    """The id of the run in the API."""
    number: int
    """The number of the run that people see, counted from 1."""
    profile: RunProfile | None
    """The profile the run was started with, None without one."""
    workdir: Path
    """A folder for this run alone, and the current folder while its steps run. It is removed with the run."""
    attempt: int
    """Which attempt of the current step this is, counted from 1."""
    log: RunLog
    """Writes to the log of the run."""

    def __init__(
        self,
        *,
        id: str,
        number: int,
        pipeline: str,
        folder: Path,
        profile: RunProfile | None,
        channel: Channel,
        control: Control,
        save: Callable[[], None],
        asking: Asking | None = None,
        stop: StopRule = PLAIN_STOP,
        force_color: bool = False,
    ) -> None:
        self.id = id
        self.number = number
        self.profile = profile
        self.workdir = folder / 'work'
        self.attempt = 1
        self.log = RunLog(channel, pipeline)
        self._folder = folder
        self._channel = channel
        self._control = control
        self._save = save
        self._asking = asking or Asking((), channel, control)
        self._failed_program = ''  # the program that `shell` ran last, if it failed
        self._stop = stop
        self._force_color = force_color

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop, for a loop that makes no call which would raise `Cancelled`.

        Return from the step soon after it becomes True.
        """
        return self._control.cancelled

    def progress(self, percent: float, note: str = '') -> None:
        """Show how far the current step is. Holds while the run is paused.

        Call it as often as you like: of several calls within 25 ms only the last one is sent.

        :param percent: from 0 to 100; values outside are clamped
        :param note: what the step is doing, such as `"frame 12 of 300"`; cut to 500 characters
        :raises ValueError: if `percent` is NaN
        :raises Cancelled: if the run was asked to stop
        """
        value = float(percent)
        if math.isnan(value):
            raise ValueError(_('progress(percent) must be a number from 0 to 100, not NaN'))
        self._channel.progress(self._channel.step, min(100.0, max(0.0, value)), str(note)[:NOTE_LENGTH])
        self._control.gate()

    def checkpoint(self) -> None:
        """Save the pipeline's fields as they are now. Holds while the run is paused.

        This happens after each step anyway. Call it in a long step, so that a retry from this step can skip what is
        done. Fields and private attributes are saved as JSON; a private attribute that JSON cannot hold is left out
        with a warning. If nothing can be saved, that is a warning too, and the step continues.

        :raises Cancelled: if the run was asked to stop
        """
        self._channel.has_said = True
        self._save()
        self._control.gate()

    def ask(
        self,
        text: str,
        choices: Sequence[str] | None = None,
        model: type[Any] | None = None,
        timeout: Duration | None = None,
        default: Any = None,
    ) -> Any:
        """Ask a person, and return the answer. The run is paused meanwhile, and that time counts toward no timeout.

        The question is shown on the dashboard, in the bell, on the page of the run, and to programs as `question` of
        the run. Who answered, and when, is in the log.

        If this is the first thing the step does with its `run`, and nothing is printed before it, its process ends
        while it waits, and the step is called again with the answer. A step that asks later keeps its process, but not
        its worker; it is called again only if Synapse ends meanwhile. So what must not happen twice belongs after the
        question, or into an earlier step. An answer is found again by the step, the position of the question in it,
        and the question itself; a retry of the run asks again, another attempt of the step does not.

        A question that decides whether a step goes on::

            from synapse import Pipeline, Run, StepFailed, step

            class SendLetter(Pipeline):
                to: str = 'everyone'

                @step
                def approve(self, run: Run) -> None:
                    answer = run.ask(f'Send it to {self.to}?', ['Send', 'Not now'], timeout='2d', default='Not now')
                    if answer != 'Send':
                        raise StepFailed('It was not approved.')

                @step
                def send(self, run: Run) -> None:
                    run.log.success(f'Sent to {self.to}')

        :param text: the question, 1 to 4,000 characters
        :param choices: the possible answers, 1 to 50 different texts; without them and a model the answer is any text
        :param model: a Pydantic model, whose fields become a form; defined at the top level of a module, and without
            secrets
        :param timeout: how long to wait, as in `shell`; None for as long as it takes
        :param default: the answer if no one has answered in time; it has to fit
        :return: one of the choices, an instance of the model, or a text
        :raises StepFailed: after `timeout` without a default
        :raises TypeError: if `choices` or `model` is something else
        :raises RuntimeError: in a process that the step has forked
        :raises ValueError: if a text is empty or too long, or `default` does not fit
        :raises Cancelled: if the run was asked to stop
        """
        self._control.gate()
        return self._asking.ask(text, choices=choices, model=model, timeout=timeout, default=default)

    def shell(
        self,
        argv: Sequence[str | os.PathLike[str]],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        *,
        on_line: Callable[[str], bool | None] | None = None,
        can_hold: bool = False,
        terminal: bool = False,
        columns: int = COLUMNS,
        stop_signal: str | None = None,
        grace: Duration | None = None,
    ) -> int:
        """Run a program to its end and return its exit code. Each line of its output becomes a log entry.

        What it draws over itself, such as a progress bar, is one row that changes in place, and one log entry when it
        is done. A percent in such a row becomes the progress of the step, unless the step calls `progress` itself.

        A code other than 0 raises nothing; a negative one is the signal that ended the program. The program has no
        input, and does not start while the run is paused. If the step is stopped or times out, the program and its
        children get SIGTERM, each once, and SIGKILL 10 s later; what they print until then is logged. In an async step
        call it through `asyncio.to_thread`.

        To read the output::

            from synapse import Pipeline, Run, StepFailed, step

            class CountFiles(Pipeline):
                folder: str = '/'

                @step
                def count(self, run: Run) -> None:
                    names: list[str] = []
                    code = run.shell(['ls', self.folder], timeout='1m', on_line=names.append)
                    if code:
                        raise StepFailed(f'{self.folder} cannot be listed: {names[-1]}')
                    run.log.info(f'{len(names)} files in {self.folder}', files=len(names))

        :param argv: the program and its arguments, strings or paths. No shell interprets them: for pipes or wildcards
            run `['sh', '-c', '...']`
        :param cwd: the folder it starts in; by default `workdir`
        :param env: variables to add to the inherited ones
        :param timeout: a number of seconds, a `timedelta`, or text like `"90s"`, `"30m"` or `"1h30m"`; None for no
            limit. Paused time does not count
        :param on_line: called with each line, without its line end, before it is logged. If it returns True, the line
            is not logged. A row that is redrawn is passed as it is then, at most every 100 ms, and once more when it is
            done. Called in the thread that calls `shell`; what it raises stops the program
        :param can_hold: whether to suspend the program (SIGSTOP) while the run is paused. By default it keeps running,
            and the run holds after it
        :param terminal: whether the program gets a terminal, with `TERM=xterm-256color`, `COLUMNS` and `LINES` in its
            environment. Many programs then use colours, show progress, and print each line at once instead of
            thousands of characters at a time. Its input is at its end, so that a question is answered by nothing, and
            what it starts in the background ends with it. Not on Windows
        :param columns: the width of that terminal, from 20 to 1,000
        :param stop_signal: the name of the signal that asks the program to end, such as `SIGINT` for one that tidies up
            only after Ctrl-C; by default `stop_signal` of the event, then of the pipeline, then `SIGTERM`
        :param grace: how long it may take to end before it is killed, at most an hour, 0 for not at all; by default
            `grace_seconds` of the event, then of the pipeline, then 10 s
        :raises StepFailed: if the program isn't found or cannot be started, if `cwd` isn't a folder, or after `timeout`
        :raises TypeError: if `argv` isn't a sequence of strings and paths
        :raises ValueError: if `argv` is empty or has a NUL character, `timeout` or `grace` isn't a duration, `columns`
            are too few or too many, or `stop_signal` isn't one of SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2
        :raises Cancelled: if the run is asked to stop, once the program and its children are gone
        """
        from .shell import run_program

        self._channel.has_said = True
        words = _arguments(argv)
        if not FEWEST_COLUMNS <= columns <= MOST_COLUMNS:
            raise ValueError(
                _(
                    'run.shell(columns) must be from {fewest} to {most}, not {columns}',
                    fewest=FEWEST_COLUMNS,
                    most=MOST_COLUMNS,
                    columns=columns,
                )
            )
        stop = self._stop_rule(stop_signal, grace)
        source = Path(words[0]).name or words[0]
        output = ProgramOutput(self._channel, source)
        self._failed_program, why_killed = '', memory_watch()
        try:
            code = run_program(
                words,
                cwd=self.workdir if cwd is None else Path(cwd),
                env=self._environment(env or {}, columns if terminal else None),
                timeout=None if timeout is None else parse_duration(timeout),
                control=self._control,
                output=output if on_line is None else FilteredOutput(on_line, output),
                can_hold=can_hold,
                columns=columns if terminal else None,
                stop=stop,
                on_stop=lambda killed: self._report_stop(source, stop, killed),
            )
        finally:
            output.finish()
        self._failed_program = source if code else ''
        if code in KILLED and (why := why_killed()):
            self.log.error(_('{source} was killed. {why}', source=source, why=why))
        return code

    def _stop_rule(self, name: str | None, grace: Duration | None) -> StopRule:
        if name is not None and name not in SIGNALS:
            raise ValueError(
                _('run.shell(stop_signal) must be one of {names}, not {name!r}', names=', '.join(SIGNALS), name=name)
            )
        seconds = self._stop.grace if grace is None else min(parse_duration(grace), MOST_GRACE)
        return StopRule(name or self._stop.signal, seconds)

    def _report_stop(self, program: str, stop: StopRule, killed: int | None) -> None:
        """Say that a program is about to be ended, so that it is given its time, or what became of it."""
        with self._channel.without_waiting():
            if killed is None and stop.grace > 0:
                self._control.allow(stop.grace)
                news = Stopping(t=Kind.STOPPING, wait=stop.grace, grace=0, program=program, signal=stop.signal)
                self._channel.send(news)
                text = _(
                    '{program} is asked to end ({signal}) and has {grace} s for it',
                    program=program,
                    signal=stop.signal,
                    grace=number(stop.grace),
                )
                self._channel.log('info', program, text)
            elif killed:
                text = _('It was killed with {count} more', count=killed - 1) if killed > 1 else _('It was killed')
                if stop.grace > 0:
                    why = _('{program} did not end within {grace} s.', program=program, grace=number(stop.grace))
                    text = f'{why} {text}'
                self._channel.log('warning', program, text)

    def _environment(self, extra: Mapping[str, str], columns: int | None) -> dict[str, str]:
        of_terminal: dict[str, str] = {}
        if columns is not None:
            of_terminal = {'TERM': 'xterm-256color', 'COLUMNS': str(columns), 'LINES': str(HEIGHT)}
        return environment_with({**of_terminal, **extra}, COLORED if self._force_color else None)

    def artifact(self, path: str | os.PathLike[str], name: str | None = None, *, move: bool = False) -> Path:
        """Keep a file as a result of this run, shown and offered for download on its page.

        The file is copied, so that later changes to it do not matter; the copy takes no space where the file system
        can share blocks. It replaces an artifact of the same name. Holds while the run is paused.

        :param path: the file; a relative path is in `workdir`
        :param name: its name among the artifacts, which may have folders, like `posters/1.jpg`; by default its own
        :param move: whether to move the file instead, which is fast whatever its size. Only a file in `workdir` is
            moved; any other is copied
        :return: the path of the artifact
        :raises StepFailed: if the file doesn't exist or is a folder, `name` leads out of the folder of the artifacts,
            or the disk refuses
        :raises Cancelled: if the run is asked to stop; then no part of the copy is left
        """
        import mimetypes

        self._channel.has_said = True
        source = self.workdir / path
        target = self._folder / 'artifacts' / _relative(name or source.name)
        is_ours = source.resolve().is_relative_to(self.workdir.resolve())
        size = _keep_file(source, target, move=move and is_ours, watch=self._keep_copying)
        self._channel.send(
            Artifact(
                t=Kind.ARTIFACT,
                name=target.relative_to(self._folder / 'artifacts').as_posix(),
                size=size,
                step=self._channel.step,
                media_type=mimetypes.guess_type(target.name)[0] or 'application/octet-stream',
            )
        )
        return target

    def _keep_copying(self, *_: object) -> bool:
        self._control.gate()
        return True


def _arguments(argv: Sequence[str | os.PathLike[str]]) -> list[str]:
    if isinstance(argv, str | bytes | os.PathLike):
        raise TypeError(_("run.shell takes a list like ['ffmpeg', '-version'], not the one string {argv!r}", argv=argv))
    words = []
    for word in argv:
        if not isinstance(word, str | os.PathLike):
            raise TypeError(
                _('run.shell takes strings and paths; {word!r} is neither, write str(...) around it', word=word)
            )
        words.append(os.fspath(word))
    if not words or not words[0]:
        raise ValueError(_('run.shell needs the name of a program as its first argument'))
    if any('\0' in word for word in words):
        raise ValueError(_('run.shell cannot pass on an argument with a NUL character'))
    return words


def _relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or '..' in path.parts or '\0' in name:
        raise StepFailed(
            _('An artifact cannot be called {name!r}.', name=name),
            _('Give a plain file name, or one like posters/1.jpg.'),
        )
    return path


def _keep_file(source: Path, target: Path, *, move: bool, watch: Watch) -> int:
    """Copy or move a file to `target` and return its size in bytes.

    :param watch: called while copying; if it raises, nothing is left of the copy
    :raises StepFailed: if `source` isn't a file, or the disk refuses
    """
    if source.is_dir():
        raise StepFailed(
            _('{source} is a folder, but an artifact is a file.', source=source),
            _('Keep its files one by one, or as an archive.'),
        )
    if not source.is_file():
        raise StepFailed(_('There is no file {source} to keep as an artifact.', source=source))
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and target.samefile(source):
        return target.stat().st_size
    if move and not source.is_symlink():
        source.replace(target)
        return target.stat().st_size
    try:
        copy(source, target, watch=watch)
    except StorageError as error:
        raise StepFailed(spoken(error), _('Check the disk of the data folder, then retry from this step.')) from error
    return target.stat().st_size
