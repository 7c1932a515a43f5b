#!/usr/bin/env bash
# tuspy: a file that was changed but kept its length is "uploaded" without a byte being sent, and so is another's file
#
# Guess: the tus client for Python resumes an upload if the file is still the same one, told by a hash of all of it, or
#        by name and time as tus-js-client does; a file that differs gets an upload of its own.
# Seen:  tuspy 1.1.0, server @tus/server 2.4.5, 2026-11-30: the fingerprint is length and MD5 of the first 64 KiB.
#        Films, disk images, recordings of a fixed length or a database that was changed in place share both. The second
#        upload() asks HEAD, sees that all is there, sends nothing and ends without an error, with the address of the
#        first file. The store of addresses keeps an upload for good, so this does not need one that was broken off.
#        If the first one was broken off, the second file's end goes behind the first one's beginning.
# So:    a nightly upload with store_url=True keeps last week's copy, and says that it is done.
# Source: tusclient/fingerprint/fingerprint.py ("add in the file size to minimize chances of collision")
# Pins:  tuspy==1.1.0, @tus/server@2.4.5, @tus/file-store@2.1.1
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "tuspy==1.1.0"
npm install --silent --no-audit --no-fund --prefix "$tmp" "@tus/server@2.4.5" "@tus/file-store@2.1.1" >/dev/null

cat > "$tmp/expected" <<'END'
monday's database:  1 upload, sent 200000 bytes, stored: monday
tuesday's database: 0 uploads, sent 0 bytes, stored: monday
film one, cut off:  1 upload, sent 100000 bytes, stored: one
film two:           0 uploads, sent 100000 bytes, stored: one + two
with the whole file as fingerprint: 1 upload, sent 200000 bytes, stored: two
END

cat > "$tmp/server.mjs" <<'END'
import http from 'node:http';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
const tus = new Server({ path: '/files', datastore: new FileStore({ directory: 'stored' }) });
const server = http.createServer((request, response) => tus.handle(request, response));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
END

cat > "$tmp/probe.py" <<'END'
import hashlib
import re
import sys
from pathlib import Path

from tusclient.client import TusClient
from tusclient.fingerprint.interface import Fingerprint
from tusclient.storage.filestorage import FileStorage
from tusclient.uploader import Uploader

client = TusClient(f'http://127.0.0.1:{sys.argv[1]}/files/')
store = FileStorage('addresses.json')
START = b'one header of 64 KiB'.ljust(65536, b'\0')
counts = {'uploads': 0, 'bytes': 0}


class Counted(Uploader):
    def create_url(self):
        counts['uploads'] += 1
        return super().create_url()

    def _do_request(self):
        before = self.offset
        super()._do_request()
        counts['bytes'] += int(self.request.response_headers['upload-offset']) - before


class Whole(Fingerprint):
    def get_fingerprint(self, fs):
        return hashlib.sha256(fs.read()).hexdigest()


def send(what, name, words, stop_at=None, **options):
    Path(name).write_bytes(START + (words + ' ').encode() * 40000)
    with open(name, 'r+b') as file:
        file.truncate(200000)
    counts.update(uploads=0, bytes=0)
    uploader = Counted(name, client=client, chunk_size=50000, store_url=True, url_storage=store,
                       metadata={'filename': name}, **options)
    uploader.upload(stop_at)
    stored = Path('stored', uploader.url.rpartition('/')[2]).read_bytes()
    found = ' + '.join(dict.fromkeys(re.findall(r'(?<![a-z])(?:monday|tuesday|one|two)(?= )', stored[65536:].decode())))
    print(f'{what} {counts["uploads"]} upload{"" if counts["uploads"] == 1 else "s"}, sent {counts["bytes"]} bytes,'
          f' stored: {found}', flush=True)


send("monday's database: ", 'data.db', 'monday')
send("tuesday's database:", 'data.db', 'tuesday')
START = START[::-1]
send('film one, cut off: ', 'one.mov', 'one', stop_at=100000)
send('film two:          ', 'two.mov', 'two')
send('with the whole file as fingerprint:', 'two.mov', 'two', fingerprinter=Whole())
END

cd "$tmp"
mkdir stored
node server.mjs > port 2> errors &
server=$!
for _ in $(seq 300); do [ -s port ] && break; sleep 0.1; done
"$tmp/venv/bin/python" probe.py "$(cat port)" | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
