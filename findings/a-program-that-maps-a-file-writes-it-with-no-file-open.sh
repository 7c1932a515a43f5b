#!/usr/bin/env bash
# A program writes a file through a mapping after it has closed it: the open files of all processes don't show that
#
# Guess: a file that no process has open for writing is finished: psutil's open_files(), /proc/PID/fd and lsof's FD
#        column name every writer.
# Seen:  psutil 7.2.2, Linux 6.18, 2026-11-30: after open, mmap and close the writer is in none of them and still
#        changes the file. A read lease (fcntl F_SETLEASE, F_RDLCK) is refused with EAGAIN until the mapping is gone, and
#        for a plain writer too; a reader is no obstacle. It also sees writers of other users, whose /proc is closed.
# So:    "take the file once nobody has it open" takes it half written from downloaders and databases that map files.
# Source: fcntl(2), Leases; mmap(2): closing the file descriptor does not unmap the region.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
[[ "$(uname -s)" == Linux ]] || { echo "Linux only"; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "psutil==7.2.2"

cat > "$tmp/expected" <<'END'
nobody                open files: no   lease: granted
a reader              open files: yes  lease: granted
a writer              open files: yes  lease: refused
a mapping, closed     open files: no   lease: refused
  and it wrote: True
nobody again          open files: no   lease: granted
END

cat > "$tmp/writer.py" <<'END'
import ctypes
import os
import sys

path, how = sys.argv[1:]
if how == 'reader':
    held = open(path, 'rb')
elif how == 'writer':
    held = open(path, 'ab')
else:
    file = os.open(path, os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)  # Python's own mmap keeps the file open
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    held = libc.mmap(None, 4, 3, 1, file, 0)  # to read and write, shared
    os.close(file)
print('ready', flush=True)
sys.stdin.readline()
if how == 'mapping':
    ctypes.memmove(held, b'late', 4)
    print('written', flush=True)
    sys.stdin.readline()
END

cat > "$tmp/probe.py" <<'END'
import errno
import fcntl
import os
import signal
import subprocess
import sys

import psutil

F_SETSIG = 10
path = os.path.realpath('film')
with open(path, 'wb') as out:
    out.write(b'film')


def lease():
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(file, F_SETSIG, signal.SIGURG)  # ignored, unlike SIGIO
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return 'granted'
    except OSError as error:
        return 'refused' if error.errno == errno.EAGAIN else errno.errorcode[error.errno]
    finally:
        os.close(file)


def is_open():
    for process in psutil.process_iter():
        try:
            if any(item.path == path for item in process.open_files()):
                return 'yes'
        except psutil.Error:
            continue
    return 'no'


def tell(who):
    print(f'{who:21} open files: {is_open():4} lease: {lease()}')


def during(who, how):
    writer = subprocess.Popen(
        [sys.executable, 'writer.py', path, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    writer.stdout.readline()
    tell(who)
    writer.stdin.write('\n')
    writer.stdin.flush()
    if how == 'mapping':
        writer.stdout.readline()
        print('  and it wrote:', open(path, 'rb').read() == b'late')
    writer.communicate('\n')


tell('nobody')
during('a reader', 'reader')
during('a writer', 'writer')
during('a mapping, closed', 'mapping')
tell('nobody again')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
