#!/usr/bin/env bash
# pywebpush: one dict of claims for all browsers sends the second one a token made out to the first one's service
#
# Guess: `CLAIMS = {'sub': 'mailto:...'}` at the top of the program is what all calls share; each call works out the
#        audience of its own subscription. A message waits at the service for a phone that sleeps, as with web-push.
# Seen:  pywebpush 2.5.0, npm web-push 3.6.7, 2026-11-30: the first call writes "aud" and "exp" into the dict, and a
#        later one keeps what is there. Firefox's and Chrome's subscriptions lie at different services, and the audience
#        has to be the service of the message (RFC 8292, 2). Whichever browser is first gets its own, so a test with one
#        passes; "exp" is renewed when it is over, "aud" never. And TTL is 0, where web-push says four weeks: a message
#        of TTL 0 to a browser that isn't connected need not be kept, and is answered with 201 as well (RFC 8030, 5.2).
# So:    the phone that was asleep never rings, and the second kind of browser is sent a token that isn't for it.
# Source: pywebpush/__init__.py (webpush: `if not vapid_claims.get("aud")`; its README says that the dict is changed)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pywebpush==2.5.0" "py-vapid==1.9.6"
npm install --silent --no-audit --no-fund --prefix "$tmp" "web-push@3.6.7" >/dev/null

cat > "$tmp/expected" <<'END'
pywebpush  to one.example: audience https://one.example, TTL 0
pywebpush  to two.example: audience https://one.example, TTL 0
the dict afterwards: sub, aud, exp
web-push   to one.example: audience https://one.example, TTL 2419200
web-push   to two.example: audience https://two.example, TTL 2419200
END

cat > "$tmp/probe.mjs" <<'END'
import { readFileSync } from 'node:fs';
import push from 'web-push';
const { subscriptions, publicKey, privateKey } = JSON.parse(readFileSync('told.json', 'utf8'));
const details = { subject: 'mailto:anna@example.org', publicKey, privateKey };
const options = { vapidDetails: details };
for (const one of subscriptions) {
  const { headers } = push.generateRequestDetails(one, 'hello', options);
  const token = /t=([^,]*)/.exec(headers.Authorization)[1];
  const { aud } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  console.log(`web-push   to ${new URL(one.endpoint).host}: audience ${aud}, TTL ${headers.TTL}`);
}
END

cat > "$tmp/probe.py" <<'END'
import base64
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid
from pywebpush import webpush


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def public(key):
    return text(key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint))


class Service(requests.Session):
    """The two push services: it notes what would be sent to them."""

    def post(self, url, headers=None, **others):
        token = headers['authorization'].partition('t=')[2].partition(',')[0]
        claims = json.loads(base64.urlsafe_b64decode(token.split('.')[1] + '=='))
        print(f'pywebpush  to {urlsplit(url).netloc}: audience {claims["aud"]}, TTL {headers["ttl"]}', flush=True)
        response = requests.Response()
        response.status_code = 201
        return response


subscriptions = [
    {'endpoint': f'https://{host}/push/1',
     'keys': {'p256dh': public(ec.generate_private_key(ec.SECP256R1()).public_key()), 'auth': text(os.urandom(16))}}
    for host in ('one.example', 'two.example')
]
vapid = Vapid()
vapid.generate_keys()
claims = {'sub': 'mailto:anna@example.org'}
for subscription in subscriptions:
    webpush(subscription, 'hello', vapid_private_key=vapid, vapid_claims=claims, requests_session=Service())
print('the dict afterwards:', ', '.join(claims))
Path('told.json').write_text(json.dumps({
    'subscriptions': subscriptions, 'publicKey': public(vapid.public_key),
    'privateKey': text(vapid.private_key.private_numbers().private_value.to_bytes(32, 'big'))}))
END

cd "$tmp"
{ "$tmp/venv/bin/python" probe.py; node probe.mjs; } | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
