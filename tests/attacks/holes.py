"""Holes to open in the program, one at a time: each must be found, or the attacks would prove nothing."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.types import Receive, Scope, Send

from synapse.addresses import Address
from synapse.api.gate import gate as gates
from synapse.api.gate import rules, scopes
from synapse.api.gate.gate import Gate
from synapse.api.gate.reach import Reach
from synapse.api.gate.rules import header
from synapse.api.rest import exports, logs
from synapse.auth import Auth, CodeState
from synapse.credentials.scope import Scope as Role
from synapse.credentials.sessions import Session
from synapse.crontab import importing
from synapse.ical.series import Draft
from synapse.inbox import inbox
from synapse.records import now_utc
from synapse.runs.folders import RunFolders


@dataclass(frozen=True, slots=True)
class Hole:
    """
    :param open: opens it; called in the process of the program before it starts
    :param found_by: how the names of the attacks begin that find it, each of them
    :param needs_run: whether they need a run that has ended
    """

    open: Callable[[], object]
    found_by: tuple[str, ...]
    needs_run: bool = False


def _put(owner: Any, name: str, value: object) -> None:
    setattr(owner, name, value)


def any_host() -> None:
    _put(Reach, 'check_host', lambda self, scope, address: None)


def hosts_that_begin_well() -> None:
    answers = Reach.answers_to

    def begins(self: Reach, host: str, scope: Scope) -> bool:
        return host.startswith(tuple(self._own)) or answers(self, host, scope)

    _put(Reach, 'answers_to', begins)


def forwarded_hosts() -> None:
    check = Reach.check_host

    def forwarded(self: Reach, scope: Scope, address: Address) -> None:
        if header(scope, b'x-forwarded-host') not in self._own:
            check(self, scope, address)

    _put(Reach, 'check_host', forwarded)


def ports_of_others() -> None:
    _put(Address, 'origins', property(lambda self: AnyPort()))


class AnyPort:
    """Our origin, and those of others on this machine."""

    def __contains__(self, origin: str) -> bool:
        return origin.rpartition(':')[0] in ('http://127.0.0.1', 'http://localhost')

    def __iter__(self) -> Iterator[str]:
        return iter(())


def any_origin() -> None:
    _put(Reach, 'check_origin', lambda self, scope, address: None)


def origins_that_begin_well() -> None:
    check = Reach.check_origin

    def begins(self: Reach, scope: Scope, address: Address) -> None:
        if not header(scope, b'origin').startswith(address.origins):
            check(self, scope, address)

    _put(Reach, 'check_origin', begins)


def any_site() -> None:
    _put(rules, 'check_site', lambda scope: None)


def any_size() -> None:
    _put(rules, 'check_size', lambda scope: None)


def any_announced_length() -> None:
    _put(rules, 'check_announced_length', lambda scope, limit: None)


def uncounted_bodies() -> None:
    async def receive(self: Any) -> Any:
        return await self._receive()

    _put(gates._Bounded, 'receive', receive)


def any_body_type() -> None:
    _put(rules, 'check_body_type', lambda scope: None)


def no_door() -> None:
    _put(Gate, '_caller', lambda self, scope, sessions: gates.ANYONE)


def no_door_for_sockets() -> None:
    async def websocket(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, 'synapse.caller': 'anyone'}, receive, send)

    _put(Gate, '_websocket', websocket)


def sockets_of_any_origin() -> None:
    inner = Gate._websocket

    async def websocket(self: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope['headers'] if name != b'origin']
        await inner(self, {**scope, 'headers': headers}, receive, send)

    _put(Gate, '_websocket', websocket)


def any_cookie() -> None:
    now = now_utc()
    session = Session(id='anyone', created_at=now, renewed_at=now, seen_at=now)
    _put(Auth, 'session', lambda self, value: session if value else None)


def half_a_token() -> None:
    _put(Auth, 'is_token', lambda self, value: len(value) > 9 and self.token.startswith(value))


def tokens_in_capitals() -> None:
    _put(Auth, 'is_token', lambda self, value: value.lower() == self.token.lower())


def tokens_in_the_address() -> None:
    bearer = gates._bearer

    def also_in_the_address(scope: Scope) -> str:
        return bearer(scope) or scope.get('query_string', b'').decode().rpartition('=')[2]

    _put(gates, '_bearer', also_in_the_address)


def links_for_ever() -> None:
    def redeem(self: Any, code: str, **seen: str) -> str:
        with self._lock:
            return str(self._sessions.open(Role.ADMIN))

    _put(Auth, 'state_of', lambda self, code: CodeState.FRESH)
    _put(Auth, 'redeem', redeem)


def any_scope() -> None:
    _put(scopes, 'allows', lambda scope, method, path, *, is_browser=False: True)


def screens_that_see_all() -> None:
    allows = scopes.allows

    def all_pages(scope: Role, method: str, path: str, *, is_browser: bool = False) -> bool:
        return is_browser or allows(scope, method, path)

    _put(scopes, 'allows', all_pages)


def feeds_of_any_name() -> None:
    _put(Auth, 'is_feed', lambda self, value: True)


def open_paths_by_their_beginning() -> None:
    _put(Gate, '_is_feed', lambda self, method, path: path.startswith(('/login', '/favicon.ico', '/api/v1/health')))


def open_paths_before_they_are_resolved() -> None:
    inner = Gate._http

    async def http(self: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        path = re.sub(r'/[^/]+/\.\.(?=/)', '', scope['path'])
        if path != scope['path']:
            await self._app({**scope, 'path': path, 'synapse.caller': 'anyone'}, receive, send)
        else:
            await inner(self, scope, receive, send)

    _put(Gate, '_http', http)


def names_as_they_come() -> None:
    _put(inbox, '_clean_name', lambda name: name)


def outputs_anywhere() -> None:
    def artifact(self: Any, run: Any, name: str) -> Path:
        return Path(self.of(run.id) / 'artifacts' / unquote(name))

    _put(RunFolders, 'artifact', artifact)


def formulas_in_tables() -> None:
    _put(exports, '_harmless', lambda value: value)


def escapes_in_texts() -> None:
    _put(logs, 'visible', lambda text: text)


def signatures_of_anyone() -> None:
    _put(Draft, 'is_signed', lambda self, sign: True)


def crontabs_that_are_trusted() -> None:
    inner = importing.import_crontab

    def trusting(*args: Any, **named: Any) -> Any:
        return inner(*args, **{**named, 'is_trusted': lambda draft: True})

    _put(importing, 'import_crontab', trusting)


def pages_in_frames() -> None:
    _put(gates, '_with_headers', lambda scope, send: send)


HOLES = (
    Hole(any_host, ('a host of another site', 'a host as one number', 'no host', 'two hosts')),
    Hole(hosts_that_begin_well, ('a host before a user', 'a host of two in one')),
    Hole(forwarded_hosts, ('a host made good by X-Forwarded-Host',)),
    Hole(ports_of_others, ('an origin of another port of this machine',)),
    Hole(any_origin, ('an origin of another site', 'an origin of a file or a sandbox', 'two origins')),
    Hole(origins_that_begin_well, ('an origin that begins like ours',)),
    Hole(any_site, ('a cross-site request', 'a same-site stop', 'a cross-site frame')),
    Hole(any_size, ('a long address',)),
    Hole(any_announced_length, ('a huge length',)),
    Hole(uncounted_bodies, ('a body of a megabyte, unannounced',)),
    Hole(any_body_type, ('JSON sent as text/plain', 'JSON sent as application/x-www-form-urlencoded')),
    Hole(no_door, ('GET /status of a stranger', 'POST /queue/stop of a stranger', 'the page / of a stranger')),
    Hole(no_door_for_sockets, ('the socket /ws/updates of a stranger',)),
    Hole(sockets_of_any_origin, ('an origin of another site, to /ws/updates',)),
    Hole(any_cookie, ('a cookie made up', 'a cookie many')),
    Hole(half_a_token, ('a token half',)),
    Hole(tokens_in_capitals, ('a token in capitals',)),
    Hole(tokens_in_the_address, ('the token as ?token=',)),
    Hole(links_for_ever, ('a link used', 'a link changed')),
    Hole(any_scope, ('POST /queue/stop of who may run', 'GET /tokens of who may read', 'a page of who may run')),
    Hole(screens_that_see_all, ('/settings of a screen', 'DELETE /logs of who may screen')),
    Hole(feeds_of_any_name, ('the way round /api/v1/scheduler/feed/aaaa',)),
    Hole(open_paths_by_their_beginning, ('the way round /favicon.ico/x', 'the way round /login/x')),
    Hole(open_paths_before_they_are_resolved, ('the way round /login/../api/v1/status',)),
    Hole(names_as_they_come, ('a file with a name that leads out', 'a file with a name that is long')),
    Hole(outputs_anywhere, ('an output ../../../token',), needs_run=True),
    Hole(formulas_in_tables, ('lines as a table',)),
    Hole(escapes_in_texts, ('lines as text',)),
    Hole(signatures_of_anyone, ('a calendar of a stranger',)),
    Hole(crontabs_that_are_trusted, ('a crontab of a stranger',)),
    Hole(pages_in_frames, ('the page / of a stranger', 'GET /status of a stranger')),
)
