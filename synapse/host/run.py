"""What a step is handed: the run it belongs to, and what it may ask of it."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from synapse.durations import Duration, parse_duration
from synapse.pipelines.pipeline import StepFailed
from synapse.protocol.messages import Artifact, Kind

from .channel import Channel, plain
from .control import Cancelled, Control
from .streams import ProgramOutput, SeenLines

__all__ = ['Cancelled', 'Run', 'RunLog', 'RunProfile']

NOTE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class RunProfile:
    """The identity a run was started with; `secrets` are left out when it is printed."""

    id: str
    label: str = ''
    destination: str = ''
    defaults: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class RunLog:
    """The log of a run; keyword arguments become the fields of the entry."""

    def __init__(self, channel: Channel, pipeline: str) -> None:
        self._channel = channel
        self._pipeline = pipeline

    def debug(self, message: object, /, **fields: Any) -> None:
        self._log('debug', message, fields)

    def info(self, message: object, /, **fields: Any) -> None:
        self._log('info', message, fields)

    def success(self, message: object, /, **fields: Any) -> None:
        self._log('success', message, fields)

    def warning(self, message: object, /, **fields: Any) -> None:
        self._log('warning', message, fields)

    def error(self, message: object, /, **fields: Any) -> None:
        self._log('error', message, fields)

    def _log(self, level: str, message: object, fields: dict[str, Any]) -> None:
        self._channel.log(level, self._channel.step or self._pipeline, str(message), plain(fields))
        self._channel.when_said()


class Run:
    """One execution of a pipeline, seen from inside a step. May be used from any thread of the step."""

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
    ) -> None:
        self.id = id
        self.number = number
        self.profile = profile
        self.attempt = 1
        """Which try of the present step this is, from 1."""
        self.workdir = folder / 'work'
        """A folder for this run alone; also the current folder while steps run."""
        self.log = RunLog(channel, pipeline)
        self._folder = folder
        self._channel = channel
        self._control = control
        self._save = save

    @property
    def cancelled(self) -> bool:
        """Whether the run was asked to stop: for a step that wants to tidy up before it is told by an exception."""
        return self._control.cancelled

    def progress(self, percent: float, note: str = '') -> None:
        """Say how far the present step is, from 0 to 100; holds here while the run is paused."""
        value = float(percent)
        if math.isnan(value):
            raise ValueError('progress(percent) must be a number from 0 to 100, not NaN')
        self._channel.progress(self._channel.step, min(100.0, max(0.0, value)), str(note)[:NOTE_LENGTH])
        self._control.gate()

    def checkpoint(self) -> None:
        """Save the pipeline's fields as they are now; holds here while the run is paused."""
        self._save()
        self._control.gate()

    def shell(
        self,
        argv: Sequence[str | os.PathLike[str]],
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        *,
        on_line: Callable[[str], bool | None] | None = None,
        can_hold: bool = False,
    ) -> int:
        """Run a program to its end, each line of its output a log entry, and give its exit code.

        A code other than 0 is no exception; a negative one is the signal that ended it. When the run is stopped, the
        program is stopped with its children. In an async step call it through `asyncio.to_thread`.

        :param argv: the program and its arguments as a list; no shell takes part
        :param cwd: where it starts, else `workdir`
        :param env: variables added to those inherited
        :param timeout: seconds or like `"30m"`; when it is over the program is stopped
        :param on_line: sees each line first; lines for which it returns True are not logged
        :param can_hold: whether the program is suspended while the run is paused; else it goes on to its end
        :raises StepFailed: if the program is not found, cannot be started, or takes too long
        """
        from .shell import run_program

        words = _arguments(argv)
        source = Path(words[0]).name or words[0]
        output = ProgramOutput(self._channel, source)
        try:
            return run_program(
                words,
                cwd=self.workdir if cwd is None else Path(cwd),
                env=_environment(env or {}),
                timeout=None if timeout is None else parse_duration(timeout),
                control=self._control,
                output=output if on_line is None else SeenLines(on_line, output),
                can_hold=can_hold,
            )
        finally:
            output.finish()

    def artifact(self, path: str | os.PathLike[str], name: str | None = None, *, move: bool = False) -> Path:
        """Keep a file as output of this run and give the path where it is kept.

        It is copied, so that whatever becomes of the file later, the output stays as it is now. The copy takes no room
        where the file system can share blocks. An output of the same name is replaced.

        :param name: what it is called among the outputs, may hold `/`; else its own name
        :param move: a file of `workdir` that nobody needs there any more is moved instead: no time and no room
        :raises StepFailed: if there is no such file
        """
        import mimetypes

        from .files import keep_file

        source = self.workdir / path
        target = self._folder / 'artifacts' / _relative(name or source.name)
        is_ours = source.resolve().is_relative_to(self.workdir.resolve())
        size = keep_file(source, target, move=move and is_ours, watch=self._goes_on)
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

    def _goes_on(self, *_: object) -> bool:
        self._control.gate()
        return True


def _arguments(argv: Sequence[str | os.PathLike[str]]) -> list[str]:
    if isinstance(argv, str | bytes | os.PathLike):
        raise TypeError(f"run.shell takes a list like ['ffmpeg', '-version'], not the one string {argv!r}")
    words = []
    for word in argv:
        if not isinstance(word, str | os.PathLike):
            raise TypeError(f'run.shell takes strings and paths; {word!r} is neither, write str(...) around it')
        words.append(os.fspath(word))
    if not words or not words[0]:
        raise ValueError('run.shell needs the name of a program as its first argument')
    if any('\0' in word for word in words):
        raise ValueError('run.shell cannot pass on an argument with a NUL character')
    return words


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    from .shell import TAGS

    # Without PYTHONUNBUFFERED the lines of a Python program would arrive in one lump at its end.
    environment = {'PYTHONUNBUFFERED': '1', **os.environ, **{str(name): str(value) for name, value in extra.items()}}
    return environment | {tag: os.environ[tag] for tag in TAGS if tag in os.environ}


def _relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or '..' in path.parts or '\0' in name:
        raise StepFailed(f'An output cannot be called {name!r}.', 'Give a plain file name, or one like posters/1.jpg.')
    return path
