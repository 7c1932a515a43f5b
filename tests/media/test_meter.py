"""How far a film is rendered, and what that says about the time left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.media.ffmpeg import FfmpegProgress
from synapse.media.meter import RenderMeter
from synapse.media.probe import MediaFile, VideoStream


def film(*, seconds: float, rate: float, frames: int = 0) -> MediaFile:
    video = VideoStream(
        index=0, codec='h264', width=160, height=90, average_rate=rate, base_rate=rate, pixel_format='yuv420p',
        frames=frames,
    )  # fmt: skip
    return MediaFile(container='mkv', formats=('matroska',), seconds=seconds, videos=(video,))


steps = st.lists(st.tuples(st.integers(0, 9000), st.floats(0, 400)), max_size=30)


@given(steps=steps, frames=st.sampled_from([0, 2500]))
def test_it_never_decreases_and_leaves_the_end_to_the_last_word(steps: list[tuple[int, float]], frames: int) -> None:
    meter = RenderMeter(film(seconds=100, rate=25, frames=frames))

    shown = [meter.percent(FfmpegProgress(frame=frame, seconds=seconds)) for frame, seconds in steps]

    assert shown == sorted(shown)
    assert all(0 <= percent <= 99 for percent in shown)


def test_counted_frames_are_the_measure_however_they_are_spread() -> None:
    meter = RenderMeter(film(seconds=3600, rate=0.1, frames=1000))

    assert meter.percent(FfmpegProgress(frame=500, seconds=20)) == 50
    assert meter.note(FfmpegProgress(frame=500, fps=31.4)) == 'frame 500 of 1000, 31 fps'


def test_sound_that_is_ahead_of_the_picture_counts_nothing() -> None:
    meter = RenderMeter(film(seconds=100, rate=25))

    assert meter.percent(FfmpegProgress(frame=250, seconds=13)) == 10


@pytest.mark.parametrize('stated_rate', [2.5, 250])
def test_a_wrong_rate_does_not_make_the_time_left_wrong(stated_rate: float) -> None:
    meter = RenderMeter(film(seconds=100, rate=stated_rate))

    assert [meter.percent(FfmpegProgress(frame=25 * at, seconds=at)) for at in (10, 50, 90)] == [10, 50, 90]


def test_without_any_length_nothing_is_promised() -> None:
    meter = RenderMeter(MediaFile(container='mp4', formats=('mov',)))

    assert meter.percent(FfmpegProgress(frame=3)) == 99
