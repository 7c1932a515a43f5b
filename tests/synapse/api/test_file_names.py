"""How clients write the names of files that they upload, byte by byte, and which names arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse.api.rest.file_names import disposition_of, writes_literally


def name_of(parameters: bytes, *, is_literal: bool = False) -> str | None:
    field, name = disposition_of(b'form-data; name="file"; ' + parameters, is_literal=is_literal)
    assert field == 'file'
    return name


@pytest.mark.parametrize(
    ('parameters', 'name'),
    [
        (b'filename="plain.txt"', 'plain.txt'),
        (b'filename=plain.txt', 'plain.txt'),
        (b'filename = "plain.txt" ', 'plain.txt'),
        (b'FileName="plain.txt"', 'plain.txt'),
        (b'filename="semi;colon, name=x.txt"', 'semi;colon, name=x.txt'),
        (b'filename=""', ''),
        # percent-encoded as a whole (RFC 7578, 2)
        (b'filename="sp%20ace.txt"', 'sp ace.txt'),
        (b'filename="%C3%BCber%20%E6%97%A5%E6%9C%AC.txt"', 'über 日本.txt'),
        (b'filename="50%25%20off.txt"', '50% off.txt'),
        # not percent-encoded, since a client that does that leaves no space, letter or lone percent sign
        (b'filename="50% off.txt"', '50% off.txt'),
        (b'filename="100%.txt"', '100%.txt'),
        (b'filename="a b%20c.txt"', 'a b%20c.txt'),
        (b'filename="\xc3\xbc%20c.txt"', 'ü%20c.txt'),
        (b'filename="100%25 sure.txt"', '100%25 sure.txt'),
        (b'filename="%FF%FE.txt"', '%FF%FE.txt'),
        # the characters that browsers escape, whatever else is in the name
        (b'filename="12%22 single.mp3"', '12" single.mp3'),
        (b'filename="12\\" single.mp3"', '12" single.mp3'),
        # UTF-8, and what is not
        (b'filename="\xc3\xbcber.txt"', 'über.txt'),
        (b'filename="\xfcber.txt"', 'über.txt'),
        (b'filename="10 \x80.txt"', '10 €.txt'),
        (b'filename="\x81\xfc.txt"', '\x81ü.txt'),
        # RFC 8187
        (b"filename*=UTF-8''%C3%BCber%20%22x%22.txt", 'über "x".txt'),
        (b"filename*=utf-8'de'%e2%82%ac%20rates.txt", '€ rates.txt'),
        (b"filename*=iso-8859-1''%A3%20rates.txt", '£ rates.txt'),
        (b'filename*="UTF-8\'\'%C3%BC.txt"', 'ü.txt'),
        (b'filename*=%C3%BC.txt', 'ü.txt'),
        (b'filename="_ber.txt"; filename*=UTF-8\'\'%C3%BCber.txt', 'über.txt'),
        (b'filename*=UTF-8\'\'%C3%BCber.txt; filename="_ber.txt"', 'über.txt'),
        (b'filename="good.txt"; filename*=klingon\'\'%C3', 'good.txt'),
        (b'filename="good.txt"; filename*=UTF-8\'\'%FF', 'good.txt'),
        (b'filename="=?utf-8?B?w7xiZXIudHh0?="; filename*=utf-8\'\'%C3%BCber.txt', 'über.txt'),
        # RFC 2231, in pieces
        (b'filename*0*=UTF-8\'\'%C3%BC; filename*1="ber"; filename*2*=%20x.txt', 'über x.txt'),
        # RFC 2047
        (b'filename="=?utf-8?B?w7xiZXIudHh0?="', 'über.txt'),
        (b'filename="=?ISO-8859-1?Q?=FCber_x.txt?="', 'über x.txt'),
        (b'filename="=?utf-8?B?w7xi?= =?utf-8?B?ZXIudHh0?="', 'über.txt'),
        (b'filename="=?klingon?B?w7xi?="', '=?klingon?B?w7xi?='),
        (b'filename="=?what?.txt"', '=?what?.txt'),
        # paths, of which the inbox takes the last part
        (b'filename="C:\\films\\a.mp4"', 'C:\\films\\a.mp4'),
        (b'filename="/home/anna/a.mp4"', '/home/anna/a.mp4'),
    ],
)
def test_a_name_arrives_as_it_was_meant(parameters: bytes, name: str) -> None:
    assert name_of(parameters) == name


@pytest.mark.parametrize(
    ('parameters', 'name'),
    [
        (b'filename="sp%20ace.txt"', 'sp%20ace.txt'),
        (b'filename="100%25.txt"', '100%25.txt'),
        (b'filename="12%22%20x.txt"', '12"%20x.txt'),
        (b'filename="a%0D%0Ab.txt"', 'a\r\nb.txt'),
        (b"filename*=UTF-8''%C3%BCber.txt", 'über.txt'),
    ],
)
def test_those_who_write_literally_are_taken_literally(parameters: bytes, name: str) -> None:
    assert name_of(parameters, is_literal=True) == name


@pytest.mark.parametrize('parameters', [b'', b'size=3', b'file="x"'])
def test_a_part_without_a_name_is_no_file(parameters: bytes) -> None:
    assert name_of(parameters) is None


@pytest.mark.parametrize(
    ('boundary', 'headers', 'is_literal'),
    [
        ('----WebKitFormBoundary7MA4YWxkTrZu0gW', {}, True),
        ('----geckoformboundary1f2e3d4c', {}, True),
        ('---------------------------9051914041544843365972754266', {}, True),
        ('------------------------d74496d66958873e', {}, True),
        ('----formdata-undici-012345678901', {}, True),
        ('0f' * 16, {'user-agent': 'python-requests/2.34'}, True),
        ('0f' * 16, {'user-agent': 'python-httpx/0.28'}, True),
        ('anything', {'sec-fetch-mode': 'cors'}, True),
        ('0f' * 16, {'user-agent': 'Python/3.11 aiohttp/3.14'}, False),
        ('0f' * 16, {}, False),
        ('b', {'user-agent': 'python-httpx/0.28'}, False),
    ],
)
def test_who_writes_literally_is_known_by_the_boundary(
    boundary: str, headers: dict[str, str], is_literal: bool
) -> None:
    assert writes_literally(boundary, headers) == is_literal


@given(st.binary(max_size=80), st.booleans())
def test_no_header_is_too_strange(value: bytes, is_literal: bool) -> None:
    field, name = disposition_of(b'form-data; ' + value, is_literal=is_literal)

    assert isinstance(field, str)
    assert name is None or isinstance(name, str)
