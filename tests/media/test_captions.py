import re
import subprocess
from array import array
from itertools import pairwise
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from synapse.media.captions.line_breaks import COLUMNS, width
from synapse.media.captions.text import Cue, as_ass, as_srt, as_vtt, cues, fitted
from synapse.media.captions.track import write_track
from synapse.media.probe import Hdr

JAPANESE, RUSSIAN = '日' * 1600, 'ж' * 2449
LINES = '\n'.join(f'line {number}' for number in range(199))
TYPED = [
    r'{\an8}up', 'a\\Nb', '<b>bold</b>', 'a<b and c>d', '{note}', 'two\nlines', 'C:\\new', '100% --> 5', '7',
    'x & y &lt;', '<i>', 'end\\',
]  # fmt: skip


@pytest.mark.parametrize('text', [JAPANESE, RUSSIAN, LINES], ids=['japanese', 'russian', 'lines'])
@pytest.mark.parametrize('seconds', [0.04, 3, 60, 3600])
def test_all_of_a_caption_is_shown_during_the_film(text: str, seconds: float) -> None:
    items = cues(text, seconds)

    shown = [line for cue in items for line in cue.text.split('\n')]
    assert ''.join(shown) == text.replace('\n', '')
    assert max(map(width, shown)) <= COLUMNS
    assert (items[0].start, items[-1].end) == (0, seconds)
    assert all(before.end == after.start for before, after in pairwise(items))
    if seconds >= 60:
        assert min(cue.end - cue.start for cue in items) > 0.999
        assert max(cue.text.count('\n') for cue in items) < (4 if text is LINES and seconds == 60 else 2)


def test_a_film_that_is_too_short_shows_more_lines_at_once_and_then_shorter_cues() -> None:
    assert [cue.text.count('\n') + 1 for cue in cues('\n'.join('abcdefghij'), 3)] == [3, 3, 4]
    assert {cue.text.count('\n') + 1 for cue in cues(LINES, 3)} == {7, 8}


def test_what_a_person_or_a_recognizer_wrote_is_broken_only_where_it_must_be() -> None:
    short, three = Cue(1, 3, 'Hello.'), Cue(3, 5, 'a\nb\nc')
    long = Cue(5, 13, ' '.join(['word'] * 40))

    items = fitted([short, three, long])

    assert items[:2] == [short, three]
    assert [cue.text.count('\n') + 1 for cue in items[2:]] == [2, 2, 1]
    assert (items[2].start, items[-1].end) == (5, 13)


def test_no_line_of_a_file_is_too_long_for_a_reader_of_subrip() -> None:
    text = as_srt(cues(JAPANESE + '\n' + RUSSIAN, 60))

    assert max(len(line.encode()) for line in text.split('\n')) < 200


def burnt(folder: Path, filters: str, pixels: str = 'gray') -> bytes:
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-f', 'lavfi', '-i', 'color=gray:size=384x288:duration=0.04'),
        *('-vf', filters, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', pixels, '-'),
    ]
    return subprocess.run(command, capture_output=True, check=True, timeout=30, cwd=folder).stdout


def style_of(ass: str) -> str:
    """Ours, as ffmpeg takes it for a file of another kind."""
    names = re.findall(r'^Format: (Name.*)$', ass, re.MULTILINE)[0].split(', ')
    values = re.findall(r'^Style: (.*)$', ass, re.MULTILINE)[0].split(',')
    wanted = ('Fontname', 'Fontsize', 'BackColour', 'Outline', 'Shadow', 'MarginL', 'MarginR', 'MarginV', 'Encoding')
    return ','.join(f'{name}={value}' for name, value in zip(names, values, strict=True) if name in wanted)


@pytest.mark.parametrize('text', TYPED)
def test_text_is_burnt_in_as_typed(tmp_path: Path, text: str) -> None:
    ours = as_ass([Cue(0, 5, text)], (384, 288))
    (tmp_path / 'a.ass').write_text(ours)
    (tmp_path / 'a.vtt').write_text(as_vtt([Cue(0, 5, text)]))

    # WebVTT can say everything, and ffmpeg reads it with an escaping of its own; 384x288 is the size it reckons with.
    expected = burnt(tmp_path, f"subtitles=a.vtt:force_style='{style_of(ours)}'")
    assert burnt(tmp_path, 'ass=a.ass') == expected
    assert any(pixel > 200 for pixel in expected)


@pytest.mark.parametrize(('hdr', 'white'), [(None, 940), ('pq', 573), ('hlg', 720)])
def test_white_is_that_of_paper_in_hdr(tmp_path: Path, hdr: Hdr | None, white: int) -> None:
    (tmp_path / 'a.ass').write_text(as_ass([Cue(0, 5, 'WWWWW')], (384, 288), hdr))

    frame = burnt(tmp_path, 'format=yuv420p10le,ass=a.ass', 'yuv420p10le')

    light = array('H', frame)[: 384 * 288]
    assert max(light) == pytest.approx(white, abs=4)


@pytest.mark.parametrize('text', TYPED)
def test_players_show_subrip_as_typed_but_braces(tmp_path: Path, text: str) -> None:
    for suffix, content in ('.srt', as_srt([Cue(0, 5, text)])), ('.vtt', as_vtt([Cue(0, 5, text)])):
        (tmp_path / f'a{suffix}').write_text(content)

    is_same = burnt(tmp_path, 'subtitles=a.srt') == burnt(tmp_path, 'subtitles=a.vtt')

    assert is_same is ('{' not in text)


def test_only_what_a_player_takes_for_a_command_is_parted_in_subrip() -> None:
    written = as_srt([Cue(0, 5, '1 < 2 & {note} a\\b C:\\new <b> --> ->')])

    assert written.split('\n')[2] == '1 < 2 & {note} a\\b C:\\\u2060new <\u2060b> --\u2060> ->'


def test_the_text_track_has_every_letter_and_moment(tmp_path: Path) -> None:
    items = [Cue(number * 2, number * 2 + 1.5, text) for number, text in enumerate([*TYPED, JAPANESE])]

    write_track(items, tmp_path / 'track.mp4')

    with av.open(str(tmp_path / 'track.mp4')) as file:
        track = file.streams.subtitles[0]
        packets = [packet for packet in file.demux(track) if packet.size > 2]
        read = [(float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p)[2:].decode()) for p in packets]
        assert track.codec_context.name == 'mov_text'
        assert track.codec_context.extradata[:4] == bytes(4)  # displayFlags, of the description that players need
    assert read == [(cue.start, 1.5, cue.text) for cue in items]
