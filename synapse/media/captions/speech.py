"""Writes down what is said in a film, on this machine, with the recognizer of the extra `speech`."""

import sys
from array import array
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from synapse.language import _
from synapse.media.probe import AudioStream, MediaFile, opened
from synapse.pipelines.pipeline import StepFailed

from .text import Cue, fitted

RATE = 16_000
"""Samples a second, as the model was trained."""
PIECE_SECONDS = 60
"""How much is listened to at once: more needs more memory, and a stop waits for it."""
REQUIREMENT = 'moonshine-voice>=0.0.69,<0.1'
"""What the extra `speech` installs: later versions come without a model."""
_MODEL = 'tiny-en'
_QUIET_SECONDS = 0.1
_GAP_SECONDS = 0.25


def check_recognizer() -> None:
    """Check that the recognizer is installed with its model; nothing is loaded.

    :raises StepFailed: with what to install
    """
    from importlib.util import find_spec

    spec = find_spec('moonshine_voice')
    folders = (spec.submodule_search_locations or ()) if spec else ()
    if not any((Path(folder) / 'assets' / _MODEL).is_dir() for folder in folders):
        raise StepFailed(
            _('Automatic captions need a speech recognizer, which is not installed.'),
            _(
                'Install it with {executable} -m pip install "{requirement}", or turn automatic captions off.',
                executable=sys.executable,
                requirement=REQUIREMENT,
            ),
        )


def heard(path: Path, media: MediaFile, sound: AudioStream, on_progress: Callable[[float], None]) -> list[Cue]:
    """Return what is said in a sound track, in English; empty if nothing was recognized.

    :param on_progress: called with the fraction that is done, from 0 to 1, about once a minute of sound
    :raises StepFailed: if the recognizer is missing, or the file cannot be read
    """
    check_recognizer()
    from moonshine_voice import ModelArch
    from moonshine_voice.transcriber import Transcriber
    from moonshine_voice.utils import get_model_path

    options = {'return_audio_data': 'false', 'identify_speakers': 'false'}
    lines: list[Cue] = []
    with Transcriber(get_model_path(_MODEL), ModelArch.TINY, options=options) as recognizer:
        for start, samples in _pieces(path, media, sound):
            lines += _lines(recognizer.transcribe_without_streaming(samples, RATE).lines, start)
            on_progress(min(1.0, (start + len(samples) / RATE) / (media.seconds or 1.0)))
    apart = [
        Cue(line.start, min(line.end, following.start), line.text)
        for line, following in pairwise([*lines, Cue(float('inf'), float('inf'), '')])
        if line.start < following.start
    ]
    return fitted(apart)


def _lines(lines: Any, start: float) -> Iterator[Cue]:
    for line in lines:
        text = line.text.strip()
        if text:
            yield Cue(start + line.start_time, start + line.start_time + line.duration, text)


def _pieces(path: Path, media: MediaFile, sound: AudioStream) -> Iterator[tuple[float, 'array[float]']]:
    """Yield the sound in pieces that end where it is quiet, with the second of the film at which each starts."""
    start, samples = 0.0, array('f')
    for at, more in _sound(path, media, sound):
        end = start + len(samples) / RATE
        if samples and abs(at - end) > _GAP_SECONDS:
            yield start, samples
            samples = array('f')
        if not samples:
            start = at
        samples += more
        if len(samples) > PIECE_SECONDS * RATE:
            cut = _quietest(samples)
            yield start, samples[:cut]
            start, samples = start + cut / RATE, samples[cut:]
    if samples:
        yield start, samples


def _sound(path: Path, media: MediaFile, sound: AudioStream) -> Iterator[tuple[float, 'array[float]']]:
    import av

    with opened(path) as container:
        resampler = av.AudioResampler(format='flt', layout='mono', rate=RATE)
        for frame in container.decode(container.streams[sound.index]):
            for mono in resampler.resample(frame):
                samples = array('f', bytes(mono.planes[0])[: mono.samples * 4])
                yield (frame.time or 0.0) - media.start, samples


def _quietest(samples: 'array[float]') -> int:
    """Return where the last quarter of the samples is most quiet."""
    step = int(_QUIET_SECONDS * RATE)
    places = range(len(samples) * 3 // 4, len(samples) - step, step)
    return min(places, key=lambda at: sum(map(abs, samples[at : at + step]))) + step // 2
