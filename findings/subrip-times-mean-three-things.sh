#!/usr/bin/env bash
# "00:00:01,5" in a subtitle file is 1.5 s for pysubs2 and 1.005 s for srt, webvtt-py and ffmpeg; hour 100 is hour 0
#
# Guess: digits behind the comma are a fraction everywhere, or milliseconds everywhere; hours are read to the colon.
# Seen:  pysubs2 1.8.1, srt 3.5.3, webvtt-py 0.6.0, ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-11-29: pysubs2 reads a
#        fraction (",5" 500 ms; ",0500" 50 ms); the three others read a whole number of milliseconds (5 ms; 500 ms).
#        From "100:00:05,000" pysubs2 takes "00:00:05", a hundred hours early and without a word, although it holds
#        such a time when it comes from WebVTT; the three others have 360,005 s.
# So:    captions checked with one library and burnt in by ffmpeg are apart by up to a second; cues of a recording
#        that runs for days land at its start.
# Source: pysubs2/formats/subrip.py, times.py (TIMESTAMP); libavformat/srtdec.c; SubRip has no written standard.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pysubs2==1.8.1" "srt==3.5.3" "webvtt-py==0.6.0" "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
00:00:01,5     pysubs2 1.500  srt 1.005  webvtt-py 1.005  ffmpeg 1.005
00:00:01,50    pysubs2 1.500  srt 1.050  webvtt-py 1.050  ffmpeg 1.050
00:00:01,0500  pysubs2 1.050  srt 1.500  webvtt-py 1.500  ffmpeg 1.500
100:00:05,000  pysubs2 5.000  srt 360005.000  webvtt-py 360005.000  ffmpeg 360005.000
END

cat > "$tmp/probe.py" <<'END'
import io
import subprocess

import imageio_ffmpeg
import pysubs2
import srt
import webvtt


def seconds(text):
    h, m, s = text.replace(',', '.').split(':')
    return int(h) * 3600 + int(m) * 60 + float(s)


for start, end in (('00:00:01,5', '00:00:09,0'), ('00:00:01,50', '00:00:09,00'),
                   ('00:00:01,0500', '00:00:09,0000'), ('100:00:05,000', '100:00:09,000')):
    text = f'1\n{start} --> {end}\nHello.\n'
    with open('a.srt', 'w') as out:
        out.write(text)
    by_ffmpeg = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', 'a.srt', '-f', 'srt', '-'],
                               check=True, capture_output=True, text=True).stdout.split('\n')[1].split(' ')[0]
    times = {
        'pysubs2': pysubs2.SSAFile.from_string(text, 'srt')[0].start / 1000,
        'srt': next(srt.parse(text)).start.total_seconds(),
        'webvtt-py': seconds(webvtt.from_buffer(io.StringIO(text), 'srt')[0].start),
        'ffmpeg': seconds(by_ffmpeg),
    }
    print(f'{start:14}', '  '.join(f'{name} {t:.3f}' for name, t in times.items()))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
