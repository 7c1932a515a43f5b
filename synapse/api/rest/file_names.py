"""The names that clients give to uploaded files: each has its own way to write what a header cannot hold."""

import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from urllib.parse import unquote, unquote_to_bytes

Headers = Mapping[str, str]

_PARAMETER = re.compile(r';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)')
_EXTENDED = re.compile(r"([\w!#$%&+^`{}~-]+)'[\w-]*'(.*)", re.DOTALL)
_WORDS = re.compile(r'=\?[\w.-]+\?[bq]\?[^?\s]*\?=(?:\s*=\?[\w.-]+\?[bq]\?[^?\s]*\?=)*', re.IGNORECASE)
_ENCODED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/\\-]|%[0-9A-Fa-f]{2})*")
_LITERAL_BOUNDARY = re.compile(
    r'-*WebKitFormBoundary'  # Chromium, Safari
    r'|-{4,}geckoformboundary|-{24,}[0-9]+$'  # Firefox, new and old; form-data of Node
    r'|-{24}[0-9A-Za-z]{16,22}$'  # curl
    r'|-{4}formdata-undici-|dart-http-boundary-'  # fetch of Node, Dart
)
_LITERAL_CLIENT = re.compile(r'python-(requests|httpx|urllib3)/')
_PYTHON_BOUNDARY = re.compile('[0-9a-f]{32}')


def disposition_of(value: bytes, *, is_literal: bool) -> tuple[str, str | None]:
    """Return the names of field and file in a Content-Disposition; None for the file if the part is not one.

    The name of the file is, in this order:

    - `filename*`, percent-encoded with its charset (RFC 8187), also in pieces (RFC 2231). RFC 7578 forbids it in forms,
      but .NET and mail libraries send it, some without a `filename`
    - `filename` as encoded words, `=?utf-8?B?...?=` (RFC 2047), also from .NET and mail libraries
    - `filename` percent-encoded as a whole (RFC 7578, 2), as aiohttp sends it; see `is_literal`
    - `filename` as it is, in UTF-8, else in Windows-1252, with `%22`, `%0D` and `%0A` for the quote and line ends, the
      only characters that browsers encode (https://html.spec.whatwg.org/#multipart-form-data)

    :param is_literal: whether the sender encodes no other character, as by `writes_literally`. Then `a%20b.txt`, as
        files are called that were loaded from the web, is the name on disk; from others it is `a b.txt`, if all of it
        can be read that way: with a space, a letter beyond ASCII or a lone `%` nothing was encoded
    """
    given = {name.lower(): _unquoted(text) for name, text in _PARAMETER.findall(value.decode('latin-1'))}
    name = _extended(given)
    if name is None and 'filename' in given:
        name = _plain(given['filename'], is_literal=is_literal)
    return _text(given.get('name', '').encode('latin-1')), name


def writes_literally(boundary: str, headers: Headers) -> bool:
    """Whether a client is known to leave percent signs in names as they are.

    Browsers are, by their headers or the boundary they choose, and so are curl, Node, Dart, requests and httpx. Of the
    Python libraries, whose boundaries are all alike, only the user agent tells who it is.
    """
    if 'sec-fetch-mode' in headers or _LITERAL_BOUNDARY.match(boundary):
        return True
    is_python = _PYTHON_BOUNDARY.fullmatch(boundary) is not None
    return is_python and _LITERAL_CLIENT.match(headers.get('user-agent', '')) is not None


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        # Not every backslash is an escape: some clients send `C:\films\a.mp4`.
        return text[1:-1].replace('\\\\', '\\').replace('\\"', '"')
    return text


def _extended(given: Mapping[str, str]) -> str | None:
    """Return the name in `filename*`, or in `filename*0*`, `filename*1` and so on; None if there is none."""
    pieces = [given.get(f'filename*{number}*', given.get(f'filename*{number}')) for number in range(len(given))]
    count = pieces.index(None) if None in pieces else len(pieces)
    value = given.get('filename*', ''.join(piece for piece in pieces[:count] if piece))
    if not value:
        return None
    if found := _EXTENDED.fullmatch(value):
        try:
            return unquote_to_bytes(found[2]).decode(found[1])
        except (LookupError, UnicodeDecodeError):
            return None if 'filename' in given else _text(unquote_to_bytes(found[2]))
    return None if 'filename' in given else _text(unquote_to_bytes(value))


def _plain(value: str, *, is_literal: bool) -> str:
    if _WORDS.fullmatch(value):
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
            return value
    if not is_literal and _ENCODED.fullmatch(value):
        try:
            return unquote(value, errors='strict')
        except UnicodeDecodeError:
            pass
    return re.sub('%(22|0[AaDd])', lambda found: chr(int(found[1], 16)), _text(value.encode('latin-1')))


def _text(data: bytes) -> str:
    for charset in ('utf-8', 'cp1252'):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return data.decode('latin-1')
