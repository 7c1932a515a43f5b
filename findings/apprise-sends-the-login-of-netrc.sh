#!/usr/bin/env bash
# Apprise sends the login that ~/.netrc has for a server to any webhook on it, though its address has none
#
# Guess: json://host/path without user and password is sent without an Authorization header; who wants one writes it.
# Seen:  Apprise 2.3.0, 2026-11-30: with a line for the host in ~/.netrc, json:// and ntfy:// send "Authorization: Basic"
#        with that login, as its requests leave trust_env on. The line may be for FTP, git or another port of the same
#        host: netrc knows no port. With NETRC=/dev/null in the environment nothing is sent; an address with a login of
#        its own sends that one.
# So:    a program that posts for a person gives Apprise an environment with NETRC=/dev/null, or gives away passwords.
# Source: requests/sessions.py (get_netrc_auth if trust_env and no auth), apprise/plugins/custom_json.py (auth=None)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apprise==2.3.0"

cat > "$tmp/expected" <<'END'
json without a login        Basic me:password-for-ftp
ntfy without a login        Basic me:password-for-ftp
json with one of its own    Basic you:another
NETRC=/dev/null             none
END

cat > "$tmp/probe.py" <<'END'
import base64
import http.server
import logging
import os
import threading

import apprise

seen = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        seen.append(self.headers['Authorization'])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def send(what, address):
    sender = apprise.Apprise()
    sender.add(address)
    assert sender.notify(body='hello')
    sent = seen.pop()
    words = 'none' if sent is None else 'Basic ' + base64.b64decode(sent.removeprefix('Basic ')).decode()
    print(what.ljust(27), words)


logging.disable()
server = http.server.HTTPServer(('127.0.0.1', 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
place = f'127.0.0.1:{server.server_port}'
send('json without a login', f'json://{place}/')
send('ntfy without a login', f'ntfy://{place}/topic')
send('json with one of its own', f'json://you:another@{place}/')
os.environ['NETRC'] = os.devnull
send('NETRC=/dev/null', f'json://{place}/')
server.shutdown()
END

mkdir "$tmp/home"
printf 'machine 127.0.0.1 login me password password-for-ftp\n' > "$tmp/home/.netrc"
chmod 600 "$tmp/home/.netrc"
env -u NETRC HOME="$tmp/home" "$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
