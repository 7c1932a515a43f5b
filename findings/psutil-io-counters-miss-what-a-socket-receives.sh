#!/usr/bin/env bash
# psutil's read_chars of a process on Linux: 50 MB from a socket are none with recv() and all with read()
#
# Guess: read_chars counts what a process reads, from wherever: the kernel's manual (proc_pid_io(5)) says "includes
#        things like terminal I/O", and psutil calls it the bytes passed to read() and write() calls.
# Seen:  psutil 7.2.2, CPython 3.11 on Linux, 2026-11-30: a download by socket.recv() leaves read_chars where it was; the
#        same bytes by os.read() on the same socket are counted, and so is a file copied by shutil.copyfile, whose data
#        never passes through the process. sendall() is not counted either, os.write() on the socket is.
# So:    "does it still transfer?" asked of these counters calls a busy download into memory silent; ask for CPU as well.
# Source: Linux fs/read_write.c (add_rchar in vfs_read, vfs_copy_file_range and do_sendfile), net/socket.c (none there).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "psutil==7.2.2"

cat > "$tmp/expected" <<'END'
socket.recv      0 MB read     0 MB written
os.read         50 MB read     0 MB written
socket.sendall   0 MB read     0 MB written
os.write         0 MB read    50 MB written
copyfile        50 MB read    50 MB written
END

cat > "$tmp/probe.py" <<'END'
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil

SIZE = 50_000_000
OTHER = (
    'import socket, sys; c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))\n'
    'if sys.argv[2] == "sends": c.sendall(bytes(50_000_000))\n'
    'else:\n    while c.recv(1 << 16): pass\n'
)


def counted(name, work):
    process = psutil.Process()
    before = process.io_counters()
    work()
    after = process.io_counters()
    read, written = after.read_chars - before.read_chars, after.write_chars - before.write_chars
    print(f'{name:14} {round(read / 1e6):3} MB read  {round(written / 1e6):4} MB written')


def with_other(what, work):
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = str(server.getsockname()[1])
        other = subprocess.Popen([sys.executable, '-c', OTHER, port, what])
        connection, _ = server.accept()
        with connection:
            work(connection)
        other.wait()


def receive(connection):
    while connection.recv(1 << 16):
        pass


def read(connection):
    while os.read(connection.fileno(), 1 << 16):
        pass


def write(connection):
    left = SIZE
    while left:
        left -= os.write(connection.fileno(), bytes(min(left, 1 << 16)))


with_other('sends', lambda connection: counted('socket.recv', lambda: receive(connection)))
with_other('sends', lambda connection: counted('os.read', lambda: read(connection)))
with_other('receives', lambda connection: counted('socket.sendall', lambda: connection.sendall(bytes(SIZE))))
with_other('receives', lambda connection: counted('os.write', lambda: write(connection)))
Path('from').write_bytes(bytes(SIZE))
counted('copyfile', lambda: shutil.copyfile('from', 'to'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
