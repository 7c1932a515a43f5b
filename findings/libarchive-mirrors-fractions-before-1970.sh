#!/usr/bin/env bash
# libarchive (bsdtar) writes half a second before 1970 as -1.5 and reads -1.5 as half a second before 1970
#
# Guess: the mtime record of a pax header is a decimal number, so "-1.5" is one and a half seconds before 1970, in every
#        program.
# Seen:  libarchive 3.5.1 (libarchive-c 5.3) and Python's tarfile, 2026-11-29; bsdtar 3.6.2 of Debian 12 and GNU tar
#        1.34 say the same. libarchive keeps seconds rounded down and a fraction that counts up, and puts them side by
#        side: -2 s and +0.5 s become "-2.5", and "-1.5" is read as -1 s and +0.5 s. By itself it agrees with itself;
#        between it and tarfile or GNU tar a time moves by twice its fraction, in either direction. Whole seconds, and
#        all times after 1970, are right.
# So:    a restore that compares times to the nanosecond finds scans and photos dated before 1970 changed, depending on
#        which program unpacked them.
# Source: POSIX.1-2008, pax, "pax Extended Header" (mtime); libarchive/archive_read_support_format_tar.c (pax_time),
#         archive_write_set_format_pax.c (add_pax_attr_time).
# Pins:  libarchive-c==5.3, extractcode-libarchive==3.5.1.210531 (the library itself)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check --no-deps \
  "libarchive-c==5.3" "extractcode-libarchive==3.5.1.210531"
LIBARCHIVE=$(find "$tmp/venv" -name 'libarchive.so*' | head -n 1)
export LIBARCHIVE

cat > "$tmp/expected" <<'END'
           tarfile: record, tarfile reads, libarchive reads   libarchive: record, tarfile reads, libarchive reads
   -1.5    -1.5       -1.5      -0.5      -2.5       -2.5      -1.5
  -1.25    -1.25      -1.25     -0.75     -2.75      -2.75     -1.25
     -2    -2         -2        -2        -2         -2        -2
    1.5    1.5        1.5       1.5       1.5        1.5       1.5
END

cat > "$tmp/probe.py" <<'END'
import io
import math
import os
import re
import tarfile

import libarchive


def by_tarfile(path, mtime):
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo('photo.jpg')
        info.mtime = mtime
        tar.addfile(info, io.BytesIO())


def by_libarchive(path, mtime):
    seconds = math.floor(mtime)
    with libarchive.file_writer(path, 'pax') as archive:
        archive.add_file_from_memory('photo.jpg', 0, b'', mtime=(seconds, int((mtime - seconds) * 1e9)))


def record(path):
    found = re.search(rb'mtime=([-.0-9]+)\n', open(path, 'rb').read())
    return found[1].decode() if found else 'none'


def tarfile_reads(path):
    with tarfile.open(path) as tar:
        return f'{tar.getmembers()[0].mtime:g}'


def libarchive_reads(path):
    with libarchive.file_reader(path) as archive:
        return ' '.join(f'{entry.mtime:g}' for entry in archive)


print(f'{"":11}tarfile: record, tarfile reads, libarchive reads   libarchive: record, tarfile reads, libarchive reads')
for mtime in (-1.5, -1.25, -2, 1.5):
    seen = []
    for write in (by_tarfile, by_libarchive):
        write('a.tar', mtime)
        seen += [f'{record("a.tar"):10}', f'{tarfile_reads("a.tar"):9}', f'{libarchive_reads("a.tar"):9}']
    print(f'{mtime:7g}    ' + ' '.join(seen).rstrip())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
