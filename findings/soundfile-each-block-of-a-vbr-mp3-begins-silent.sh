#!/usr/bin/env bash
# soundfile: an MP3 of variable rate read by blocks() has a hole at the start of each block, up to an eighth of a second
#
# Guess: blocks put one after the other are what read() gives in one piece; of a piece from the middle, at most the
#        first 1,152 samples (a frame) may sound otherwise.
# Seen:  soundfile 0.14.0 (libsndfile 1.2.2), 2026-12-01. soundfile seeks to where it is anyhow after each read(), so
#        that each block begins like a piece from the middle. There MP3 needs what earlier frames have put by for later
#        ones; libsndfile goes back too few frames for those of a variable rate, which are small and reach far back:
#        silence of 30 to 120 ms, then sound. The number of samples is right, and there is no warning. Of a constant
#        rate, and in the first block, all is right, so that a test with -b:a doesn't show it.
# So:    speech that is recognised or converted block by block loses a syllable at each border. Read the file in one
#        piece, or each piece a second early and cut.
# Source: soundfile.py (_cdata_io: seek after each read), libsndfile src/mpeg_decode.c, ISO/IEC 11172-3, 2.4.3.4
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "soundfile==0.14.0" "numpy==2.4.6" "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
voice   -b:a 64k      blocks(): right; read(start): same
voice   -q:a 4        blocks(): many wrong; read(start): same
voice   -q:a 6        blocks(): many silent, right after 30 ms or more; read(start): same
voice   -q:a 6 -ac 2  blocks(): many silent, right after 30 ms or more; read(start): same
a note  -b:a 64k      blocks(): right; read(start): same
a note  -q:a 4        blocks(): all silent, right after 50 ms or more; read(start): same
a note  -q:a 6        blocks(): all silent, right after 50 ms or more; read(start): same
a note  -q:a 6 -ac 2  blocks(): all silent, right after 100 ms or more; read(start): same
END

cat > "$tmp/probe.py" <<'END'
import subprocess

import imageio_ffmpeg
import numpy
import soundfile

RATE = 44100
T = numpy.arange(RATE * 20) / RATE
PITCH = 2 * numpy.pi * numpy.cumsum(120 + 20 * numpy.sin(0.6 * numpy.pi * T)) / RATE
VOICE = sum(numpy.sin(n * PITCH) / n for n in range(1, 20)) * (0.5 + 0.5 * numpy.sin(8 * numpy.pi * T)) * 0.15
NOTE = 0.4 * numpy.sin(880 * numpy.pi * T)


def ffmpeg(*words):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', *words]
    return subprocess.run(command, check=True, capture_output=True).stdout


def judge(whole, pieces):
    """How many pieces begin otherwise than the same place of the whole file, and for how long at most."""
    wrong, silent = [], False
    for second, piece in pieces:
        apart = numpy.nonzero(numpy.abs(whole[second * RATE:(second + 1) * RATE] - piece) > 0.02)[0]
        wrong.append((apart[-1] + 1) / RATE * 1000 if len(apart) else 0)
        silent |= len(apart) > 0 and numpy.abs(piece[:400]).max() < 0.0001
    if not any(wrong):
        return 'right'
    longest = max(edge for edge in (0, 30, 50, 100) if edge <= max(wrong))
    return ('all ' if all(wrong) else 'many ') + (f'silent, right after {longest} ms or more' if silent else 'wrong')


for name, sound in (('voice', VOICE), ('a note', NOTE)):
    soundfile.write('in.wav', sound, RATE)
    for words in ('-b:a 64k', '-q:a 4', '-q:a 6', '-q:a 6 -ac 2'):
        ffmpeg('-i', 'in.wav', '-c:a', 'libmp3lame', *words.split(), 'a.mp3')
        whole = soundfile.read('a.mp3', always_2d=True)[0][:, 0]
        assert len(whole) == len(sound)
        found = []
        for pieces in (soundfile.blocks('a.mp3', RATE, always_2d=True),
                       (soundfile.read('a.mp3', RATE, at * RATE, always_2d=True)[0] for at in range(20))):
            found.append(judge(whole, list(enumerate(piece[:, 0] for piece in pieces))[1:]))
        print(f'{name:7} {words:13} blocks(): {found[0]}; read(start):', 'same' if found[1] == found[0] else found[1])
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
