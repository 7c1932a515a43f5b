"""The journey everything stands on: drop a real video, watch it go by push in two tabs, find the file."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.parts.harness import SynapseUnderTest, make_video

SignIn = Callable[[SynapseUnderTest], Page]
STEPS = ('INGEST', 'CAPTION', 'RENDER', 'PUBLISH')


def probe(video: Path) -> str:
    done = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), '-i', str(video)], capture_output=True, check=False)
    return done.stderr.decode(errors='replace')


def choose_video(page: Page, video: Path) -> None:
    """Give the page's drop zone a file, as the file dialog would."""
    page.locator('input[type=file]').first.set_input_files(video)


@pytest.mark.timeout(240)
def test_a_video_is_dropped_rendered_and_delivered_while_two_tabs_watch(
    program: SynapseUnderTest, sign_in: SignIn, context: BrowserContext, problems: list[str], user_folder: Path
) -> None:
    video = make_video(user_folder / 'holiday.mp4', seconds=8, rate=10, size='1920x1080')
    first = sign_in(program)
    second = context.new_page()
    second.goto(f'{program.url}logs')
    loads: list[str] = []
    for page in (first, second):
        page.on('framenavigated', lambda frame: loads.append(frame.url))

    choose_video(first, video)

    expect(first.locator('.sy-step[aria-current=step]')).to_be_visible()
    expect(first.get_by_role('heading', name='holiday.mp4')).to_be_visible()
    for step in STEPS:
        expect(first.locator('.sy-step .n').get_by_text(step, exact=True)).to_be_visible()
    expect(second.get_by_role('row', name='INGEST started')).to_be_visible()
    with program.api as api:
        (run,) = api.get('/runs').json()['runs']
    run = program.wait_for_run(run['id'], timeout=150)

    assert run['state'] == 'succeeded', run['error']
    expect(second.get_by_role('row', name='PUBLISH succeeded')).to_be_visible()
    assert loads == [], 'a page was loaded again'
    (delivered,) = (program.data / 'published').rglob('*.mp4')
    assert re.search(r'Video: h264.* \d+x1080', probe(delivered))
    assert list((program.data / 'published').rglob('*.jpg'))
    assert list((program.data / 'published').rglob('*.json'))
    assert problems == []


def test_a_text_file_named_mp4_fails_with_a_sentence_and_a_toast(
    program: SynapseUnderTest, sign_in: SignIn, user_folder: Path
) -> None:
    fake = user_folder / 'fake.mp4'
    fake.write_text('not a video at all')
    page = sign_in(program)

    choose_video(page, fake)

    expect(page.get_by_text(re.compile('not a (playable )?video', re.IGNORECASE)).first).to_be_visible()
    expect(page.get_by_role('button', name='Open run').first).to_be_visible()


def test_a_file_the_pipeline_does_not_take_is_refused_before_it_is_sent(
    program: SynapseUnderTest, sign_in: SignIn, user_folder: Path
) -> None:
    text = user_folder / 'notes.txt'
    text.write_text('notes')
    page = sign_in(program)

    choose_video(page, text)

    expect(page.get_by_text(re.compile(r'\.txt', re.IGNORECASE)).first).to_be_visible()
    with program.api as api:
        assert api.get('/inbox').json() == []
        assert api.get('/runs').json()['runs'] == []
