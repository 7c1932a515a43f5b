#!/usr/bin/env bash
# bsdtar turns an extended attribute "user.a=b" into "user.a%3Db", and one that it archived itself into both
#
# Guess: both tars keep attributes in records SCHILY.xattr.NAME, which star invented, so a name comes back as it was.
# Seen:  GNU tar 1.34 and bsdtar 3.6.2 (Debian 12), 2026-11-29. An equals sign would end the key of a pax record, so
#        both write it as %3D, and a percent sign as %25. GNU tar undoes that. bsdtar does not: from an archive of GNU
#        tar it makes "user.a%3Db" alone; in its own it writes each attribute a second time as LIBARCHIVE.xattr, whose
#        names it does undo, so the file comes back with two attributes for each one. Exit code 0, no message.
# So:    attributes with = or % in their names are lost or doubled on the way through bsdtar (macOS, FreeBSD, Windows).
# Source: GNU tar, src/xheader.c (xattr_decode_keyword); libarchive/archive_read_support_format_tar.c
#         (pax_attribute_schily_xattr, pax_attribute_LIBARCHIVE_xattr).
# Pins:  none: tar and bsdtar (libarchive-tools) of the machine; needs user attributes in the temp folder
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
command -v bsdtar > /dev/null || { echo "SKIPPED: install libarchive-tools" >&2; exit 0; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat > "$tmp/expected" <<'END'
archived by tar     unpacked by tar     user.a=b: value  user.c%d: value
archived by tar     unpacked by bsdtar  user.a%3Db: value  user.c%25d: value
archived by bsdtar  unpacked by bsdtar  user.a%3Db: value  user.a=b: value  user.c%25d: value  user.c%d: value
archived by bsdtar  unpacked by tar     user.a=b: value  user.c%d: value
END

cat > "$tmp/probe.py" <<'END'
import os
import subprocess

CREATE = {'tar': ['tar', '--xattrs', '--format=posix', '-cf'], 'bsdtar': ['bsdtar', '--xattrs', '--format=pax', '-cf']}
UNPACK = {'tar': ['tar', '--xattrs', '--xattrs-include=*', '-xf'], 'bsdtar': ['bsdtar', '-xpf']}
open('file', 'w').close()
os.setxattr('file', 'user.a=b', b'value')
os.setxattr('file', 'user.c%d', b'value')
for maker, reader in (('tar', 'tar'), ('tar', 'bsdtar'), ('bsdtar', 'bsdtar'), ('bsdtar', 'tar')):
    archive, place = os.path.abspath(f'{maker}.tar'), f'{maker}-{reader}'
    subprocess.run([*CREATE[maker], archive, 'file'], check=True)
    os.mkdir(place)
    subprocess.run([*UNPACK[reader], archive], cwd=place, check=True)
    path = f'{place}/file'
    found = '  '.join(f'{name}: {os.getxattr(path, name).decode()}' for name in sorted(os.listxattr(path)))
    print(f'archived by {maker:7} unpacked by {reader:7} {found}')
END

cd "$tmp"
python3 probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
