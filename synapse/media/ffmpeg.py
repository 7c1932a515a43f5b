"""Runs ffmpeg from the imageio-ffmpeg wheel: probes videos, checks that they play, and reports progress."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from synapse.durations import clock
from synapse.host.run import Run
from synapse.pipelines.pipeline import StepFailed

WHOLE_DECODE_SECONDS = 60.0
"""`check_playable` decodes videos up to this long completely, and only the start and end of longer ones."""
END_SECONDS = 3.0

_MISSING_TAIL = ('moov atom not found', 'ended prematurely', 'partial file', 'corrupt input packet')
_OTHER_FORMATS = ('hls', 'dash', 'concat', 'image2', 'tty', 'lavfi', 'ffmetadata')
_FULL_DISK = ('No space left on device', 'Disk quota exceeded')


class Video(BaseModel):
    """What `probe` finds out about a video; width and height are as stored, before rotation."""

    model_config = ConfigDict(frozen=True)

    container: str
    seconds: float
    width: int
    height: int
    fps: float
    codec: str
    audio: str | None
    rotation: int = 0

    @property
    def sentence(self) -> str:
        turned = f', rotated by {self.rotation}°' if self.rotation else ''
        sound = f'sound {self.audio}' if self.audio else 'no sound'
        return (
            f'{self.container}, {clock(self.seconds)}, {self.width}×{self.height}{turned}, {self.fps:g} fps, '
            f'{self.codec}, {sound}'
        )


@dataclass(slots=True)
class FfmpegProgress:
    """How far ffmpeg is in its output."""

    frame: int = 0
    fps: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class FfmpegResult:
    """How a call of ffmpeg ended; `errors` are the last 20, oldest first."""

    code: int
    progress: FfmpegProgress
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def is_cut_short(self) -> bool:
        return any(phrase in line for line in self.errors for phrase in _MISSING_TAIL)

    def failure(self, what: str) -> StepFailed:
        """Return the failure to raise: that the disk is full, or the last error of ffmpeg."""
        if any(phrase in line for line in self.errors for phrase in _FULL_DISK):
            return StepFailed(f'{what}: the disk is full.', 'Free some space, then retry from this step.')
        words = self.errors[-1] if self.errors else f'ffmpeg ended with code {self.code}'
        return StepFailed(f'{what}: {words}.', 'The log of this step has the output of ffmpeg.')


def executable() -> str:
    """Return the path of the program.

    :raises StepFailed: if there is none for this platform
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise StepFailed(
            'ffmpeg was not found.', 'Reinstall the package imageio-ffmpeg, or install ffmpeg itself.'
        ) from error


def ffmpeg(
    run: Run,
    arguments: Sequence[str | Path],
    *,
    on_progress: Callable[[FfmpegProgress], None] | None = None,
    is_quiet: bool = False,
) -> FfmpegResult:
    """Run ffmpeg in the `workdir` of the run, and stop it with the run.

    :param on_progress: called about twice a second
    :param is_quiet: whether to keep warnings and errors out of the log; they are in the result in any case
    """
    outcome = FfmpegResult(0, FfmpegProgress())

    def take(line: str) -> bool:
        found = _PROGRESS.fullmatch(line)
        if found is None:
            _take_message(run, outcome, line, is_quiet=is_quiet)
        elif _advance(outcome.progress, found[1], found[2].strip()) and on_progress:
            on_progress(outcome.progress)
        return True  # already logged, at the level that ffmpeg gave it

    command = [
        executable(),
        *('-hide_banner', '-nostdin', '-nostats', '-y', '-loglevel', 'level+info', '-progress', 'pipe:1'),
        *map(str, arguments),
    ]
    outcome.code = run.shell(command, on_line=take, can_hold=True)
    return outcome


_PROGRESS = re.compile(
    r'(frame|fps|bitrate|total_size|out_time|out_time_us|out_time_ms|dup_frames|drop_frames|speed|progress|stream_\w+)=(.*)'
)


def _advance(progress: FfmpegProgress, key: str, value: str) -> bool:
    """Apply one line of `-progress`; whether it ends a block."""
    if key == 'frame' and value.isdigit():
        progress.frame = int(value)
    elif key == 'fps' and re.fullmatch(r'[\d.]+', value):
        progress.fps = float(value)
    elif key == 'out_time_us' and value.isdigit():
        progress.seconds = int(value) / 1e6
    return key == 'progress'


def _take_message(run: Run, outcome: FfmpegResult, line: str, *, is_quiet: bool) -> None:
    """Keep a line of ffmpeg, and log warnings and errors at their own level."""
    found = re.search(r'\[(panic|fatal|error|warning)\] ', line)
    level = found[1] if found else 'info'
    # Without the address of the component, which means nothing to people and differs each time.
    text = re.sub(r' @ 0x[0-9a-f]+|\[info\] ', '', line.replace(found[0], '', 1) if found else line).rstrip()
    if level in ('panic', 'fatal', 'error'):
        outcome.errors = [*outcome.errors[-19:], text]
    elif len(outcome.lines) < 200:
        outcome.lines.append(text)
    if text and not is_quiet and level != 'info':
        (run.log.warning if level == 'warning' else run.log.error)(text)


def source(path: Path) -> list[str]:
    """Return the arguments that open a file as input, and keep it from making ffmpeg open anything else."""
    return ['-protocol_whitelist', 'file', '-i', f'file:{path}']


