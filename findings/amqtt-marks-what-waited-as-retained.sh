#!/usr/bin/env bash
# amqtt: messages that waited for a client arrive as retained ones; with anonymous access allowed none wait, for nobody
#
# Guess: a session with clean_session=False gets on its return what was sent in between with QoS 1 or 2, flagged as
#        published: not retained (MQTT 3.1.1, 3.3.1.3), at the lower one of both QoS (3.8.4). A user who logs in with a
#        password has such a session whether or not others may come without one.
# Seen:  amqtt 0.12.1, aedes 1.2.0, paho-mqtt 2.2.0, 2026-12-01. amqtt sets RETAIN on all that waited, which no one had
#        retained, and delivers each message at the QoS of the subscription: a QoS 0 is a QoS 2. With the plugin for
#        anonymous access beside that for passwords (or with the default settings) every client counts as anonymous,
#        and its session, with subscriptions and messages, ends with its connection. aedes does it all as guessed.
# So:    a listener that skips retained messages as old news ("if message.retain: return") skips just those it missed,
#        and a broker that lets a thermometer in without a password forgets them for everybody.
# Source: amqtt/broker.py (_publish_session_retained_messages, _run_broadcast), amqtt/plugins/authentication.py
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "amqtt==0.12.1" "paho-mqtt==2.2.0" "pwdlib[argon2]==0.3.1"
npm install --silent --no-audit --no-fund --prefix "$tmp" "aedes@1.2.0" >/dev/null

cat > "$tmp/expected" <<'END'
aedes                       live: 0 as 0, 1 as 1, 2 as 2
                            back: session, 1 as 1, 2 as 2
amqtt, passwords            live: 0 as 2, 1 as 2, 2 as 2
                            back: session, 0 as 2 retained, 1 as 2 retained, 2 as 2 retained
amqtt, passwords, anonymous live: 0 as 2, 1 as 2, 2 as 2
                            back: no session, nothing
END

cat > "$tmp/aedes.mjs" <<'END'
import net from 'node:net'
import { Aedes } from 'aedes'
const broker = await Aedes.createBroker()
net.createServer(broker.handle).listen(+process.argv[2], '127.0.0.1')
END

cat > "$tmp/amqtt_broker.py" <<'END'
import asyncio
import sys
from pathlib import Path

from amqtt.broker import Broker
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

Path('passwords').write_text(f'anna:{PasswordHash((Argon2Hasher(),)).hash("not-secret")}\n')
plugins = {'amqtt.plugins.authentication.FileAuthPlugin': {'password_file': 'passwords'}}
if sys.argv[2:] == ['anonymous']:
    plugins['amqtt.plugins.authentication.AnonymousAuthPlugin'] = {'allow_anonymous': True}


async def main():
    listener = {'type': 'tcp', 'bind': f'127.0.0.1:{sys.argv[1]}'}
    await Broker({'listeners': {'default': listener}, 'plugins': plugins}).start()
    await asyncio.Event().wait()


asyncio.run(main())
END

cat > "$tmp/probe.py" <<'END'
import sys
import time

import paho.mqtt.client as mqtt


def connect(name, clean=True):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
    client.username_pw_set('anna', 'not-secret')
    client.got, client.session = [], None
    client.on_message = lambda _, __, message: client.got.append(
        f'{message.payload.decode()} as {message.qos}' + ' retained' * message.retain)
    client.on_connect = lambda _, __, flags, *rest: setattr(client, 'session', flags.session_present)
    for attempt in range(300):
        try:
            client.connect('127.0.0.1', int(sys.argv[1]))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client.loop_start()
    while client.session is None:
        time.sleep(0.01)
    return client


def stop(client):
    client.disconnect()
    client.loop_stop()
    time.sleep(0.5)


def send():
    for qos in (0, 1, 2):
        sender.publish('door/open', str(qos), qos)
    time.sleep(1)


sender, listener = connect('sender'), connect('listener', clean=False)
listener.subscribe('door/#', 2)
time.sleep(0.5)
send()
print(f'{sys.argv[2]:27} live: {", ".join(sorted(listener.got))}')
stop(listener)
send()
listener = connect('listener', clean=False)
time.sleep(1)
got = ', '.join(sorted(listener.got)) or 'nothing'
print(f'{"":27} back: {"session" if listener.session else "no session"}, {got}', flush=True)
stop(listener)
stop(sender)
END

cd "$tmp"
run() {
  port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
  "${@:2:2}" "$port" "${@:4}" >broker.log 2>&1 &
  venv/bin/python probe.py "$port" "$1"
  kill $! && wait $! 2>/dev/null || true
}
{ run aedes node aedes.mjs; run "amqtt, passwords" venv/bin/python amqtt_broker.py
  run "amqtt, passwords, anonymous" venv/bin/python amqtt_broker.py anonymous; } | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
