#!/usr/bin/env bash
# A minute of speech in a WAV of ADPCM or GSM, as answering machines keep it, is 0.1 seconds long for mutagen
#
# Guess: a length in a WAV is right for each codec, as the header has bytes per second and, where these don't help, the
#        number of samples ("fact"); what isn't known is an error or None, as elsewhere in mutagen.
# Seen:  mutagen 1.48.1, tinytag 2.3.2, soundfile 0.14.0, ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-12-01. mutagen
#        divides the bytes by the size of a block and takes the blocks for samples. That is right for PCM and for u-law,
#        where a block is one sample; a block of ADPCM has 500 or more, of GSM 320, of MP3 a frame. No error, no
#        warning, and a bit rate of 0 for GSM and MP3, whose header has 0 bits a sample. The other three are right. An
#        issue of 2022 (mutagen 578) with a file of 4 bits a sample was closed as fixed.
# So:    a filter "longer than two seconds" throws away each voice message of less than ten minutes.
# Source: mutagen/wave.py (WaveStreamInfo); the format chunk of WAVE (nBlockAlign, nAvgBytesPerSec) and its "fact" chunk
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "mutagen==1.48.1" "tinytag==2.3.2" "soundfile==0.14.0" \
  "numpy==2.4.6" "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
PCM_16         mutagen  60.000 s, 128000 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
ULAW           mutagen  60.000 s,  64000 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
IMA_ADPCM      mutagen   0.119 s,  32000 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
MS_ADPCM       mutagen   0.120 s,  32000 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
GSM610         mutagen   0.188 s,      0 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
adpcm_ima_wav  mutagen   0.029 s,  32000 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
libmp3lame     mutagen   0.013 s,      0 bit/s; ffmpeg, tinytag, libsndfile 60, 60, 60 s
END

cat > "$tmp/probe.py" <<'END'
import re
import subprocess

import imageio_ffmpeg
import mutagen
import numpy
import soundfile
from tinytag import TinyTag

RATE = 8000
SOUND = 0.3 * numpy.sin(numpy.arange(60 * RATE) * 0.3)


def ffmpeg(*words):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-hide_banner', '-y', *words]
    return subprocess.run(command, capture_output=True, encoding='utf-8').stderr


def show(what):
    info = mutagen.File('a.wav').info
    hours, minutes, seconds = re.search(r'Duration: (\d+):(\d+):([\d.]+)', ffmpeg('-i', 'a.wav')).groups()
    by_ffmpeg = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    lengths = by_ffmpeg, TinyTag.get('a.wav').duration, soundfile.info('a.wav').duration
    others = ', '.join(f'{length:.0f}' for length in lengths)
    print(f'{what:14} mutagen {info.length:7.3f} s, {info.bitrate:6} bit/s; ffmpeg, tinytag, libsndfile {others} s')


for kind in ('PCM_16', 'ULAW', 'IMA_ADPCM', 'MS_ADPCM', 'GSM610'):
    soundfile.write('a.wav', SOUND, RATE, kind)
    show(kind)
soundfile.write('in.wav', SOUND, RATE)
for codec in ('adpcm_ima_wav', 'libmp3lame'):
    ffmpeg('-i', 'in.wav', '-c:a', codec, 'a.wav')
    show(codec)
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
