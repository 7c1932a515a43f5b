import unicodedata
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from synapse.media.captions.line_breaks import COLUMNS, width, wrapped


@pytest.mark.parametrize(
    ('text', 'lines'),
    [
        ('', []),
        ('short', ['short']),
        ('one two three', ['one two', 'three']),
        ('a well-known half-way house', ['a well-', 'known half-', 'way house']),
        ('from -5 to -10 degrees', ['from -5 to', '-10 degrees']),
        ('Donaudampfschiffahrt', ['Donaudampfsc', 'hiffahrt']),
        ('日本語の字幕、とても長い。', ['日本語の字', '幕、とても', '長い。']),
        ('「はい」「いいえ」', ['「はい」', '「いいえ」']),
        ('오늘은 빵을 만드는 방법', ['오늘은 빵을', '만드는 방법']),
        ('วันนี้เราจะแสดงวิธี', ['วันนี้เราจะแสดง', 'วิธี']),
        ('👩‍👩‍👧' * 7, ['👩‍👩‍👧' * 4, '👩‍👩‍👧' * 3]),
        ('tab\there\x07', ['tab here']),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, lines: list[str]) -> None:
    assert wrapped(text, 12) == lines


def test_lines_are_about_equally_long() -> None:
    lines = wrapped('The quick brown fox jumps over the lazy dog', 42)

    assert lines == ['The quick brown fox', 'jumps over the lazy dog']


@pytest.mark.parametrize(
    ('text', 'columns'), [('abc', 3), ('日本', 4), ('e\u0301', 1), ('❤️', 2), ('한', 2), ('\u2060', 0), ('กำ', 1)]
)
def test_width_is_that_of_what_is_seen(text: str, columns: int) -> None:
    assert width(text) == columns


words = st.text(st.sampled_from('abc дж 日本、。「」한국 กำลังเแาๆ្ក -—👩‍👧❤️'), max_size=200)


@given(text=words, columns=st.integers(2, 60))
def test_nothing_is_lost_and_nothing_is_too_wide(text: str, columns: int) -> None:
    lines = wrapped(text, columns)

    assert regex.sub(r'\s', '', ''.join(lines)) == regex.sub(r'\s', '', text)
    assert all(width(line) <= columns for line in lines)


@pytest.mark.parametrize(
    'text',
    [
        'เราไปเที่ยวทะเลกันในวันหยุดและถ่ายภาพเด็กๆที่เล่นน้ำอยู่ใต้ต้นมะพร้าวแล้วก็โทรหาแม่ใหม่',
        'ພວກເຮົາໄປທ່ຽວທະເລໃນວັນພັກແລະຖ່າຍຮູບເດັກນ້ອຍຢູ່ແຄມນ້ຳໂດຍໃຊ້ກ້ອງໃໝ່',
        'យើងទៅលេងសមុទ្រនៅថ្ងៃឈប់សម្រាកហើយថតរូបក្មេងៗដែលកំពុងលេងទឹកនៅក្រោមដើមដូង។',
        'ကျွန်တော်တို့သည်အားလပ်ရက်တွင်ပင်လယ်ကမ်းခြေသို့သွားပြီးဗုဒ္ဓဘာသာဝင်များကိုဓာတ်ပုံရိုက်ခဲ့သည်',
    ],
    ids=['Thai', 'Lao', 'Khmer', 'Burmese'],
)
@pytest.mark.parametrize('columns', [5, 7, 10, 17, 42])
def test_scripts_without_spaces_break_between_syllables_as_they_are_written(text: str, columns: int) -> None:
    lines = wrapped(text, columns)

    assert ''.join(lines) == text
    assert max(map(width, lines)) <= columns
    for before, after in pairwise(lines):
        assert before[-1] not in 'เแโใไເແໂໃໄ\u17d2\u1039'
        assert after[0] not in 'ะาำๅๆຳະາໆៗ។'
        assert unicodedata.category(after[0])[0] != 'M'


def test_a_vowel_that_someone_held_down_still_becomes_lines() -> None:
    for text in ('เ' * 500, 'ค่' + 'า' * 500, 'ក្' * 500):
        assert max(map(width, wrapped(text))) <= COLUMNS
