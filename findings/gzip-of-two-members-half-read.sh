#!/usr/bin/env bash
# httpx 0.28, aiohttp 3.13: of a gzip answer with two members they return the first, without an error
#
# Guess: a gzip file is a series of members, and what they hold is joined (RFC 1952, 2.2; RFC 9110, 8.4.1.3 takes that
#        format as it is). `cat a.gz b.gz`, bgzip and parallel compressors make such files, gzip and Python's gzip read
#        them whole, and so does every HTTP client that sent "Accept-Encoding: gzip".
# Seen:  2026-11-30, a calendar in two members, sent with its right Content-Length and status 200: requests (urllib3)
#        returns all of it, httpx and aiohttp the first member alone, with status 200 and no exception. (curl 7.88
#        returns the first member, but fails with exit code 23.)
# So:    a calendar that is read over httpx loses every event behind the first member; whoever takes the answer for the
#        whole calendar deletes them. Decode the raw bytes, and start a new member where one ends.
# Source: httpx/_decoders.py, GZipDecoder: one zlib.decompressobj, whose unused_data nobody looks at.
# Pins:  httpx==0.28.1, aiohttp==3.13.2, requests==2.32.5, urllib3==2.5.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY || true
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
  httpx==0.28.1 aiohttp==3.13.2 requests==2.32.5 urllib3==2.5.0

cat > "$tmp/expected" <<'END'
Python's gzip b'BEGIN:VCALENDAR\nEND:VCALENDAR\n'
requests 200 b'BEGIN:VCALENDAR\nEND:VCALENDAR\n'
httpx 200 b'BEGIN:VCALENDAR\n'
aiohttp 200 b'BEGIN:VCALENDAR\n'
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import aiohttp
import httpx
import requests

BODY = gzip.compress(b'BEGIN:VCALENDAR\n') + gzip.compress(b'END:VCALENDAR\n')


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        assert 'gzip' in self.headers['Accept-Encoding']
        self.send_response(200)
        self.send_header('Content-Encoding', 'gzip')
        self.send_header('Content-Length', str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


async def by_aiohttp(url):
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read()


server = HTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_port}/'
print("Python's gzip", gzip.decompress(BODY))
answer = requests.get(url, timeout=10)
print('requests', answer.status_code, answer.content)
answer = httpx.get(url)
print('httpx', answer.status_code, answer.content)
print('aiohttp', *asyncio.run(by_aiohttp(url)))
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff -u "$tmp/expected" "$tmp/seen" || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
