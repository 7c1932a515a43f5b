import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse.media.captions.subtitle_files import LARGEST_BYTES, neighbour, read_subtitles
from synapse.media.captions.text import Cue, as_srt, as_vtt
from synapse.pipelines.pipeline import StepFailed


def file(folder: Path, content: str | bytes, name: str = 'film.srt') -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def srt(*cues: tuple[str, str, str]) -> str:
    return ''.join(f'{n}\n00:{start} --> 00:{end}\n{text}\n\n' for n, (start, end, text) in enumerate(cues, 1))


def test_subrip_is_read_as_people_write_it(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        '\ufeff1\r\n00:00:01,000 --> 00:00:02,500 X1:10\r\n<i>Hi</i> <font color="red">you</font>\r\n\r\n'
        'still there\r\n\r\n2\r\n0:3.5 --> 0:4\r\n{\\an8}a<b and c>d {note} C:\\new x --> y\r\n3\r\n'
        '00:00:05,000 --> 00:00:06,000\r\n42',
    )

    found = read_subtitles(path, 60)

    assert found.cues == [
        Cue(1, 2.5, 'Hi you\nstill there'),
        Cue(3.5, 4, 'a<b and c>d {note} C:\\new x --> y'),
        Cue(5, 6, '42'),
    ]
    assert (found.encoding, found.problems) == ('utf-8', [])


def test_webvtt_is_read_without_its_comments_styles_and_names(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        'WEBVTT - made by hand\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\nNOTE the next one\nis Bob\n\n'
        'opening\n00:01.000 --> 00:02.000 align:start position:10%\n'
        '<v Bob>Hi &amp; <c.loud>bye</c> &lt;b&gt;\n{note}\n\n'
        'NOTE 2\n\n01:00:05.000 --> 01:00:06.000\n<00:00:05.500>late\n',
        'film.vtt',
    )

    assert read_subtitles(path, 7200).cues == [Cue(1, 2, 'Hi & bye <b>\n{note}'), Cue(3605, 3606, 'late')]


def test_substation_alpha_is_read_without_its_commands_and_drawings(tmp_path: Path) -> None:
    head = '[Script Info]\nTitle: x\n[Events]\nFormat: Layer, Start, End, Style, Text\n'
    path = file(
        tmp_path,
        f'{head}Comment: 0,0:00:00.00,0:00:09.00,D,no\n'
        'Dialogue: 0,0:00:01.00,0:00:02.50,D,{\\an8}Hi, there\\Nyou\\h!\n'
        'Dialogue: 0,0:00:03.00,0:00:04.00,D,{\\p1}m 0 0 l 9 9\n',
        'film.ass',
    )

    assert read_subtitles(path, 60).cues == [Cue(1, 2.5, 'Hi, there\nyou !')]


@pytest.mark.parametrize(('suffix', 'written'), [('srt', as_srt), ('vtt', as_vtt)])
def test_what_synapse_delivers_is_read_as_it_was(tmp_path: Path, suffix: str, written: Callable[..., str]) -> None:
    typed = ['{\\an8}up', 'a\\Nb', '<b>bold</b>', 'a<b and c>d', '{note}', 'C:\\new', '1 --> 2', '7', 'x & y &lt;']
    items = [Cue(number, number + 1, text) for number, text in enumerate(typed)]

    assert read_subtitles(file(tmp_path, written(items), f'film.{suffix}'), 60).cues == items


HELLO = {
    'utf-8-sig': 'Grüße',
    'utf-16': 'Привет',
    'utf-16-le': 'Привет',
    'utf-16-be': 'Привет',
    'utf-32': 'Привет',
    'cp1252': 'Où est-elle allée après le dîner ? Ça va être très bien, déjà à l’été.',
    'cp1250': 'Dobrý večer, dámy a pánové. Dnes vám ukážeme, jak se peče chléb.',
    'cp1251': 'Добрый вечер, дамы и господа. Сегодня мы покажем, как печётся хлеб.',
    'koi8_r': 'Добрый вечер, дамы и господа. Сегодня мы покажем, как печётся хлеб.',
    'cp1253': 'Καλησπέρα σας. Σήμερα θα δείξουμε πώς γίνεται το ψωμί.',
    'cp1254': 'İyi akşamlar, bugün ekmeğin nasıl yapıldığını göstereceğiz.',
    'cp1255': 'ערב טוב, גבירותיי ורבותיי. היום נראה איך אופים לחם.',
    'cp1256': 'مساء الخير أيها السيدات والسادة اليوم سنريكم كيف يصنع الخبز',
    'cp874': 'สวัสดีตอนเย็นทุกท่าน วันนี้เราจะแสดงวิธีทำขนมปัง',
    'shift_jis': 'こんばんは、みなさん。今日はパンの作り方をお見せします。',
    'euc_jp': 'こんばんは、みなさん。今日はパンの作り方をお見せします。',
    'gb18030': '大家晚上好。今天我们来看看面包是怎么做的。',
    'big5': '大家晚上好。今天我們來看看麵包是怎麼做的。',
    'euc_kr': '안녕하세요 여러분. 오늘은 빵을 만드는 방법을 보여 드립니다.',
}


