#!/usr/bin/env bash
# A caption "if 2 &lt; 3, go on" of WebVTT, written again by ffmpeg or ttconv, is "if 2" for whoever reads it
#
# Guess: a writer of WebVTT writes "<" and "&" of a text as &lt; and &amp;, as the format asks; above all, whoever reads
#        WebVTT and writes WebVTT gives back what it got.
# Seen:  ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), ttconv 1.2.3, pysubs2 1.8.1, webvtt-py 0.6.0, 2026-12-01. ffmpeg and
#        ttconv undo the escape while reading and write the text bare; ttconv does so from TTML, too. For a reader "<"
#        begins a tag, which goes on to the next ">" or the end of the caption: for ffmpeg and ttconv themselves, which
#        can't read back their own files, and for Chromium 156, looked at by hand. From SubRip, where "<" before a space
#        or a digit is plain text, all four write it bare. No writer says a word. pysubs2 and webvtt-py keep the text
#        of WebVTT as it is, and so does ffmpeg with `-c copy`.
# So:    captions of maths, of code and of hearts ("I <3 you") lose their end on the second way through; the number of
#        captions and their times stay right.
# Source: libavcodec/webvttenc.c, ttconv/vtt/cue.py; WebVTT, "WebVTT cue text span" and its tokenizer
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==0.8.1" "ttconv==1.2.3" "pysubs2==1.8.1" \
  "webvtt-py==0.6.0"

cat > "$tmp/expected" <<'END'
WebVTT, by ffmpeg  if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
  by ttconv        <c.bg_color_000000cc>if 2 < 3, go on</c>  read by ffmpeg "if 2", ttconv "if 2"
  by pysubs2       if 2 &lt; 3, go on                        read by ffmpeg "if 2 < 3, go on", ttconv "if 2 < 3, go on"
  by webvtt-py     if 2 &lt; 3, go on                        read by ffmpeg "if 2 < 3, go on", ttconv "if 2 < 3, go on"
TTML, by ttconv    if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
SubRip, by ffmpeg  if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
  by ttconv        if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
  by pysubs2       if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
  by webvtt-py     if 2 < 3, go on                           read by ffmpeg "if 2", ttconv "if 2"
END

cat > "$tmp/probe.py" <<'END'
import io
import logging
import subprocess
from xml.etree import ElementTree

import imageio_ffmpeg
import webvtt
from pysubs2 import SSAFile
from ttconv.imsc.reader import to_model as ttml_model
from ttconv.srt import reader as srt_reader, writer as srt_writer
from ttconv.vtt import reader as vtt_reader, writer as vtt_writer

logging.disable()
VTT = 'WEBVTT\n\n00:01.000 --> 00:02.000\nif 2 &lt; 3, go on\n'
SRT = '1\n00:00:01,000 --> 00:00:02,000\nif 2 < 3, go on\n'
TTML = ('<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body><div><p begin="1s" end="2s">if 2 &lt; 3, go on</p>'
        '</div></body></tt>')


def ffmpeg(text, source, target):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-f', source, '-i', '-', '-f', target, '-']
    return subprocess.run(command, input=text, check=True, capture_output=True, encoding='utf-8').stdout


def by_webvtt(text, form):
    out = io.StringIO()
    webvtt.from_buffer(io.StringIO(text), form).write(out)
    return out.getvalue()


def show(what, made):
    """The caption in the file that was made, and what is left of it for readers."""
    files = made, ffmpeg(made, 'webvtt', 'srt'), srt_writer.from_model(vtt_reader.to_model(io.StringIO(made)))
    caption, left, right = (file.strip().split('\n')[-1].strip() for file in files)
    print(f'{what:18} {caption:41} read by ffmpeg "{left}", ttconv "{right}"')


show('WebVTT, by ffmpeg', ffmpeg(VTT, 'webvtt', 'webvtt'))
show('  by ttconv', vtt_writer.from_model(vtt_reader.to_model(io.StringIO(VTT))))
show('  by pysubs2', SSAFile.from_string(VTT).to_string('vtt'))
show('  by webvtt-py', by_webvtt(VTT, 'vtt'))
show('TTML, by ttconv', vtt_writer.from_model(ttml_model(ElementTree.ElementTree(ElementTree.fromstring(TTML)))))
show('SubRip, by ffmpeg', ffmpeg(SRT, 'srt', 'webvtt'))
show('  by ttconv', vtt_writer.from_model(srt_reader.to_model(io.StringIO(SRT))))
show('  by pysubs2', SSAFile.from_string(SRT).to_string('vtt'))
show('  by webvtt-py', by_webvtt(SRT, 'srt'))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
