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
from synapse.language import N_, _, _n, translated
from synapse.language.figures import number
from synapse.media.captions.choice import CaptionWishes, Words, check_words, find_words
from synapse.media.captions.subtitle_files import SUFFIXES as SUBTITLE_SUFFIXES
from synapse.media.captions.text import as_ass, as_srt, as_vtt, check_template, filled
from synapse.media.captions.track import write_track
from synapse.media.check import check_playable
from synapse.media.encoders import HEVC, SOFTWARE, Encoder, Quality, encoder_for
from synapse.media.ffmpeg import FfmpegProgress, FfmpegResult, ffmpeg
from synapse.media.formats import SOUND_SUFFIXES, VIDEO_SUFFIXES
from synapse.media.length import measured
from synapse.media.meter import RenderMeter
from synapse.media.picture import PictureWishes
from synapse.media.poster import make_poster
from synapse.media.probe import MediaFile, probe
from synapse.media.render import RenderPlan, SoundWishes, has_zscale, render_plan
from synapse.media.sound import choice_of_sound
from synapse.media.tags import movie_flags, tag_arguments
from synapse.pipelines.pipeline import Pipeline, StepFailed, step
from synapse.sizes import size_of

DELIVERED = ('.mp4', '.jpg', '.srt', '.vtt', '.json')


def _labels(**labels: str) -> dict[str, Any]:
    return {'x-labels': labels}


