"""What a token that was granted to a run may do; whatever is not here it may not."""

import re

from synapse.auth import Scope

SOCKET = '/ws/updates'
_CLOSED = re.compile(r'/api/v1/(backup|tokens|sessions|notifications|scheduler/feed)(/|$)')
"""Reading these would give away more than the run is meant to have, or for longer."""
_RUNS = re.compile(r'/api/v1/(runs|uploads|runs/[^/]+/(cancel|pause|resume|retry|answer))')
_INBOX = re.compile(r'/api/v1/inbox/[^/]+')


def allows(scope: Scope, method: str, path: str) -> bool:
    """Whether a token of this scope may send this request; a socket counts as GET."""
    if path == SOCKET:
        return True
    if not path.startswith('/api/v1/') or _CLOSED.match(path):
        return False
    if method in ('GET', 'HEAD') or (method, path) == ('POST', '/api/v1/logs'):
        return True
    if scope is not Scope.RUN:
        return False
    pattern = {'POST': _RUNS, 'DELETE': _INBOX}.get(method)
    return pattern is not None and pattern.fullmatch(path) is not None
