#!/usr/bin/env bash
# aiomqtt and Paho: of 30 messages of QoS 2 about half vanish at a broker that takes one at a time; publish() succeeds
#
# Guess: by MQTT 5 a broker says in CONNACK how many messages of QoS 1 and 2 may be under way (Receive Maximum), and the
#        client keeps to it (4.9), or is told off: an exception of publish(), a reason code, the end of the connection.
# Seen:  aiomqtt 2.5.1, paho-mqtt 2.2.0, gmqtt 0.8.0, mosquitto 2.0.11-1.2+deb12u2, 2026-12-01: Paho doesn't read the
#        number and sends 20 at once, which is right only by chance: mosquitto takes 20, if not told otherwise. Told
#        max_inflight_messages 10, or 1 (which its manual has for those who need the order kept), it refuses what is too
#        much by PUBREC with 0x97, quota exceeded. Paho doesn't look at the code and goes on with PUBREL; publish() of
#        aiomqtt returns, nothing is logged, the message is gone; by MQTT 3.1.1 too. QoS 1 comes whole. gmqtt takes the
#        number for the highest packet ID: at the usual 20 the 20th message in a row is an OverflowError. And 1 is
#        "invalid" for it, so it sends all, loses half, and says so in its log only.
# So:    "exactly once" is never for some. aiomqtt.Client(..., max_inflight_messages=1) keeps them all.
# Source: paho/mqtt/client.py (_handle_pubrec), gmqtt/mqtt/handler.py (_apply_receive_maximum); MQTT 5.0, 3.2.2.3.3, 4.9
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "aiomqtt==2.5.1" "paho-mqtt==2.2.0" "gmqtt==0.8.0"
cd "$tmp"
apt-get download -qq mosquitto=2.0.11-1.2+deb12u2 \
  libwebsockets17 libcjson1 libdlt2 libev4 libuv1 libwrap0 libnsl2 libtirpc3 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
libraries=$(find "$tmp/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)

cat > probe.py <<'END'
import asyncio
import logging
import sys

import aiomqtt
import gmqtt

PORT, LIMIT = map(int, sys.argv[1:])
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
logging.getLogger('gmqtt').setLevel(logging.CRITICAL)
logging.getLogger('mqtt').setLevel(logging.ERROR)  # aiomqtt: how many calls are under way


async def listen(got, ready):
    async with aiomqtt.Client('127.0.0.1', PORT, protocol=V5) as client:
        await client.subscribe('to/#')
        ready.set()
        async for message in client.messages:
            got.append(message.payload)


async def by_aiomqtt(qos, protocol=V5, **options):
    async with aiomqtt.Client('127.0.0.1', PORT, protocol=protocol, **options) as client:
        await asyncio.wait_for(asyncio.gather(*(client.publish('to/x', n, qos) for n in range(30))), 30)
        return 'no error'


async def by_gmqtt(qos):
    client, errors = gmqtt.Client(f'g{qos}'), 0
    await client.connect('127.0.0.1', PORT, version=5)
    for number in range(30):
        try:
            client.publish('to/x', number, qos)
        except OverflowError:
            errors += 1
    await asyncio.sleep(2)
    await client.disconnect()
    return f'{errors} times OverflowError' if errors else 'no error'


async def main():
    got, ready = [], asyncio.Event()
    listener = asyncio.create_task(listen(got, ready))
    await ready.wait()
    for what, publish in (
        ('aiomqtt, QoS 1', by_aiomqtt(1)), ('aiomqtt, QoS 2', by_aiomqtt(2)),
        ('aiomqtt, QoS 2, 3.1.1', by_aiomqtt(2, V311)),
        ('aiomqtt, QoS 2, 1 at once', by_aiomqtt(2, max_inflight_messages=1)), ('gmqtt, QoS 2', by_gmqtt(2)),
    ):
        got.clear()
        said = await publish
        await asyncio.sleep(1.5)
        count = len(set(got))
        print(f'limit {LIMIT:2}: {what:26} {said}, {count if count in (9, 19, 30) else "some"} of 30', flush=True)
    listener.cancel()


asyncio.run(main())
END

cat > expected <<'END'
limit 20: aiomqtt, QoS 1             no error, 30 of 30
limit 20: aiomqtt, QoS 2             no error, 30 of 30
limit 20: aiomqtt, QoS 2, 3.1.1      no error, 30 of 30
limit 20: aiomqtt, QoS 2, 1 at once  no error, 30 of 30
limit 20: gmqtt, QoS 2               11 times OverflowError, 19 of 30
limit 10: aiomqtt, QoS 1             no error, 30 of 30
limit 10: aiomqtt, QoS 2             no error, some of 30
limit 10: aiomqtt, QoS 2, 3.1.1      no error, some of 30
limit 10: aiomqtt, QoS 2, 1 at once  no error, 30 of 30
limit 10: gmqtt, QoS 2               21 times OverflowError, 9 of 30
limit  1: aiomqtt, QoS 1             no error, 30 of 30
limit  1: aiomqtt, QoS 2             no error, some of 30
limit  1: aiomqtt, QoS 2, 3.1.1      no error, some of 30
limit  1: aiomqtt, QoS 2, 1 at once  no error, 30 of 30
limit  1: gmqtt, QoS 2               no error, some of 30
END

for limit in 20 10 1; do
  port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
  printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' "max_inflight_messages $limit" >conf
  LD_LIBRARY_PATH=$libraries root/usr/sbin/mosquitto -c conf >log 2>&1 &
  for attempt in $(seq 100); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
  venv/bin/python probe.py "$port" "$limit"
  kill $! && wait $! 2>/dev/null || true
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
