"""Reading a calendar from a server: whole or not at all, at most so large, and within a time.

The address was typed by a person, so it may lead anywhere; a redirect was not, so it may not lead further inside: not
from a public server to this network, nor from this network to this machine, nor to anything but HTTP.
"""

import asyncio
import ipaddress
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import Any
from urllib.request import getproxies

import httpx

from storage.foreign_words import system_sentence, system_words
from synapse import __version__
from synapse.errors import SynapseError
from synapse.ical.reading import MAX_BYTES
from synapse.language import N_, _, translated
from synapse.language.formats import number

from .address import place_of

MAX_REDIRECTS = 5
TIMEOUT = httpx.Timeout(20.0, connect=10.0)
"""Seconds for the next piece of an answer."""
DEADLINE_SECONDS = 60.0
"""For all of it."""
ENCODED_PIECE = 4096
"""Bytes that are decoded at once: a malicious server makes a thousand of each."""
GZIP = 31
LATER = N_('It is read again within the hour.')
FITTING_ADDRESS = N_('Use the secret address that its program offers for subscriptions.')
_HEADERS = {
    'User-Agent': f'Synapse/{__version__}',
    'Accept': 'text/calendar, */*;q=0.1',
    'Accept-Encoding': 'gzip',
}
_HINTS = {
    401: N_('It needs a password. Use the secret address that its program offers for subscriptions.'),
    403: N_('It refuses access. Use the secret address that its program offers for subscriptions.'),
    404: N_('Nothing is at this address. It may have been replaced by a new one.'),
    410: N_('It was removed for good.'),
    429: N_('It was asked too often. It is read again within the hour.'),
}


class NotRead(SynapseError):
    """A calendar could not be read; the message names its server, and never its address."""

    def __init__(self, message: str, hint: str = '') -> None:
        super().__init__('calendar_not_read', message, translated(hint))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a server answered.

    :param text: None if nothing has changed
    """

    text: bytes | None
    etag: str = ''
    last_modified: str = ''


class Reach(IntEnum):
    """How far away an address is."""

    MACHINE = 0
    NETWORK = 1
    PUBLIC = 2


async def fetch(
    url: str,
    *,
    etag: str = '',
    last_modified: str = '',
    timeout: httpx.Timeout = TIMEOUT,
    deadline: float = DEADLINE_SECONDS,
) -> Fetched:
    """Return what is at an address.

    :param etag: with `last_modified`, of what was read last; if it is unchanged, the answer has no text
    :param deadline: seconds
    :raises NotRead: if it cannot be read as a whole
    """
    headers = _HEADERS | ({'If-None-Match': etag} if etag else {})
    headers |= {'If-Modified-Since': last_modified} if last_modified else {}
    # Reading the certificates takes 30 ms, during which nothing else on the loop would run.
    context = await asyncio.to_thread(httpx.create_ssl_context) if url.startswith('https:') else False
    try:
        async with asyncio.timeout(deadline), httpx.AsyncClient(verify=context, timeout=timeout) as client:
            return await _followed(client, httpx.URL(url), headers)
    except TimeoutError:
        raise NotRead(
            _(
                '{place} did not answer in time: it took over {deadline} seconds.',
                place=place_of(url),
                deadline=number(deadline),
            ),
            LATER,
        ) from None
    except httpx.ConnectTimeout:
        text = _(
            '{place} did not answer in time: no connection after {connect} seconds.',
            place=place_of(url),
            connect=number(timeout.connect or 0),
        )
        raise NotRead(text, LATER) from None
    except httpx.TimeoutException:
        text = _(
            '{place} did not answer in time: nothing came for {read} seconds.',
            place=place_of(url),
            read=number(timeout.read or 0),
        )
        raise NotRead(text, LATER) from None
    except httpx.RemoteProtocolError as error:
        text = _('{place} ended its answer too early, or sent none that can be read.', place=place_of(url))
        raise NotRead(text, LATER) from error
    except httpx.InvalidURL:
        raise NotRead(_('{place} redirects to an address that cannot be read.', place=place_of(url))) from None
    except httpx.HTTPError as error:
        reason = _reason_of(error)
        text = _('{place} could not be reached.', place=place_of(url))
        if reason:
            text = _('{place} could not be reached: {reason}.', place=place_of(url), reason=reason)
        raise NotRead(text, _('Check its address and the network.')) from None


async def _followed(client: httpx.AsyncClient, url: httpx.URL, headers: Mapping[str, str]) -> Fetched:
    innermost = await _reach_of(url)
    for _turn in range(MAX_REDIRECTS + 1):
        request = client.build_request('GET', url, headers=dict(headers))
        answer = await client.send(request, stream=True)
        try:
            _check_peer(answer, innermost)
            if not answer.has_redirect_location:
                return await _read(answer)
            target = url.join(answer.headers['location'])
        finally:
            await answer.aclose()
        await _check_redirect(url, target, innermost)
        url = target
    raise NotRead(
        _('{host} redirects more than {max_redirects} times.', host=url.host, max_redirects=MAX_REDIRECTS),
        _('Use the address where that ends.'),
    )


async def _read(answer: httpx.Response) -> Fetched:
    etag, modified = answer.headers.get('etag', ''), answer.headers.get('last-modified', '')
    if answer.status_code == HTTPStatus.NOT_MODIFIED:
        return Fetched(text=None, etag=etag, last_modified=modified)
    if answer.status_code != HTTPStatus.OK:
        words = f'{answer.status_code} {answer.reason_phrase}'.strip()
        hint = _HINTS.get(answer.status_code, LATER)
        raise NotRead(_('{host} answered {words}.', host=answer.url.host, words=words), hint)
    stated = answer.headers.get('content-length', '')
    if stated.isdecimal() and int(stated) > MAX_BYTES:
        raise _too_large(answer)
    text = bytearray()
    async for piece in _decoded(answer):
        text += piece
        if len(text) > MAX_BYTES:
            raise _too_large(answer)
    return Fetched(text=bytes(text), etag=etag, last_modified=modified)


async def _decoded(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body in pieces of a few megabytes at most.

    Not by httpx, which decodes only the first member of a gzip stream (RFC 1952, 2.2, allows several) and drops the
    others, and which takes half a member for a whole one.

    :raises NotRead: if it cannot be decoded to its end
    """
    encoding = answer.headers.get('content-encoding', 'identity').strip().lower()
    if encoding not in ('identity', 'gzip', 'x-gzip'):
        raise NotRead(
            _('{host} answered in an encoding that was not asked for.', host=answer.url.host), _('Tell who runs it.')
        )
    member = zlib.decompressobj(wbits=GZIP)
    async for piece in answer.aiter_raw(ENCODED_PIECE):
        if encoding == 'identity':
            yield piece
            continue
        while piece:
            member = zlib.decompressobj(wbits=GZIP) if member.eof else member
            try:
                yield member.decompress(piece)
            except zlib.error:
                raise NotRead(
                    _('{host} sent something that is not gzip.', host=answer.url.host), _('Tell who runs it.')
                ) from None
            piece = member.unused_data.lstrip(b'\0')
    if encoding != 'identity' and not member.eof:
        raise NotRead(_('{host} ended its answer too early.', host=answer.url.host), LATER)


