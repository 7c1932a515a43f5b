#!/usr/bin/env bash
# WsgiDAV: a MOVE to a name with an encoded ? or ; answers 201 and keeps the file under the name before that mark
#
# Guess: the Destination header is a URI (RFC 4918, 10.3), so %3F and %3B in it are letters of the name, as they are in
#        the request line of a PUT.
# Seen:  WsgiDAV 4.4.0, 2026-11-29: PUT /what%20is%20it%3F.txt makes "what is it?.txt". MOVE /part to that very address
#        answers 201 Created and makes "what is it"; with %3B likewise. COPY does the same. # and % arrive.
#        The header is unquoted first and taken apart as a URL afterwards, so ? begins a query and ; parameters.
# So:    a client that writes beside and renames must look for the name it asked for; 201 doesn't say that it is there.
#        Two films, "a?1" and "a?2", would become one file.
# Source: wsgidav/request_server.py (_copy_or_move: unquote, then urlparse); RFC 4918, 9.9 and 10.3
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "wsgidav==4.4.0" "cheroot==11.1.2"

cat > "$tmp/expected" <<'END'
PUT  what is it?.txt    201 what is it?.txt
MOVE what is it?.txt    201 what is it
COPY what is it?.txt    201 what is it
PUT  a;b.txt            201 a;b.txt
MOVE a;b.txt            201 a
COPY a;b.txt            201 a
PUT  50%25 #1.txt       201 50%25 #1.txt
MOVE 50%25 #1.txt       201 50%25 #1.txt
COPY 50%25 #1.txt       201 50%25 #1.txt
END

cat > "$tmp/probe.py" <<'END'
import http.client
import os
import threading
from urllib.parse import quote

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

os.mkdir('files')
app = WsgiDAVApp({'provider_mapping': {'/': 'files'}, 'simple_dc': {'user_mapping': {'*': True}}, 'verbose': 0,
                  'logging': {'enable': False}})
server = wsgi.Server(('127.0.0.1', 0), app)
server.prepare()
threading.Thread(target=server.serve, daemon=True).start()
port = server.bind_addr[1]


def ask(method, name, body=None, **headers):
    connection = http.client.HTTPConnection('127.0.0.1', port)
    connection.request(method, '/' + quote(name), body, headers)
    return connection.getresponse().status


for name in ('what is it?.txt', 'a;b.txt', '50%25 #1.txt'):
    for method in ('PUT', 'MOVE', 'COPY'):
        for old in os.listdir('files'):
            os.unlink('files/' + old)
        if method == 'PUT':
            status = ask('PUT', name, 'x')
        else:
            ask('PUT', 'part', 'x')
            status = ask(method, 'part', Destination=f'http://127.0.0.1:{port}/{quote(name)}')
        kept = [other for other in os.listdir('files') if other != 'part']
        print(f'{method:4} {name:18} {status} {" ".join(kept)}')
server.stop()
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
