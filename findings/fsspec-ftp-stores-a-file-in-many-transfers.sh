#!/usr/bin/env bash
# fsspec: one file written by FTP is a STOR for each 64 KiB, and an empty one at the end
#
# Guess: `fs.open('ftp://...', 'wb')` streams into one STOR, as ftplib's storbinary does; or says how large its pieces are.
# Seen:  fsspec 2026.9.0, pyftpdlib 2.2.0, 2026-11-29: 1 MiB in writes of 16 KiB is 17 times REST and STOR, each with a
#        data connection of its own, each answered "226 Transfer complete", the last one for no bytes at all. One write
#        of 1 MiB is two. What counts is the size of the caller's writes, from 64 KiB on.
# So:    a server with an upload hook takes the first piece for the file; one without REST for STOR keeps only the last;
#        and 2 GB through shutil.copyfileobj are 32,768 data connections.
# Source: fsspec/implementations/ftp.py (FTPFile._upload_chunk, blocksize = 2**16); RFC 3659, 5.3
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "fsspec==2026.9.0" "pyftpdlib==2.2.0"

cat > "$tmp/expected" <<'END'
fsspec, writes of   16 KiB: 17 STOR, 1048576 bytes arrived
fsspec, writes of   64 KiB: 17 STOR, 1048576 bytes arrived
fsspec, writes of 1024 KiB: 2 STOR, 1048576 bytes arrived
ftplib's storbinary: 1 STOR, 1048576 bytes arrived
END

cat > "$tmp/probe.py" <<'END'
import io
import os
import threading
from ftplib import FTP

import fsspec
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

os.mkdir('files')
stored = []


class Handler(FTPHandler):
    authorizer = DummyAuthorizer()

    def ftp_STOR(self, file, mode='w'):
        stored.append(file)
        return super().ftp_STOR(file, mode)


Handler.authorizer.add_user('anna', 'not-secret', 'files', perm='elradfmw')
server = ThreadedFTPServer(('127.0.0.1', 0), Handler)
port = server.socket.getsockname()[1]
threading.Thread(target=server.serve_forever, daemon=True).start()
content = os.urandom(1024 * 1024)


def tell(what):
    print(f'{what}: {len(stored)} STOR, {os.path.getsize("files/film")} bytes arrived', flush=True)
    stored.clear()
    os.unlink('files/film')


fs = fsspec.filesystem('ftp', host='127.0.0.1', port=port, username='anna', password='not-secret')
for size in (16, 64, 1024):
    with fs.open('/film', 'wb') as file:
        for start in range(0, len(content), size * 1024):
            file.write(content[start : start + size * 1024])
    tell(f'fsspec, writes of {size:4} KiB')
plain = FTP()
plain.connect('127.0.0.1', port)
plain.login('anna', 'not-secret')
plain.storbinary('STOR film', io.BytesIO(content))
tell("ftplib's storbinary")
os._exit(0)
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py 2>/dev/null | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