class PublishVideo(Pipeline):
    __doc__ = N_(
        'Check, caption, render and deliver one video.\n\n'
        'The rendered file, a poster, the caption as .srt and .vtt, and a .json with '
        'sizes and checksums are delivered\n'
        'together to the destination of the profile.'
    )

    title: ClassVar[str] = N_('Publish video')

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True, serialize_by_alias=True)

    accepts: ClassVar[tuple[str, ...]] = VIDEO_SUFFIXES + SOUND_SUFFIXES

    video: Annotated[
        Path,
        Field(
            title=N_('Video'), description=N_('The video to publish.'), json_schema_extra={'x-accepts': list(accepts)}
        ),
    ]
    # A step is called `caption` too, so this name is only used outside.
    template: str = Field(
        default='',
        alias='caption',
        title=N_('Caption'),
        max_length=10_000,
        description=N_(
            'Shown over the video, line by line, unless there are subtitles. May contain {title}, '
            '{date}, {duration} and {profile}; empty for the title. Write {{ and }} for braces.'
        ),
    )
    subtitles: Annotated[
        Path | None,
        Field(
            title=N_('Subtitles'),
            description=N_(
                'A file to show instead of the caption. Without one, a file next to the video with the same '
                'name is used.'
            ),
            json_schema_extra={'x-accepts': list(SUBTITLE_SUFFIXES), 'x-extra': True},
        ),
    ] = None
    subtitle_shift: float = Field(
        default=0.0,
        title=N_('Shift of the subtitles'),
        ge=-86_400,
        le=86_400,
        description=N_('Seconds by which those of the file are shown later, or earlier if negative.'),
    )
    automatic_captions: bool = Field(
        default=False,
        title=N_('Automatic captions'),
        description=N_(
            'Write down what is said, if there is no subtitle file. Works on this machine, understands '
            'English only, and makes mistakes.'
        ),
    )
    height: Literal[480, 720, 1080] = Field(
        default=1080,
        title=N_('Height'),
        description=N_('Of the shorter side of the picture, in pixels: 1080 is 1920×1080, or 1080×1920 upright.'),
    )
    enlarge: bool = Field(
        default=False, title=N_('Enlarge'), description=N_('Enlarge a picture that is smaller than that.')
    )
    aspect: Literal['keep', '16:9', '9:16', '1:1'] = Field(
        default='keep',
        title=N_('Aspect'),
        description=N_('The shape of the picture.'),
        json_schema_extra=_labels(keep=N_('as it is')),
    )
    fit: Literal['pad', 'crop'] = Field(
        default='pad',
        title=N_('Fit'),
        description=N_('How to reach another shape: with bars, or by cutting the edges.'),
        json_schema_extra=_labels(pad=N_('bars'), crop=N_('cut')),
    )
    background: str = Field(
        default='#000000',
        title=N_('Background'),
        description=N_('The colour of bars and behind a transparent picture, such as #ffffff.'),
    )
    hdr: Literal['convert', 'keep'] = Field(
        default='convert',
        title=N_('HDR'),
        description=N_('Convert it to the colours that every screen shows, or keep it, as HEVC with 10 bits.'),
        json_schema_extra=_labels(convert=N_('convert'), keep=N_('keep it')),
    )
    captions: Literal['sidecar', 'mux', 'burn'] = Field(
        default='mux',
        title=N_('Captions'),
        description=N_(
            'Only next to the video, also as a track in it that can be switched on and off, or in the picture.'
        ),
        json_schema_extra=_labels(sidecar=N_('separate file'), mux=N_('as a track'), burn=N_('in the picture')),
    )
    own_subtitles: bool = Field(
        default=False,
        title=N_("Keep the video's own subtitles"),
        description=N_('As tracks after the caption. Only text: subtitles of DVDs and television are pictures.'),
    )
    language: str = Field(
        default='',
        title=N_('Language of the sound'),
        max_length=20,
        description=N_('Which sound track to publish, such as en or deu; empty for the one that players choose.'),
    )
    all_sounds: bool = Field(
        default=False,
        title=N_('Keep all sound tracks'),
        description=N_('The others follow the chosen one: other languages, comments.'),
    )
    channels: Literal['keep', 'stereo'] = Field(
        default='keep',
        title=N_('Channels of the sound'),
        description=N_('Keep surround sound, or mix it down to stereo.'),
        json_schema_extra=_labels(keep=N_('as they are'), stereo=N_('stereo')),
    )
    without_picture: Literal['refuse', 'film'] = Field(
        default='refuse',
        title=N_('Sound without a picture'),
        description=N_('Refuse it, or publish a film that shows its cover or, without one, its waveform.'),
        json_schema_extra=_labels(refuse=N_('refuse it'), film=N_('make a film')),
    )
    keep_private: bool = Field(
        default=False,
        title=N_('Keep private details'),
        description=N_('Leave position, camera and the like in the file. Title, date and language are always kept.'),
    )
    quality: Quality = Field(
        default='good',
        title=N_('Quality'),
        description=N_('Better quality takes longer. Except for the best, the graphics card encodes where it can.'),
        json_schema_extra=_labels(draft=N_('draft'), good=N_('good'), best=N_('best')),
    )
    destination: Address = Field(
        default='', title=N_('Destination'), description=N_('A folder or URL to use instead of that of the profile.')
    )
    if_exists: IfExists = Field(
        default='rename',
        title=N_('If it already exists'),
        description=N_('Give the new one another name, refuse it, or replace the old one.'),
        json_schema_extra=_labels(rename=N_('another name'), refuse=N_('refuse it'), replace=N_('replace it')),
    )

    _facts: MediaFile | None = None
    _text: str = ''
    _words: Words | None = None
    _poster: Path | None = None
    _srt: Path | None = None
    _vtt: Path | None = None
    _rendered: Path | None = None
    _seconds: dict[str, float] = PrivateAttr(default_factory=dict)

    @field_validator('template')
    @classmethod
    def _is_template(cls, value: str) -> str:
        check_template(value)
        if '\0' in value:
            raise ValueError(_('NUL characters are not allowed.'))
        return value

    @field_validator('background')
    @classmethod
    def _is_colour(cls, value: str) -> str:
        if not re.fullmatch('#[0-9a-fA-F]{6}', value):
            raise ValueError(_('Write a colour as # and six digits from 0 to f, such as #ffffff.'))
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

    @step(title=N_('INGEST'))
    def ingest(self, run: Run) -> None:
        started = time.monotonic()
        if self.video.is_dir():
            raise StepFailed(_('{video} is a folder, not a file.', video=self.video), _('Choose a video in it.'))
        if not self.video.is_file():
            raise StepFailed(
                _('There is no file {video}.', video=self.video), _('It was moved or deleted. Choose it again.')
            )
        size = self.video.stat().st_size
        if not size:
            raise StepFailed(_('{name} is empty.', name=self.video.name), _('Copy it again from its source.'))
        # Fails now rather than after an hour of rendering.
        self._check_destination(run)
        run.progress(0, _('probing'))
        facts = probe(self.video)
        if facts.video is None and self.without_picture == 'refuse':
            raise StepFailed(
                _('{name} has no picture, only sound.', name=self.video.name),
                _(
                    'Choose "{choice}" for sound without a picture, and it is published with its cover or its '
                    'waveform.',
                    choice=translated('make a film'),
                ),
            )
        sound = choice_of_sound(facts, self.language, keeps_all=self.all_sounds)
        if not facts.is_measured:
            facts = measured(self.video, facts, lambda part: run.progress(40 * part, _('measuring its length')))
        run.log.info(f'{self.video.name}: {facts.sentence}', bytes=size, **_shown(facts))
        if sound:
            run.log.info(sound)
        elif self.language and not facts.sounds:
            run.log.warning(
                _(
                    '{name} has no sound, so the language {language} is ignored.',
                    name=self.video.name,
                    language=self.language,
                )
            )
        check_words(run, self.video, facts, self._caption_wishes(run, facts))
        played = check_playable(
            run, self.video, facts, lambda part: run.progress(40 + 60 * part, _('checking that it plays'))
        )
        run.log.success(_('{name} plays {parts}', name=self.video.name, parts=played))
        self._facts = facts
        self._took('ingest', started)

    @step(title=N_('CAPTION'))
    def caption(self, run: Run) -> None:
        started = time.monotonic()
        facts = self._known_facts()
        wishes = self._caption_wishes(run, facts)
        self._text = wishes.caption
        self._words = words = find_words(
            run, self.video, facts, wishes, lambda part: run.progress(80 * part, _('listening'))
        )
        self._srt = self._write(run, '.srt', as_srt(words.cues))
        self._vtt = self._write(run, '.vtt', as_vtt(words.cues))
        run.progress(80, _('poster'))
        poster = run.workdir / f'{self.name}.jpg'
        make_poster(run, self.video, poster, facts, self._plan(run, keep_hdr=False))
        self._poster = run.artifact(poster)
        run.progress(100)
        self._took('caption', started)

    @step(timeout='12h', title=N_('RENDER'))
    def render(self, run: Run) -> None:
        started = time.monotonic()
        facts = self._known_facts()
        plan = self._plan(run, keep_hdr=self.hdr == 'keep')
        run.log.info(plan.sentence)
        target = run.workdir / f'{self.name}.mp4'
        encoder = HEVC if plan.hdr else encoder_for(run, self.quality)
        outcome = self._encode(run, encoder, plan, target)
        if outcome.code and encoder not in (SOFTWARE, HEVC):
            run.log.warning(
                _(
                    '{name} failed, so the processor encodes: {error}',
                    name=encoder.name,
                    error=outcome.first_error,
                )
            )
            outcome = self._encode(run, SOFTWARE, plan, target)
        if outcome.code:
            raise outcome.failure(_('The video could not be rendered'))
        self._check_rendered(run, target, facts, plan)
        # Moved, since a copy would double the space that a film takes.
        self._rendered = target = run.artifact(target, move=True)
        self._took('render', started)
        frames, size = outcome.progress.frame, target.stat().st_size
        run.progress(100, _n('{count} frame', '{count} frames', frames))
        run.log.success(
            _n(
                'Rendered {count} frame, {size}, in {seconds} s',
                'Rendered {count} frames, {size}, in {seconds} s',
                frames,
                size=size_of(size),
                seconds=number(self._seconds['render'], digits=1),
            ),
            frames=frames,
            bytes=size,
        )

    @step(retries=2, backoff='2s', title=N_('PUBLISH'))
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
                run.log.warning(
                    _('{name}.mp4 already exists, so this one is called {stem}.mp4', name=self.name, stem=stem)
                )
            sidecar = self._write_sidecar(run, stem, files)
            self._deliver(run, destination, stem, files | {'.json': sidecar})
        run.log.success(_('Delivered to {path}', path=destination.path(f'{stem}.mp4')), files=len(DELIVERED))

    def _check_destination(self, run: Run) -> None:
        with destination_of(run, self.destination, inputs=[self.video]) as destination:
            destination.check_name(self.name + DELIVERED[0])
            destination.free_stem(self.name, DELIVERED, self.if_exists)

    def _filled_caption(self, run: Run, facts: MediaFile) -> str:
        values = {
            'title': self.headline,
            'date': f'{datetime.now().astimezone():%Y-%m-%d}',
            'duration': clock(facts.seconds or 0),
            'profile': (run.profile.label or run.profile.id) if run.profile else '',
        }
        return filled(self.template or '{title}', values) or self.headline

    def _caption_wishes(self, run: Run, facts: MediaFile) -> CaptionWishes:
        return CaptionWishes(
            caption=self._filled_caption(run, facts),
            subtitles=self.subtitles,
            shift=self.subtitle_shift,
            is_automatic=self.automatic_captions,
            language=self.language,
            is_burnt=self.captions == 'burn',
        )

    def _encode(self, run: Run, encoder: Encoder, plan: RenderPlan, target: Path) -> FfmpegResult:
        meter = RenderMeter(self._known_facts())

        def show(progress: FfmpegProgress) -> None:
            # Before its first frame the encoder only looks ahead, which says nothing about its speed.
            if progress.frame:
                run.progress(meter.percent(progress), meter.note(progress))

        return ffmpeg(run, self._render_arguments(plan, encoder, target), on_progress=show)

    def _known_facts(self) -> MediaFile:
        if self._facts is None:
            raise StepFailed(
                _('Nothing is known about the video yet.'), _('Retry from {step}.', step=translated('INGEST'))
            )
        return self._facts

    def _known_words(self) -> Words:
        if self._words is None:
            raise StepFailed(
                _('Nothing is known about the captions yet.'), _('Retry from {step}.', step=translated('CAPTION'))
            )
        return self._words

    def _took(self, name: str, started: float) -> None:
        self._seconds = {**self._seconds, name: round(time.monotonic() - started, 3)}

    def _write(self, run: Run, suffix: str, text: str) -> Path:
        path = run.workdir / f'{self.name}{suffix}'
        path.write_text(text, encoding='utf-8', newline='\n')
        return run.artifact(path)

    def _plan(self, run: Run, *, keep_hdr: bool) -> RenderPlan:
        facts = self._known_facts()
        wishes = PictureWishes(
            short_side=self.height,
            aspect=self.aspect,
            fit=self.fit,
            enlarge=self.enlarge,
            background=self.background,
            keep_hdr=keep_hdr,
            has_zscale=has_zscale(run, facts.video),
        )
        heard = SoundWishes(language=self.language, channels=self.channels, keeps_all=self.all_sounds)
        return render_plan(facts, wishes, heard, keeps_subtitles=self.own_subtitles)

    def _caption_inputs(self, plan: RenderPlan, folder: Path) -> tuple[Path | None, str]:
        """Write what ffmpeg reads the captions from: the file of a track to copy, or what a filter burns in."""
        words, film = self._known_words(), self._known_facts().video
        if self.captions == 'mux':
            track = folder / 'captions.track'  # no film is called that
            write_track(words.cues, track)
            return track, ''
        if self.captions == 'burn':
            hdr = film.hdr if film and plan.hdr else None
            # Under a fixed name in the folder ffmpeg starts in, so that no file name has to be escaped.
            (folder / 'burn.ass').write_text(as_ass(words.cues, plan.size, hdr), encoding='utf-8')
            return None, 'ass=filename=burn.ass'
        return None, ''

    def _render_arguments(self, plan: RenderPlan, encoder: Encoder, target: Path) -> list[str]:
        track, burnt = self._caption_inputs(plan, target.parent)
        language = self._known_words().language
        tags = tag_arguments(
            self._known_facts(),
            title=self.headline,
            comment=self._text,
            sounds=[made.track for made in plan.sounds],
            subtitles=plan.subtitles,
            first_subtitle=int(track is not None),
            is_private_kept=self.keep_private,
        )
        rendered = plan.arguments(self.video, encoder, self.quality, caption=track, burnt=burnt)
        spoken = ['-metadata:s:s:0', f'language={language}'] if track and language else []
        return [*rendered, *tags, *spoken, '-movflags', movie_flags(self._known_facts().chapters), f'file:{target}']

    def _check_rendered(self, run: Run, target: Path, facts: MediaFile, plan: RenderPlan) -> None:
        made = probe(target)
        size = (made.video.width, made.video.height) if made.video else (0, 0)
        if size != plan.size:
            raise StepFailed(
                _(
                    'The rendered video has {made} pixels instead of {wanted}.',
                    made='{}x{}'.format(*size),
                    wanted='{}x{}'.format(*plan.size),
                )
            )
        if not made.is_measured:
            made = measured(target, made)
        seconds, wanted = made.seconds or 0, facts.seconds or 0
        if abs(seconds - wanted) > max(2.0, wanted * 0.05):
            raise StepFailed(
                _(
                    'The rendered video lasts {made} instead of {wanted}.',
                    made=clock(seconds),
                    wanted=clock(wanted),
                ),
                _('The input may be damaged in the middle.'),
            )
        run.log.info(_('Rendered video: {sentence}', sentence=made.sentence))

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
            'captions_from': self._known_words().source,
            'parameters': self.model_dump(mode='json'),
            'source': {'name': self.video.name, **_shown(facts)},
            'files': [
                {
                    'name': stem + suffix,
                    'size': path.stat().st_size,
                    'sha256': sha256_of(path, lambda: run.progress(0, _('checksums'))),
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


def _shown(facts: MediaFile) -> dict[str, Any]:
    """What logs and programs get to know of a film, in the names that they know since the first version."""
    video, sound = facts.video, facts.sound
    return {
        'container': facts.container,
        'seconds': round(facts.seconds or 0, 3),
        'width': video.width if video else 0,
        'height': video.height if video else 0,
        'fps': round(video.average_rate, 3) if video else 0.0,
        'codec': video.codec if video else '',
        'audio': sound.codec if sound else None,
        'rotation': video.rotation if video else 0,
    }


def _require(path: Path | None, step_name: str) -> Path:
    if path is None or not path.is_file():
        raise StepFailed(
            _('The result of {step} is gone.', step=translated(step_name.upper())),
            _('Retry from {step}.', step=translated(step_name.upper())),
        )
    return path


def sha256_of(path: Path, pause: Callable[[], None]) -> str:
    """Return the SHA-256 of a file in hex; `pause` is called after each megabyte."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            pause()
    return digest.hexdigest()