def probe(run: Run, path: Path) -> Video:
    """Return what kind of video a file is.

    :raises StepFailed: with the reason, if it isn't a video
    """
    outcome = ffmpeg(run, source(path), is_quiet=True)
    text = '\n'.join(outcome.lines)
    container = re.search(r'Input #0, (\S+), from', text)
    if container is None or _is_other_format(container[1]):
        raise _not_a_video(path, outcome)
    stream = next((line for line in outcome.lines if 'Video:' in line and '(attached pic)' not in line), None)
    size = re.search(r', (\d+)x(\d+)', stream or '')
    if stream is None or size is None:
        raise StepFailed(f'{path.name} has no picture, only sound.', 'Give a file with a video stream.')
    seconds = _duration(text)
    if not seconds:
        raise StepFailed(f'{path.name} has no duration.', 'Convert it to mp4 first.')
    audio = re.search(r'Audio: ([^,(\s]+)', text)
    codec = re.search(r'Video: ([^,(\s]+)', stream)
    rate = re.search(r'([\d.]+) fps', stream) or re.search(r'([\d.]+) tbr', stream)
    rotation = re.search(r'rotation of (-?[\d.]+) degrees', text)
    return Video(
        container=_container(container[1].split(','), path.suffix.lower().lstrip('.')),
        seconds=seconds,
        width=int(size[1]),
        height=int(size[2]),
        fps=float(rate[1]) if rate else 25.0,
        codec=codec[1] if codec else 'unknown',
        audio=audio[1] if audio else None,
        rotation=round(float(rotation[1])) % 360 if rotation else 0,
    )


def _container(names: list[str], suffix: str) -> str:
    """Return the file's suffix if ffmpeg names it as one of the possible containers, else the first of these."""
    return suffix if suffix in names else names[0]


def _is_other_format(name: str) -> bool:
    return name.endswith('_pipe') or any(part in _OTHER_FORMATS for part in name.split(','))


def _not_a_video(path: Path, outcome: FfmpegResult) -> StepFailed:
    with path.open('rb') as file:
        head = file.read(4096)
    if b'\0' not in head and _is_text(head):
        return StepFailed(f'{path.name} is a text file, not a video.', 'Give the video itself.')
    if outcome.is_cut_short and b'ftyp' in head[:64]:
        return StepFailed(f'{path.name} is incomplete: its index is missing.', 'Copy it again from its source.')
    return StepFailed(f'{path.name} is not a video that can be read.', 'Check whether it plays in a video player.')


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # only the last character is cut
    return True


def _duration(text: str) -> float:
    found = re.search(r'Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)', text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else 0.0


def check_playable(run: Run, path: Path, video: Video, on_progress: Callable[[float], None]) -> None:
    """Read the whole file and decode it, or only its start and end if it is longer than a minute.

    :param on_progress: called with the fraction that is done, from 0 to 1
    :raises StepFailed: if the end is missing or it cannot be decoded
    """
    _check_whole(run, path, video, lambda part: on_progress(part * 0.5))
    if video.seconds <= WHOLE_DECODE_SECONDS:
        _check_decodes(run, path, [], lambda at: on_progress(0.5 + 0.5 * min(1.0, at / video.seconds)))
        return
    _check_decodes(run, path, ['-t', f'{END_SECONDS:g}'], lambda at: on_progress(0.5 + 0.25 * at / END_SECONDS))
    _check_decodes(run, path, ['-sseof', f'-{END_SECONDS:g}'], lambda at: on_progress(0.75 + 0.25 * at / END_SECONDS))


def _check_whole(run: Run, path: Path, video: Video, on_progress: Callable[[float], None]) -> None:
    outcome = ffmpeg(
        run,
        [*source(path), '-map', '0:v:0', '-map', '0:a?', '-c', 'copy', '-f', 'null', '-'],
        on_progress=lambda progress: on_progress(min(1.0, progress.seconds / video.seconds)),
        is_quiet=True,
    )
    reached = outcome.progress.seconds
    is_short = reached < video.seconds - max(2.0, video.seconds * 0.05)
    if outcome.is_cut_short or is_short:
        raise StepFailed(
            f'{path.name} is incomplete: it ends at {clock(reached)} of {clock(video.seconds)}.',
            'Copy it again from its source.',
        )
    if outcome.code:
        raise outcome.failure(f'{path.name} cannot be read to its end')


def _check_decodes(run: Run, path: Path, part: Sequence[str], on_progress: Callable[[float], None]) -> None:
    outcome = ffmpeg(
        run,
        [*part, '-max_error_rate', '0.1', *source(path), '-map', '0:v:0', '-map', '0:a:0?', '-f', 'null', '-'],
        on_progress=lambda progress: on_progress(progress.seconds),
        is_quiet=True,
    )
    if outcome.code or not outcome.progress.frame:
        words = outcome.errors[-1] if outcome.errors else 'it has no frames'
        raise StepFailed(f'{path.name} is damaged: {words}.', 'Check whether it plays in a video player.')
    if outcome.errors:
        run.log.warning(f'{path.name} has minor errors and may flicker: {outcome.errors[-1]}')


def check_can_burn_in(run: Run) -> None:
    """Burn a word into one empty frame, as a test.

    :raises StepFailed: if this ffmpeg cannot do that, or the machine has no font for it
    """
    trial = run.workdir / 'trial.srt'
    trial.write_text('1\n00:00:00,000 --> 00:00:09,000\nSynapse\n', encoding='utf-8')
    picture = ['-f', 'lavfi', '-i', 'color=size=320x180:duration=1']
    outcome = ffmpeg(
        run, [*picture, '-vf', f'subtitles=filename={trial.name}', '-frames:v', '1', '-f', 'null', '-'], is_quiet=True
    )
    if outcome.code:
        raise StepFailed(
            'This ffmpeg cannot burn captions into the picture.', 'Choose mux or sidecar for the captions.'
        )
    if any('fallback with glyph 0x0 ' in line for line in outcome.lines):
        raise StepFailed(
            'No font is installed for burning in captions.', 'Install one, or choose mux or sidecar for the captions.'
        )
