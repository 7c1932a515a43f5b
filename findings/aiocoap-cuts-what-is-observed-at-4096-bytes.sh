#!/usr/bin/env bash
# aiocoap: who observes a resource gets the first 4 KiB of it and no error
#
# Guess: a resource of 5000 bytes is sent in blocks of 1024, to who asks and to who observes (RFC 7959, 2.6 and 3.3).
#        Whatever aiocoap can't send or take is an error, or ends the observation ("async for" ends or raises).
# Seen:  aiocoap 0.4.17, both as the server and as the client, 2026-12-01: a plain GET comes in blocks and is whole.
#        With observe=0 the server leaves blocks out and sends each notification, and the first answer, in one datagram,
#        of whatever size (that is known); and the client reads 4096 bytes of a datagram and passes on what it got, as
#        2.05 Content, successful, without the mark of a first block.
# So:    a list of devices in JSON grows by one and is no longer JSON; cut text or CSV isn't even noticed. What is
#        observed is kept small and tells only that something is new; the thing itself comes by a plain GET.
# Source: aiocoap/interfaces.py (ObservableResource._render_to_pipe, "If block2 were to happen here"),
#         aiocoap/util/asyncio/recvmsg.py (recvmsg of 4096; MSG_TRUNC isn't looked at)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "aiocoap==0.4.17"

cat > "$tmp/probe.py" <<'END'
import asyncio
import socket

from aiocoap import GET, Context, Message, resource


class List(resource.ObservableResource):
    size = 5000

    async def render_get(self, request):
        return Message(payload=b'x' * self.size)


def told(message):
    size, blocks = len(message.payload), 'blocks' if message.opt.block2 else 'no blocks'
    return f'{"4096 less the header" if 4070 < size < 4096 else size}, {message.code}, {blocks}'


async def observe(request):
    async for message in request.observation:
        print('  observer: ' + told(message), flush=True)
    print('  end of the observation', flush=True)


def datagram(port):
    """The size of the answer to a GET that observes, of any client: version 1, confirmable, a token of one byte."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(20)
        one.sendto(b'\x41\x01\x00\x01T\x60\x54list', ('127.0.0.1', port))
        return len(one.recv(2 ** 16))


async def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    root, devices = resource.Site(), List()
    root.add_resource(['list'], devices)
    server = await Context.create_server_context(root, bind=('127.0.0.1', port))
    client = await Context.create_client_context()
    uri = f'coap://127.0.0.1:{port}/list'
    print('5000, plain: ' + told(await client.request(Message(code=GET, uri=uri)).response))
    request = client.request(Message(code=GET, uri=uri, observe=0))
    print('5000, observed: ' + told(await request.response))
    task = asyncio.create_task(observe(request))
    for size in (300, 4000, 5000, 60000, 300):
        print(f'now {size}', flush=True)
        devices.size = size
        devices.updated_state()
        await asyncio.sleep(1.5)
    print('300, plain: ' + told(await client.request(Message(code=GET, uri=uri)).response))
    task.cancel()
    devices.size = 5000
    print(f'datagram with 5000: {await asyncio.to_thread(datagram, port) // 1000} thousand', flush=True)
    await client.shutdown()
    await server.shutdown()


asyncio.run(main())
END

cat > "$tmp/expected" <<'END'
5000, plain: 5000, 2.05 Content, blocks
5000, observed: 4096 less the header, 2.05 Content, no blocks
now 300
  observer: 300, 2.05 Content, no blocks
now 4000
  observer: 4000, 2.05 Content, no blocks
now 5000
  observer: 4096 less the header, 2.05 Content, no blocks
now 60000
  observer: 4096 less the header, 2.05 Content, no blocks
now 300
  observer: 300, 2.05 Content, no blocks
300, plain: 300, 2.05 Content, no blocks
datagram with 5000: 5 thousand
END

cd "$tmp"
venv/bin/python probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
