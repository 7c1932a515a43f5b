"""What those may do who may not do everything; whatever is not here they may not."""

import re

from synapse.auth import Caller
from synapse.credentials.scope import Scope
from synapse.language import _

SOCKET = '/ws/updates'
_CLOSED = re.compile(r'/api/v1/(backup|tokens|sessions|notifications|scheduler/feed)(/|$)')
"""Reading these would give away more than they are meant to have, or for longer."""
_RUNS = re.compile(r'/api/v1/(runs|uploads|runs/[^/]+/(cancel|pause|resume|retry|answer))')
_INBOX = re.compile(r'/api/v1/inbox/[^/]+')
_PROFILES = re.compile(r'/api/v1/profiles(/|$)')
_CLOSED_PAGES = re.compile(r'/(settings|profiles)(/|$)')
_SOCKET_OF_PAGES = '/_nicegui_ws/'


def allows(scope: Scope, method: str, path: str, *, is_browser: bool = False) -> bool:
    """Whether somebody with this scope may send this request; a socket counts as GET.

    :param is_browser: whether it is a browser, which also sees pages; what it does there is for `pages` to refuse
    """
    if scope is Scope.ADMIN or path == SOCKET:
        return True
    if not path.startswith('/api/v1/'):
        return is_browser and _is_of_pages(method, path)
    if _CLOSED.match(path) or (is_browser and _PROFILES.match(path)):
        return False
    if method in ('GET', 'HEAD') or ((method, path) == ('POST', '/api/v1/logs') and not is_browser):
        return True
    if scope is not Scope.RUN:
        return False
    pattern = {'POST': _RUNS, 'DELETE': _INBOX}.get(method)
    return pattern is not None and pattern.fullmatch(path) is not None


def hint_for(caller: Caller) -> str:
    """Say what would help somebody whom `allows` refuses."""
    if caller.is_browser:
        return _('This browser was signed in only to look. Sign in with another link to do more.')
    if caller.name.startswith('run token'):
        return _('It has the scope “{scope}”, which its pipeline declares.', scope=caller.scope)
    return _('It has the scope “{scope}”. Create one with a larger scope under Settings.', scope=caller.scope)


def _is_of_pages(method: str, path: str) -> bool:
    if method in ('GET', 'HEAD'):
        return not _CLOSED_PAGES.match(path)
    return method == 'POST' and (path == '/logout' or path.startswith(_SOCKET_OF_PAGES))
