"""Checks, captions, renders and delivers one video."""

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PrivateAttr, field_validator

from synapse import __version__
from synapse.destinations import CHUNK, Address, Destination, DestinationError, IfExists, destination_of
from synapse.durations import clock
from synapse.host.run import Run
from synapse.pipelines.pipeline import Pipeline, StepFailed, step

from .captions import as_srt, as_vtt, check_template, cues, filled
from .ffmpeg import FfmpegProgress, Video, check_can_burn_in, check_playable, ffmpeg, probe, source

DELIVERED = ('.mp4', '.jpg', '.srt', '.vtt', '.json')
_RATIOS = {'16:9': 16 / 9, '9:16': 9 / 16, '1:1': 1.0}
_QUALITIES = {'draft': ('veryfast', 28), 'good': ('fast', 22), 'best': ('slow', 18)}


class PublishVideo(Pipeline):
    """Check, caption, render and deliver one video.

    The rendered file, a poster, the caption as .srt and .vtt, and a .json with sizes and checksums are delivered
    together to the destination of the profile.
    """

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, serialize_by_alias=True)

    accepts: ClassVar[tuple[str, ...]] = ('.mp4', '.mov', '.m4v', '.mkv', '.webm', '.avi')

    video: Annotated[Path, Field(description='The video to publish.', json_schema_extra={'x-accepts': list(accepts)})]
    # A step is called `caption` too, so this name is only used outside.
    template: str = Field(
        default='',
        alias='caption',
        title='Caption',
        max_length=10_000,
        description='Shown over the video, line by line. May contain {title}, {date}, {duration} and {profile}; '
        'empty for the title.',
    )
    height: Literal[480, 720, 1080] = Field(default=1080, description='Of the picture, in pixels.')
    aspect: Literal['keep', '16:9', '9:16', '1:1'] = Field(default='keep', description='The shape of the picture.')
    fit: Literal['pad', 'crop'] = Field(
        default='pad', description='How to reach another shape: black bars, or cutting.'
    )
    captions: Literal['sidecar', 'mux', 'burn'] = Field(
        default='mux', description='Only next to the video, also as a track in it, or burned into the picture.'
    )
    quality: Literal['draft', 'good', 'best'] = Field(default='good', description='Better quality takes longer.')
    destination: Address = Field(default='', description='A folder or URL to use instead of that of the profile.')
    if_exists: IfExists = Field(
        default='rename',
        title='If it already exists',
        description='Rename the new one, refuse, or replace the old one.',
    )

    _facts: Video | None = None
    _text: str = ''
    _poster: Path | None = None
    _srt: Path | None = None
    _vtt: Path | None = None
    _rendered: Path | None = None
    _seconds: dict[str, float] = PrivateAttr(default_factory=dict)

    @field_validator('template')
    @classmethod
    def _is_template(cls, value: str) -> str:
        check_template(value)
        return value

    @property
    def name(self) -> str:
        """The file name without suffix, as in the input and, if it is free, in the destination."""
        # Leaves space for suffixes and the mark of an unfinished file within the 255 bytes of most file systems.
        return self.video.stem.encode()[:200].decode(errors='ignore')

    @property
    def headline(self) -> str:
        """The title of the video, made from its file name."""
        return re.sub(r'[\s_]+', ' ', self.name).strip() or self.name

    @step
    def ingest(self, run: Run) -> None:
        started = time.monotonic()
        if not self.video.is_file():
            raise StepFailed(f'There is no file {self.video}.', 'It was moved or deleted. Choose it again.')
        size = self.video.stat().st_size
        if not size:
            raise StepFailed(f'{self.video.name} is empty.', 'Copy it again from its source.')
        if self.captions == 'burn':
            check_can_burn_in(run)
        # Fails now rather than after an hour of rendering.
        self._check_destination(run)
        run.progress(0, 'probing')
        facts = probe(run, self.video)
        run.log.info(f'{self.video.name}: {facts.sentence}', bytes=size, **facts.model_dump(exclude={'rotation'}))
        check_playable(run, self.video, facts, lambda part: run.progress(5 + 95 * part, 'checking that it plays'))
        run.log.success(f'{self.video.name} plays from start to end')
        self._facts = facts
        self._took('ingest', started)

    @step
    def caption(self, run: Run) -> None:
        started = time.monotonic()
        facts = self._known_facts()
        values = {
            'title': self.headline,
            'date': f'{datetime.now().astimezone():%Y-%m-%d}',
            'duration': clock(facts.seconds),
            'profile': (run.profile.label or run.profile.id) if run.profile else '',
        }
        self._text = filled(self.template or '{title}', values) or self.headline
        items = cues(self._text, facts.seconds)
        self._srt = self._write(run, '.srt', as_srt(items))
        self._vtt = self._write(run, '.vtt', as_vtt(items))
        run.progress(40, 'poster')
        self._poster = self._make_poster(run, facts)
        run.progress(100)
        lines = self._text.splitlines()
        run.log.info(f'Caption: {lines[0]}', lines=len(lines))
        self._took('caption', started)

    @step(timeout='12h')
    def render(self, run: Run) -> None:
        started = time.monotonic()
        facts, srt = self._known_facts(), _require(self._srt, 'caption')
        target = run.workdir / f'{self.name}.mp4'
        total = max(1, round(facts.seconds * facts.fps))
        outcome = ffmpeg(
            run,
            self._render_arguments(srt, target),
            # Count frames: sound is ahead of the picture, so with its time the percentage would go back.
            on_progress=lambda progress: run.progress(
                min(99.0, 100 * progress.frame / total), _frames(progress, total)
            ),
        )
        if outcome.code:
            raise outcome.failure('The video could not be rendered')
        self._check_rendered(run, target, facts)
        # Moved, since a copy would double the space that a film takes.
        self._rendered = target = run.artifact(target, move=True)
        self._took('render', started)
        frames = outcome.progress.frame
        run.progress(100, f'{frames} frames')
        run.log.success(
            f'Rendered {frames} frames, {target.stat().st_size / 1e6:.1f} MB, in {self._seconds["render"]:.1f} s',
            frames=frames,
            bytes=target.stat().st_size,
        )

    @step(retries=2, backoff='2s')
    def publish(self, run: Run) -> None:
        files = {
            '.mp4': _require(self._rendered, 'render'),
            '.jpg': _require(self._poster, 'caption'),
            '.srt': _require(self._srt, 'caption'),
            '.vtt': _require(self._vtt, 'caption'),
        }
        with destination_of(run, self.destination, inputs=[self.video]) as destination:
            stem = destination.free_stem(self.name, DELIVERED, self.if_exists)
            if stem != self.name:
                run.log.warning(f'{self.name}.mp4 already exists, so this one is called {stem}.mp4')
            sidecar = self._write_sidecar(run, stem, files)
            self._deliver(run, destination, stem, files | {'.json': sidecar})
        run.log.success(f'Delivered to {destination.path(f"{stem}.mp4")}', files=len(DELIVERED))

    def _check_destination(self, run: Run) -> None:
        with destination_of(run, self.destination, inputs=[self.video]) as destination:
            destination.check_name(self.name + DELIVERED[0])
            destination.free_stem(self.name, DELIVERED, self.if_exists)

    def _known_facts(self) -> Video:
        if self._facts is None:
            raise StepFailed('Nothing is known about the video yet.', 'Retry from INGEST.')
        return self._facts

    def _took(self, name: str, started: float) -> None:
        self._seconds = {**self._seconds, name: round(time.monotonic() - started, 3)}

    def _write(self, run: Run, suffix: str, text: str) -> Path:
        path = run.workdir / f'{self.name}{suffix}'
        path.write_text(text, encoding='utf-8', newline='\n')
        return run.artifact(path)

    def _make_poster(self, run: Run, facts: Video) -> Path:
        """Make a poster of a typical frame from the second that starts at a third of the video."""
        poster = run.workdir / f'{self.name}.jpg'
        at = facts.seconds / 3
        outcome = ffmpeg(
            run,
            [
                *('-ss', f'{at:.3f}', *source(self.video), '-map', '0:v:0'),
                *('-vf', f'thumbnail={max(1, min(50, round(facts.fps)))},{self._shape()}'),
                *('-frames:v', '1', '-q:v', '3', '-update', '1', f'file:{poster}'),
            ],
        )
        if outcome.code or not poster.is_file():
            raise outcome.failure('No poster could be made')
        return run.artifact(poster)

    def _shape(self) -> str:
        """Return the filters that scale the picture: exactly to the chosen height, with an even width."""
        high = self.height
        if self.aspect == 'keep':
            return f"scale=w='max(2,2*round({high}*dar/2))':h={high},setsar=1"
        wide = 2 * round(high * _RATIOS[self.aspect] / 2)
        square = "scale=w='2*round(iw*sar/2)':h=ih,setsar=1"
        how = 'decrease' if self.fit == 'pad' else 'increase'
        scaled = f'scale=w={wide}:h={high}:force_original_aspect_ratio={how}:force_divisible_by=2'
        cut = f'pad={wide}:{high}:-1:-1:black' if self.fit == 'pad' else f'crop={wide}:{high}'
        return f'{square},{scaled},{cut},setsar=1'

    def _render_arguments(self, srt: Path, target: Path) -> list[str]:
        preset, crf = _QUALITIES[self.quality]
        filters, is_muxed = self._shape(), self.captions == 'mux'
        if self.captions == 'burn':
            # Under a fixed name in the folder ffmpeg starts in, so that no file name has to be escaped.
            burnt = target.with_name('burn.srt')
            burnt.write_bytes(srt.read_bytes())
            filters += f',subtitles=filename={burnt.name}'
        return [
            *source(self.video),
            *(source(srt) if is_muxed else []),
            *('-map', '0:v:0', '-map', '0:a:0?', *(['-map', '1:0', '-c:s', 'mov_text'] if is_muxed else [])),
            *('-vf', filters, '-c:v', 'libx264', '-preset', preset, '-crf', str(crf), '-pix_fmt', 'yuv420p'),
            *('-c:a', 'aac', '-b:a', '160k', '-movflags', '+faststart', '-map_metadata', '0'),
            *('-metadata', f'title={self.headline}', '-metadata', f'comment={self._text}', f'file:{target}'),
        ]

    def _check_rendered(self, run: Run, target: Path, facts: Video) -> None:
        made = probe(run, target)
        if made.height != self.height:
            raise StepFailed(f'The rendered video is {made.height} pixels high instead of {self.height}.')
        if abs(made.seconds - facts.seconds) > max(2.0, facts.seconds * 0.05):
            raise StepFailed(
                f'The rendered video lasts {clock(made.seconds)} instead of {clock(facts.seconds)}.',
                'The input may be damaged in the middle.',
            )
        run.log.info(f'Rendered video: {made.sentence}')

    def _write_sidecar(self, run: Run, stem: str, files: dict[str, Path]) -> Path:
        facts = self._known_facts()
        document: dict[str, Any] = {
            'made_by': f'Synapse {__version__}',
            'pipeline': type(self).__name__,
            'run': {'id': run.id, 'number': run.number},
            'profile': run.profile.id if run.profile else None,
            'published_at': datetime.now().astimezone().isoformat(timespec='milliseconds'),
            'title': self.headline,
            'caption': self._text,
            'parameters': self.model_dump(mode='json'),
            'source': {'name': self.video.name, **facts.model_dump(mode='json')},
            'files': [
                {
                    'name': stem + suffix,
                    'size': path.stat().st_size,
                    'sha256': sha256_of(path, lambda: run.progress(0, 'checksums')),
                }
                for suffix, path in files.items()
            ],
            'step_seconds': self._seconds,
        }
        path = run.workdir / f'{self.name}.json'
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + '\n', encoding='utf-8')
        return run.artifact(path)

    def _deliver(self, run: Run, destination: Destination, stem: str, files: dict[str, Path]) -> None:
        """Deliver all files or none: if one fails, the new ones are removed again."""
        total, before = sum(path.stat().st_size for path in files.values()), 0
        delivered: list[str] = []
        try:
            for suffix, path in files.items():
                name = stem + suffix
                show = partial(_show, run, name, before, total)
                destination.put(path, name, replace=self.if_exists == 'replace', sent=show)
                delivered.append(name)
                before += path.stat().st_size
        except BaseException:
            if self.if_exists != 'replace':
                _remove(destination, delivered)
            raise


def _show(run: Run, name: str, before: int, total: int, sent: int) -> None:
    run.progress(100 * (before + sent) / total, name)


def _remove(destination: Destination, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(DestinationError):
            destination.remove(name)


def _frames(progress: FfmpegProgress, total: int) -> str:
    speed = f', {progress.fps:.0f} fps' if progress.fps else ''
    return f'frame {progress.frame} of {max(total, progress.frame)}{speed}'


def _require(path: Path | None, step_name: str) -> Path:
    if path is None or not path.is_file():
        raise StepFailed(f'The result of {step_name.upper()} is gone.', f'Retry from {step_name.upper()}.')
    return path


def sha256_of(path: Path, pause: Callable[[], None]) -> str:
    """Return the SHA-256 of a file in hex; `pause` is called after each megabyte."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            pause()
    return digest.hexdigest()