@pytest.mark.parametrize('encoding', HELLO)
def test_any_usual_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    text = HELLO[encoding]
    path = file(tmp_path, srt(('00:01,000', '00:02,000', text)).encode(encoding))

    assert [cue.text for cue in read_subtitles(path, 60).cues] == [text]


def test_what_is_wrong_is_repaired_and_said_with_its_line(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        srt(
            ('00:10,000', '00:12,000', 'second'),
            ('00:01,000', '00:03,000', 'first'),
            ('00:11,000', '00:14,000', 'overlaps'),
            ('00:11,200', '00:15,000', 'at once'),
            ('00:20,000', '00:19,000', 'backwards'),
            ('00:30,000', '', 'endless'),
            ('00:40,000', '00:41,000', ' '),
            ('00:4x,000', '00:51,000', 'when?'),
            ('01:10,000', '01:11,000', 'late'),
            ('01:12,000', '01:13,000', 'later'),
        )
        .replace('00: ', ' ')
        .replace('00:\n', '\n'),
    )

    found = read_subtitles(path, 60)

    assert found.cues == [
        Cue(1, 3, 'first'),
        Cue(10, 11, 'second'),
        Cue(11, 15, 'overlaps\nat once'),
        Cue(20, 21, 'backwards'),
        Cue(30, 31, 'endless'),
    ]
    assert found.problems == [
        'Line 6: the cue starts before the one above it, so it was moved up.',
        'Line 10: the cue starts before line 2 ends, so that one ends earlier.',
        'Line 14: the cue starts when line 10 does, so both are shown at once.',
        'Line 18: the cue ends before it starts, so it is shown for as long as it takes to read.',
        'Line 22: the cue has no end, so it is shown for as long as it takes to read.',
        'Line 26: the cue has no text, so it is left out.',
        "Line 30: the times '00:00:4x,000 --> 00:00:51,000' cannot be read, so the cue is left out.",
        'Line 34: the cue and another come after the film ends at 1:00, so they are left out.',
    ]


def test_cues_are_shifted_and_cut_at_both_ends_of_the_film(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        srt(('00:01,000', '00:02,000', 'a'), ('00:03,000', '00:05,000', 'b'), ('00:13,000', '00:15,000', 'c')),
    )

    earlier, later = read_subtitles(path, 10, shift=-4), read_subtitles(path, 14, shift=0.5)

    assert earlier.cues == [Cue(0, 1, 'b'), Cue(9, 10, 'c')]
    assert earlier.problems == ['Line 2: the cue comes before the film starts, so it is left out.']
    assert later.cues[-1] == Cue(13.5, 14, 'c')


@pytest.mark.parametrize(
    ('content', 'sentence'),
    [
        ('', 'film.srt has no subtitles in it.'),
        ('Dear diary,\n', 'film.srt has no subtitles in it.'),
        (b'\x89PNG\r\n\x1a\n' + bytes(range(256)) * 9, 'film.srt is not a text file.'),
        (srt(('10:00,000', '10:02,000', 'x')), 'Nothing in film.srt is shown during the film, which lasts 1:00.'),
        (bytes(LARGEST_BYTES + 1), 'film.srt is too large for subtitles: 20 MB.'),
    ],
)
def test_a_file_that_shows_nothing_is_refused(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = file(tmp_path, content)

    with pytest.raises(StepFailed) as failure:
        read_subtitles(path, 60)

    assert (failure.value.message, bool(failure.value.hint)) == (sentence, True)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r'film\.srt cannot be read: No such file'):
        read_subtitles(tmp_path / 'film.srt', 60)


def test_the_file_next_to_a_video_is_its_own_unless_synapse_put_it_there(tmp_path: Path) -> None:
    video = file(tmp_path, b'', 'film.mp4')
    file(tmp_path, 'x', 'film2.srt')
    assert neighbour(video) is None
    assert neighbour(tmp_path / 'gone' / 'film.mp4') is None

    own = file(tmp_path, 'mine', 'film.SRT')
    assert neighbour(video) == own

    report = {'files': [{'name': 'film.SRT', 'sha256': hashlib.sha256(b'mine').hexdigest()}]}
    file(tmp_path, json.dumps(report), 'film.json')
    assert neighbour(video) is None
    own.write_text('changed by hand')
    assert neighbour(video) == own


def test_a_picture_is_not_to_be_saved_as_text(tmp_path: Path) -> None:
    path = tmp_path / 'film.srt'
    path.write_bytes(b'\xff\xd8\xff\xe0\0\x10JFIF\0' + bytes(range(256)) * 9)

    with pytest.raises(StepFailed) as refused:
        read_subtitles(path, 10)

    assert (refused.value.message, refused.value.hint) == (
        'film.srt is not a text file.',
        'Choose a subtitle file, such as .srt or .vtt.',
    )
