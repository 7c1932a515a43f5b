"""Runs the ffmpeg of the imageio-ffmpeg wheel, and reports its progress and why it failed."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from storage.foreign_words import program_words
from synapse.host.run import Run
from synapse.language import _, joined
from synapse.pipelines.pipeline import StepFailed

KEPT_LINES = 200
"""Of warnings and of errors each; a damaged film has one for every frame."""

_NOISE = ('deprecated pixel format used', 'timescale not set', 'Guessed Channel Layout')
"""Warnings of films in which nothing is wrong: full range, a cover, sound without a layout."""
_FULL_DISK = ('No space left on device', 'Disk quota exceeded')


@dataclass(slots=True)
class FfmpegProgress:
    """How far ffmpeg is in its output."""

    frame: int = 0
    fps: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class FfmpegResult:
    """How a call of ffmpeg ended; `warnings` and `errors` are the first of each, oldest first."""

    code: int
    progress: FfmpegProgress
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def first_error(self) -> str:
        """Why it failed: later errors follow from the first."""
        return (
            program_words(self.errors[0].rstrip('.'))
            if self.errors
            else _('ffmpeg ended with code {code}', code=self.code)
        )

    def failure(self, what: str) -> StepFailed:
        """Return the failure to raise: that the disk is full, or the first error."""
        if any(phrase in line for line in self.errors for phrase in _FULL_DISK):
            return StepFailed(
                _('{what}: the disk is full.', what=what), _('Free some space, then retry from this step.')
            )
        return StepFailed(
            joined(what, ': ', self.first_error, '.', by=''), _('The log of this step has the output of ffmpeg.')
        )


def executable() -> str:
    """Return the path of the program.

    :raises StepFailed: if there is none for this platform
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise StepFailed(
            _('ffmpeg was not found.'), _('Reinstall the package imageio-ffmpeg, or install ffmpeg itself.')
        ) from error


def ffmpeg(
    run: Run,
    arguments: Sequence[str | Path],
    *,
    on_progress: Callable[[FfmpegProgress], None] | None = None,
    is_quiet: bool = False,
) -> FfmpegResult:
    """Run ffmpeg in the `workdir` of the run, and stop it with the run.

    :param on_progress: called about twice a second, in another thread
    :param is_quiet: whether to keep warnings and errors out of the log; they are in the result in any case
    """
    result = FfmpegResult(0, FfmpegProgress())
    messages = _Messages(run, result, is_quiet=is_quiet)

    with TemporaryDirectory(prefix='ffmpeg-', dir=run.workdir) as folder, ThreadPoolExecutor(1) as threads:
        # Not through the pipe of the messages: these quote names, which can have line ends.
        report = Path(folder) / 'progress'
        report.touch()
        # No level below warning: that is where ffmpeg quotes titles, comments and chapters, which can say anything.
        command = [
            executable(),
            *('-hide_banner', '-nostdin', '-nostats', '-y', '-loglevel', 'level+warning'),
            *('-progress', f'file:{report}'),
            *map(str, arguments),
        ]
        is_over = threading.Event()
        follower = threads.submit(_follow, report, is_over, result.progress, on_progress)
        try:
            result.code = run.shell(command, on_line=messages.take, can_hold=True)
        finally:
            is_over.set()
        follower.result()
    return result


def _follow(
    report: Path,
    is_over: threading.Event,
    progress: FfmpegProgress,
    on_progress: Callable[[FfmpegProgress], None] | None,
) -> None:
    """Read what `-progress` writes to a file, until that is over and all of it is read."""
    rest = ''
    with report.open(encoding='ascii', errors='replace') as file:
        while True:
            is_last = is_over.wait(_LOOK_SECONDS)
            *lines, rest = (rest + file.read()).split('\n')
            for line in lines:
                key, __, value = line.partition('=')
                if _advance(progress, key, value.strip()) and on_progress:
                    on_progress(progress)
            if is_last:
                return


_LOOK_SECONDS = 0.2
_LEVEL = re.compile(r'(?:\[[^\[\]]* @ (?:0x)?[0-9a-f]+\] )*\[(panic|fatal|error|warning)\] ')
"""Where ffmpeg puts it: behind the names of the components, before the message."""


def _advance(progress: FfmpegProgress, key: str, value: str) -> bool:
    """Apply one line of `-progress`; whether it ends a block."""
    if key == 'frame' and value.isdigit():
        progress.frame = int(value)
    elif key == 'fps' and re.fullmatch(r'[\d.]+', value):
        progress.fps = float(value)
    elif key == 'out_time_us' and value.isdigit():
        progress.seconds = int(value) / 1e6
    return key == 'progress'


class _Messages:
    """Keeps and logs what ffmpeg says, each line at the level that ffmpeg gave it."""

    def __init__(self, run: Run, result: FfmpegResult, *, is_quiet: bool) -> None:
        self._run = run
        self._result = result
        self._is_quiet = is_quiet
        self._level = 'error'

    def take(self, line: str) -> bool:
        """Take a line; True, since it is logged here."""
        found = _LEVEL.match(line)
        if found:
            self._level = 'warning' if found[1] == 'warning' else 'error'
        # Without the address of the component, which means nothing to people and differs each time.
        text = re.sub(r' @ (?:0x)?[0-9a-f]+\]', ']', line.replace(f'[{found[1]}] ', '', 1) if found else line).rstrip()
        if not text or any(phrase in text for phrase in _NOISE):
            return True
        kept = self._result.warnings if self._level == 'warning' else self._result.errors
        if len(kept) < KEPT_LINES:
            kept.append(text)
        if not self._is_quiet:
            (self._run.log.warning if self._level == 'warning' else self._run.log.error)(text)
        return True


def source(path: Path) -> list[str]:
    """Return the arguments that open a file as input, and keep it from making ffmpeg open anything else."""
    return ['-protocol_whitelist', 'file', '-i', f'file:{path}']
