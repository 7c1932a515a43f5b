#!/usr/bin/env bash
# ffmpeg 9 cuts up to 85 ms off the end of Apple Lossless in CAF, also of the file that it made itself
#
# Guess: ALAC is lossless, so what goes in comes out, sample by sample, in each container and with each version; and a
#        length that the header, ffmpeg 7 and libsndfile agree on is the length that ffmpeg 9 decodes.
# Seen:  ffmpeg 7.0.2 and 9.0.2 (imageio-ffmpeg 0.6.0, 0.8.1), soundfile 0.14.0 (libsndfile 1.2.2), 2026-12-01. A CAF
#        counts in packets of 4,096 samples and states by how many the last one is short. ffmpeg 9 takes that number off
#        the end of what it decoded, but ALAC's last packet holds only its sound: 12,000 samples are 288 short, 3,000
#        are 1,096 short. Exit code 0, no message, and the stated length is the full one. ffmpeg 7 reads the same files
#        whole; ffmpeg 9 does with those of ffmpeg 7, which state a wrong length and no filling, with those that end
#        with a packet, and with the same sound in M4A.
# So:    loops click where they meet, words lose their end, a "lossless" archive differs from its source. The file isn't
#        damaged, only the reading is; a copy in Matroska (-c copy) by ffmpeg 9 is read as short, too.
# Source: libavformat/cafdec.c, cafenc.c; Apple, Core Audio Format, packet table chunk (mRemainderFrames)
# Pins:  imageio-ffmpeg==0.6.0, imageio-ffmpeg==0.8.1
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
pip() { "$tmp/venv/bin/pip" install -qq --disable-pip-version-check "$@"; }
pip --target "$tmp/7" "imageio-ffmpeg==0.6.0"
pip --target "$tmp/9" "imageio-ffmpeg==0.8.1"
pip "soundfile==0.14.0" "numpy==2.4.6"

cat > "$tmp/expected" <<'END'
samples  made by              sound + filling   ffmpeg 7  ffmpeg 9  soundfile
 12,000  ffmpeg 9.0.2, caf    12,000 + 288        12,000    11,712          -
         copied to Matroska                           11,712
 12,000  ffmpeg 7.0.2, caf    12,288 + 0          12,000    12,000          -
 12,000  soundfile, caf       12,000 + 288        12,000    11,712     12,000
 12,000  ffmpeg 9.0.2, m4a    -                   12,000    12,000          -
  3,000  ffmpeg 9.0.2, caf    3,000 + 1,096        3,000     1,904          -
  8,192  ffmpeg 9.0.2, caf    8,192 + 0            8,192     8,192          -
END

cat > "$tmp/probe.py" <<'END'
import glob
import struct
import subprocess
from pathlib import Path

import numpy
import soundfile

PROGRAMS = {f'ffmpeg {pin}': glob.glob(f'{pin[0]}/imageio_ffmpeg/binaries/ffmpeg-*')[0] for pin in ('7.0.2', '9.0.2')}


def decoded(program, name, sound):
    """How many samples come out; those are the first ones, bit by bit."""
    raw = subprocess.run([program, '-v', 'error', '-i', name, '-f', 's16le', '-'], check=True, capture_output=True)
    found = numpy.frombuffer(raw.stdout, '<i2')
    assert (found == sound[:len(found)]).all() and not raw.stderr
    return f'{len(found):8,}'


def stated(name):
    """Samples of sound and of filling, by the packet table."""
    data = Path(name).read_bytes()
    if not name.endswith('.caf'):
        return '-'
    return '{1:,} + {3:,}'.format(*struct.unpack_from('>qqii', data, data.index(b'pakt') + 12))


print('samples  made by              sound + filling   ffmpeg 7  ffmpeg 9  soundfile')
for number, kind, makers in ((12000, 'caf', ('ffmpeg 9.0.2', 'ffmpeg 7.0.2', 'soundfile')),
                             (12000, 'm4a', ('ffmpeg 9.0.2',)), (3000, 'caf', ('ffmpeg 9.0.2',)),
                             (8192, 'caf', ('ffmpeg 9.0.2',))):
    sound = numpy.random.default_rng(1).integers(-9000, 9000, number, dtype='int16')
    soundfile.write('sound.wav', sound, 48000)
    for maker in makers:
        name = f'sound.{kind}'
        if maker == 'soundfile':
            soundfile.write(name, sound, 48000, format='CAF', subtype='ALAC_16')
            own = f'{len(soundfile.read(name)[0]):8,}'
        else:
            subprocess.run([PROGRAMS[maker], '-v', 'error', '-y', '-i', 'sound.wav', '-c:a', 'alac', name], check=True)
            own = '       -'
        heard = '  '.join(decoded(program, name, sound) for program in PROGRAMS.values())
        print(f'{number:7,}  {maker + ", " + kind:20} {stated(name):16}  {heard}   {own}')
        if (number, maker, kind) == (12000, 'ffmpeg 9.0.2', 'caf'):
            subprocess.run([PROGRAMS[maker], '-v', 'error', '-y', '-i', name, '-c', 'copy', 'copy.mka'], check=True)
            print('         copied to Matroska                        ', decoded(PROGRAMS[maker], 'copy.mka', sound))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
