#!/usr/bin/env bash
# gzip (zlib 1.2.13, ISA-L 2.32): a flipped bit in the middle of a .gz is not always noticed
#
# Guess: a gzip file has a CRC-32 over its content (RFC 1952), so that any single flipped bit behind its header ends in
#        an error: "flip a byte, expect a refusal" is a sound test of a reader of archives.
# Seen:  2026-11-30, a log of 2,000 similar lines: of the bits of the compressed data several can be flipped, and zlib
#        and ISA-L both return the content without an error. The content is the right one: the bit belonged to the
#        distance of a match, and the same text is found there too. So the CRC is right to say nothing, but the file is
#        another one, with another SHA-256, than the one that was written.
# So:    a checksum of the file and one of its content answer different questions. A test that damages a .gz has to
#        change more than one bit, or look at the content; a list of checksums of files reports damage that is none.
# Source: RFC 1951, 3.2.3: a match is a length and a distance, and several distances may lead to equal bytes.
# Pins:  isal==1.9.1 (ISA-L 2.32.1); zlib as Python has it
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check isal==1.9.1

cat > "$tmp/expected" <<'END'
unnoticed by zlib: True
unnoticed by isal: True
another checksum of the file: True
END

cat > "$tmp/probe.py" <<'END'
import hashlib
import random
import zlib

from isal import isal_zlib

GZIP = 31
chance = random.Random(1)
names = ('PublishVideo', 'BackupFolder', 'RunCommand')
content = ''.join(
    f'{n} run {chance.randrange(9999)} of pipeline {chance.choice(names)} succeeded after {chance.random() * 99:.3f} s\n'
    for n in range(2000)
).encode()
packer = isal_zlib.compressobj(2, zlib.DEFLATED, GZIP)
packed = packer.compress(content) + packer.flush()


def flipped():
    """Yield the file with one bit of its compressed data flipped, some thousand times."""
    for place in range(5000, len(packed) - 8, 7):
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[place] ^= 1 << bit
            yield bytes(damaged)


def same_by(decompress, damaged):
    try:
        return decompress(damaged, GZIP) == content
    except (zlib.error, isal_zlib.error):
        return False


unnoticed = [damaged for damaged in flipped() if same_by(zlib.decompress, damaged)]
print('unnoticed by zlib:', bool(unnoticed))
print('unnoticed by isal:', all(same_by(isal_zlib.decompress, damaged) for damaged in unnoticed))
sums = {hashlib.sha256(damaged).digest() for damaged in [packed, *unnoticed]}
print('another checksum of the file:', len(sums) == len(unnoticed) + 1)
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff -u "$tmp/expected" "$tmp/seen" || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
