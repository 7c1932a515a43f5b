#!/usr/bin/env bash
# pysubs2 shows comments (NOTE) and named cue identifiers of a WebVTT file as spoken text, one cue too early
#
# Guess: a blank line ends a cue, so a NOTE block and an identifier after it are dropped or kept aside; at worst a
#        comment is lost. Numbers as identifiers are the common case and work, so names do.
# Seen:  pysubs2 1.8.1, webvtt-py 0.6.0, ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-11-29: pysubs2 takes everything up
#        to the next timing line as text of the cue before, blank lines included, except a line of digits. The comment
#        and the name of the next cue are burnt in under the sentence before; in front of the first cue both are
#        dropped, so a test with one cue sees nothing. webvtt-py and ffmpeg show the three sentences.
# So:    captions that went through a converter show the editor's remarks and the cue names of an editing program.
# Source: pysubs2/formats/webvtt.py, subrip.py; W3C WebVTT 4.1 (comment block, cue identifier).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pysubs2==1.8.1" "webvtt-py==0.6.0" "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
pysubs2    Hello. / NOTE the next one is Bob | Bye. / credits | The end.
webvtt-py  Hello. | Bye. | The end.
ffmpeg     Hello. | Bye. | The end.
END

cat > "$tmp/film.vtt" <<'END'
WEBVTT

NOTE made by hand

opening
00:01.000 --> 00:02.000
Hello.

NOTE the next one is Bob

2
00:03.000 --> 00:04.000
Bye.

credits
00:05.000 --> 00:06.000
The end.
END

cat > "$tmp/probe.py" <<'END'
import re
import subprocess

import imageio_ffmpeg
import pysubs2
import webvtt

texts = [e.plaintext for e in pysubs2.load('film.vtt')]
print('pysubs2   ', ' | '.join(re.sub('\n+', ' / ', t) for t in texts))
print('webvtt-py ', ' | '.join(c.text for c in webvtt.read('film.vtt')))
srt = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', 'film.vtt', '-f', 'srt', '-'],
                     check=True, capture_output=True, text=True).stdout
cues = [block.split('\n', 2)[2] for block in srt.strip().split('\n\n')]
print('ffmpeg    ', ' | '.join(c.replace('\n', ' / ') for c in cues))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
