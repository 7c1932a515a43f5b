"""Paths as people paste them: with blanks or quotes around, as `file://` addresses, with `~`, escaped for a shell."""

import os
import re
from urllib.parse import unquote, urlsplit

QUOTES = ('"', "'", '“”', '‘’', '`', '«»')
_ESCAPED = re.compile(r'\\([ ()\[\]{}&\'"!$;<>|*?#~`,=])')


def understood(text: str) -> str:
    """Return the path that a pasted text means; one that is written plainly is returned as it is."""
    path = _unquoted(text.strip())
    if path.lower().startswith('file:'):
        return _of_url(path)
    path = os.path.expanduser(path)  # noqa: PTH111 - the other fails without a home
    return path if os.name == 'nt' else _ESCAPED.sub(r'\1', path)


def _unquoted(text: str) -> str:
    for quotes in QUOTES:
        if len(text) > 1 and text[0] == quotes[0] and text[-1] == quotes[-1]:
            return text[1:-1].strip() if len(text) > 2 else text
    return text


def _of_url(url: str) -> str:
    """Return the path of a file URL (RFC 8089); of one on another machine, the URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.netloc not in ('', 'localhost') or not parts.path.startswith('/'):
        return url
    # What follows ? or # belongs to the name: no program that writes such an address means a query.
    path = unquote(re.sub(r'(?i)^file:(//(localhost)?)?', '', url))
    return path[1:].replace('/', '\\') if os.name == 'nt' and re.match(r'/[A-Za-z]:', path) else path
