"""What a request must look like before its credentials are checked: pure rules over an ASGI scope.

Each rule raises an `HttpError` that says how to fix the request. They keep foreign web pages out (Host, Origin,
Sec-Fetch-Site) and limit what is read (address, headers, body).
"""

import re

from starlette.types import Scope

from synapse.api.responses import HttpError
from synapse.language import _

MAX_URL_BYTES = 8 * 1024
MAX_HEADER_BYTES = 32 * 1024
MAX_BODY_BYTES = 1_000_000
MAX_CALENDAR_BYTES = 10_000_000
MULTIPART_SLACK_BYTES = 1_000_000

UPLOAD_PATHS = frozenset({'/api/v1/uploads'})
CALENDAR_PATHS = frozenset({'/api/v1/scheduler/import'})
OTHER_TYPES = UPLOAD_PATHS | CALENDAR_PATHS | {'/api/v1/scheduler/import-crontab'}
"""Paths under `/api` whose body is not JSON; their routes check its type themselves."""


def header_values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode('latin-1') for key, value in scope['headers'] if key == name]


def header(scope: Scope, name: bytes) -> str:
    """The last value of a header, or an empty text."""
    return (header_values(scope, name) or [''])[-1]


def with_single_slashes(scope: Scope) -> Scope:
    """The scope with each run of slashes in its path as one.

    `"$(cat DATA/url)/api/v1/status"` has two, since the URL ends in one.
    """
    if '//' not in scope['path']:
        return scope
    raw = re.sub(rb'/{2,}', b'/', scope.get('raw_path') or b'')
    return {**scope, 'path': re.sub(r'/{2,}', '/', scope['path']), 'raw_path': raw}


def below(scope: Scope, base: str) -> Scope:
    """The scope without this path at the front of its own, which a proxy may have removed already."""
    if not base or not is_below(scope['path'], base):
        return scope
    raw = (scope.get('raw_path') or b'').removeprefix(base.encode())
    return {**scope, 'path': scope['path'].removeprefix(base) or '/', 'raw_path': raw or b'/'}


def is_below(path: str, base: str) -> bool:
    return path == base or path.startswith(f'{base}/')


def is_api(path: str) -> bool:
    return path == '/api' or path.startswith('/api/')


def is_page(path: str) -> bool:
    """Whether a browser shows this path as a page, rather than fetching it for one."""
    return not is_api(path) and not path.startswith(('/_nicegui', '/static/', '/ws/'))


def is_navigation(scope: Scope) -> bool:
    """Whether this may be a browser that follows a link to a page."""
    return (
        scope['type'] == 'http'
        and scope['method'] in ('GET', 'HEAD')
        and is_page(scope['path'])
        and header(scope, b'sec-fetch-mode') in ('', 'navigate')
        and header(scope, b'sec-fetch-dest') in ('', 'document')
    )


def has_body(scope: Scope) -> bool:
    return header(scope, b'content-length') not in ('', '0') or bool(header(scope, b'transfer-encoding'))


def check_size(scope: Scope) -> None:
    url = len(scope.get('raw_path') or scope['path'].encode()) + len(scope.get('query_string', b''))
    if url > MAX_URL_BYTES:
        raise HttpError(
            414,
            'url_too_long',
            _('The address is too long.'),
            _('The limit is {max_url_bytes} bytes.', max_url_bytes=MAX_URL_BYTES),
        )
    if sum(len(key) + len(value) for key, value in scope['headers']) > MAX_HEADER_BYTES:
        raise HttpError(
            431,
            'headers_too_large',
            _('The headers are too large.'),
            _('The limit is {max_header_bytes} bytes.', max_header_bytes=MAX_HEADER_BYTES),
        )


def check_path(scope: Scope) -> None:
    """Refuse control characters: no name or id has any, and routers ignore a line end."""
    if any(char < ' ' or char == '\x7f' for char in scope['path']):
        raise HttpError(400, 'malformed', _('The address contains control characters.'))


def check_site(scope: Scope) -> None:
    """Refuse requests from pages of other sites, except for following a link to a page."""
    foreign = [site for site in header_values(scope, b'sec-fetch-site') if site not in ('same-origin', 'none')]
    if foreign and not (is_navigation(scope) and header(scope, b'sec-fetch-mode') == 'navigate'):
        raise HttpError(
            403, 'foreign_site', _('This request came from another site.'), _('Open Synapse and do it there.')
        )


def body_limit(scope: Scope, max_upload_bytes: int) -> int:
    if scope['path'] in UPLOAD_PATHS:
        return max_upload_bytes + MULTIPART_SLACK_BYTES
    return MAX_CALENDAR_BYTES if scope['path'] in CALENDAR_PATHS else MAX_BODY_BYTES


def check_announced_length(scope: Scope, limit: int) -> None:
    for text in header_values(scope, b'content-length'):
        if not (text.isascii() and text.isdigit()):
            raise HttpError(400, 'malformed', _('The Content-Length is not a number.'))
        if len(text) > 20 or int(text) > limit:
            raise body_too_large(limit)


def body_too_large(limit: int) -> HttpError:
    return HttpError(
        413,
        'too_large',
        _('The request is larger than {limit} bytes.', limit=limit),
        _('Send less, or fewer files at once.'),
    )


def check_body_type(scope: Scope) -> None:
    """Require JSON for changes under `/api`, which no form of another site can send."""
    path = scope['path']
    if scope['method'] in ('GET', 'HEAD', 'OPTIONS') or not is_api(path) or path in OTHER_TYPES or not has_body(scope):
        return
    media_type = header(scope, b'content-type').partition(';')[0].strip().lower()
    if media_type != 'application/json':
        raise HttpError(
            415,
            'unsupported_media_type',
            _('A body of type {value!r} is not accepted here.', value=media_type[:100] or 'unknown'),
            _('Send JSON with Content-Type: application/json.'),
        )
