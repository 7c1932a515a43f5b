#!/usr/bin/env bash
# ffmpeg writes "{note}" of a WebVTT file into the text track of an mp4 as "\{{}note}", and "a<b and c>d" of SubRip as "ad"
#
# Guess: ffmpeg reads captions into text and commands, so what a WebVTT file says plainly is in the mp4 letter by letter;
#        braces are nothing to WebVTT, SubRip or tx3g.
# Seen:  ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), PyAV 18.1.0 to read the track, 2026-11-29: every decoder turns captions
#        into SubStation Alpha, where a brace begins a command. That of WebVTT escapes it as "\{{}" and each backslash
#        by an invisible U+2060, which libass undoes when it draws; the encoder of mov_text does not, so a player shows
#        both. That of SubRip leaves braces and backslashes as they are, so "C:\new" becomes two lines, and takes any
#        "<b ...>" for a tag: "a<b and c>d" is "ad" in bold.
# So:    a caption with a brace or a backslash can't be given to ffmpeg for an mp4. Writing the packets (two bytes of
#        length and UTF-8) with PyAV and copying them keeps every letter.
# Source: libavcodec/ass.c (ff_ass_bprint_text_event), webvttdec.c, htmlsubtitles.c, movtextenc.c; 3GPP TS 26.245.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==0.8.1" "av==18.1.0"

cat > "$tmp/expected" <<'END'
typed          through .vtt       through .srt   packets copied
'{note}'       '\\{{}note}'       '{note}'       '{note}'
'C:\\new'      'C:\\\u2060new'    'C:\new'       'C:\\new'
'a<b and c>d'  'a<b and c>d'      'ad'           'a<b and c>d'
'<i>'          '<i>'              ''             '<i>'
'end'          'end'              'end'          'end'
END

cat > "$tmp/probe.py" <<'END'
import html
import subprocess
from fractions import Fraction

import av
import imageio_ffmpeg

TYPED = ['{note}', 'C:\\new', 'a<b and c>d', '<i>', 'end']


def time(second, mark):
    return f'00:00:{second:02}{mark}000'


def muxed(source, codec):
    """The text of each second in the track that ffmpeg made."""
    picture = ['-f', 'lavfi', '-i', 'color=size=64x64:rate=1:duration=9']
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', *picture, '-i', source, '-map', '0:v',
                    '-map', '1:0', '-c:s', codec, 'out.mp4'], check=True)
    with av.open('out.mp4') as file:
        found = {round(float(p.pts * p.time_base), 2): bytes(p)[2:2 + int.from_bytes(bytes(p)[:2], 'big')].decode()
                 for p in file.demux(file.streams.subtitles[0]) if p.pts is not None and p.duration and p.size >= 2}
    return [ascii(found[n]) if n in found else 'nothing' for n in range(len(TYPED))]


with open('a.vtt', 'w') as out:
    out.write('WEBVTT\n\n' + ''.join(f'{time(n, ".")} --> {time(n + 1, ".")}\n{html.escape(t, quote=False)}\n\n'
                                     for n, t in enumerate(TYPED)))
with open('a.srt', 'w') as out:
    out.write(''.join(f'{n + 1}\n{time(n, ",")} --> {time(n + 1, ",")}\n{t}\n\n' for n, t in enumerate(TYPED)))
with av.open('a.mp4', 'w') as file:
    track = file.add_mux_stream('mov_text')
    track.time_base = Fraction(1, 1000)
    for n, t in enumerate(TYPED):
        packet = av.Packet(len(t).to_bytes(2, 'big') + t.encode())
        packet.stream, packet.time_base, packet.pts, packet.dts = track, track.time_base, n * 1000, n * 1000
        packet.duration = 1000
        file.mux(packet)

columns = [muxed('a.vtt', 'mov_text'), muxed('a.srt', 'mov_text'), muxed('a.mp4', 'copy')]
print('typed          through .vtt       through .srt   packets copied')
for t, vtt, srt, copied in zip(map(ascii, TYPED), *columns):
    print(f'{t:15}{vtt:19}{srt:15}{copied}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