def _too_large(answer: httpx.Response) -> NotRead:
    limit = f'{MAX_BYTES / 1e6:.0f} MB'
    return NotRead(
        _('The calendar of {host} is larger than {limit}.', host=answer.url.host, limit=limit),
        _('Subscribe to a smaller one.'),
    )


async def _check_redirect(url: httpx.URL, target: httpx.URL, innermost: Reach) -> None:
    """:raises NotRead: if the target may not be read"""
    if target.scheme not in ('http', 'https'):
        raise NotRead(
            _('{host} redirects to something that is no web address.', host=url.host),
            _('Subscribe to another address.'),
        )
    if url.scheme == 'https' and target.scheme == 'http':
        raise NotRead(
            _('{host} redirects to an address without encryption.', host=url.host), _('Use its address with https:.')
        )
    if await _reach_of(target) < innermost:
        raise _leads_inside(url.host)


def _check_peer(answer: httpx.Response, innermost: Reach) -> None:
    """Check who answered: a name may resolve to another address a moment later.

    :raises NotRead: if that is further inside than the address that was typed
    """
    stream: Any = answer.extensions.get('network_stream')
    peer = stream.get_extra_info('server_addr') if stream is not None else None
    reach = _reach(str(peer[0])) if peer and not _uses_proxy() else None
    if reach is not None and reach < innermost:
        raise _leads_inside(answer.url.host)


def _uses_proxy() -> bool:
    """Whether a proxy may have answered, which may well be on this machine."""
    return not {'http', 'https', 'all'}.isdisjoint(getproxies())


def _leads_inside(host: str) -> NotRead:
    text = _(
        '{host} redirects into the network of this machine, which only an address that you type may do.', host=host
    )
    return NotRead(text, _('If that is meant, subscribe to the other address itself.'))


async def _reach_of(url: httpx.URL) -> Reach:
    """Return how far away a server is by the nearest of its addresses; one that is unknown here is public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return Reach.PUBLIC  # by a proxy, or not at all
    return min((reach for item in found if (reach := _reach(str(item[4][0]))) is not None), default=Reach.PUBLIC)


def _reach(address: str) -> Reach | None:
    try:
        found = ipaddress.ip_address(address.partition('%')[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback or found.is_unspecified or found.is_link_local:
        return Reach.MACHINE
    return Reach.PUBLIC if found.is_global else Reach.NETWORK


def _reason_of(error: httpx.HTTPError) -> str:
    """Return the reason of the system or of the encryption, which names no address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _('its certificate is not trusted ({why})', why=cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return _('the encryption failed')
        if isinstance(cause, socket.gaierror) and cause.strerror:
            return system_words(cause)
        if isinstance(cause, OSError) and cause.errno:
            return system_sentence(cause.errno)  # its own text may be asyncio's, which has the address
        cause = cause.__cause__ or cause.__context__
    return ''
