import sys
import tomllib
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from synapse.media.captions import speech
from synapse.media.captions.speech import REQUIREMENT, check_recognizer, heard
from synapse.media.captions.text import Cue
from synapse.media.probe import probe
from synapse.pipelines.pipeline import StepFailed
from tests.parts.videos import call_ffmpeg


@pytest.fixture(scope='module')
def voice() -> Path:
    """Ten seconds of a man who reads, which come with the recognizer."""
    spec = find_spec('moonshine_voice')
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / 'assets' / 'beckett.wav'


def words(items: list[Cue]) -> str:
    return ' '.join(cue.text for cue in items).lower()


def test_what_is_said_is_written_down_with_its_moments(tmp_path: Path, voice: Path) -> None:
    film = tmp_path / 'film.mp4'
    picture = ('-f', 'lavfi', '-i', 'color=size=64x64:rate=1:duration=12')
    call_ffmpeg(*picture, '-itsoffset', '2', '-i', str(voice), '-c:a', 'aac', '-ar', '44100', '-ac', '2', str(film))
    media = probe(film)
    progress: list[float] = []

    items = heard(film, media, media.sounds[0], progress.append)

    said = words(items)
    assert all(word in said for word in ('ever tried', 'ever failed', 'no matter', 'try again'))
    assert items[0].start == pytest.approx(2.1, abs=0.4)
    assert all(before.end <= after.start for before, after in pairwise(items))
    assert items[-1].end <= 12.1
    assert progress[-1] == pytest.approx(1, abs=0.05)


def test_a_long_film_is_listened_to_in_pieces(voice: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, 'PIECE_SECONDS', 4)
    media = probe(voice)
    progress: list[float] = []

    items = heard(voice, media, media.sounds[0], progress.append)

    assert len(progress) >= 3
    assert progress == sorted(progress)
    assert all(word in words(items) for word in ('tried', 'failed', 'matter', 'again'))
    assert [cue.start for cue in items] == sorted(cue.start for cue in items)


def test_without_speech_nothing_is_written(tmp_path: Path) -> None:
    tone = tmp_path / 'tone.wav'
    call_ffmpeg('-f', 'lavfi', '-i', 'sine=frequency=440:duration=2', str(tone))
    media = probe(tone)

    assert heard(tone, media, media.sounds[0], lambda part: None) == []


def test_without_the_recognizer_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'moonshine_voice', None)

    with pytest.raises(StepFailed) as failure:
        check_recognizer()

    assert REQUIREMENT in failure.value.hint
    project = tomllib.loads((Path(__file__).parents[2] / 'pyproject.toml').read_text())['project']
    assert project['optional-dependencies']['speech'] == [REQUIREMENT]
