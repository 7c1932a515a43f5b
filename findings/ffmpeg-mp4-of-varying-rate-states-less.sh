#!/usr/bin/env bash
# ffmpeg: an MP4 of varying rate with B-frames states a length without its last frames; -sseof without a length reads all
#
# Guess: the duration in an MP4's header reaches to the end of the last frame that is shown, and `-sseof -3` decodes
#        three seconds of any file.
# Seen:  ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-11-29. 25 frames in the first second, then one every two seconds,
#        the last at 18 s: the header says 14.12 s, since the muxer adds up decoding times, which B-frames move to
#        earlier ones. With `-bf 0` it says 18.04. `-sseof -3` of 40 s decodes 75 frames, but all 1,000 of the same
#        film as a live Matroska, which states no length: it starts at the beginning.
# So:    a player stops early and a check "is it cut short?" refuses good screen recordings; a look at the end of a
#        browser's recording of three hours takes as long as decoding it.
# Source: libavformat/movenc.c (track_duration), fftools/ffmpeg_demux.c (start_time_eof).
# Pins:  imageio-ffmpeg==0.8.1
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
B-frames 3  states 00:00:14.12
B-frames 0  states 00:00:18.04
-sseof -3 of whole.mkv decodes 75 of 1000 frames
-sseof -3 of live.mkv decodes 1000 of 1000 frames
END

cd "$tmp"
ffmpeg=$("$tmp/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
make() { "$ffmpeg" -v error -nostdin -y "$@"; }
for count in 3 0; do
  make -f lavfi -i "testsrc2=s=160x90:r=25:d=20,select='lt(n,25)+not(mod(n,50))',settb=1/1000" -fps_mode vfr \
    -c:v libx264 -preset veryfast -bf "$count" -pix_fmt yuv420p screen.mp4
  said=$("$ffmpeg" -hide_banner -i screen.mp4 -c copy -f null - 2>&1 | sed -nE 's/^ *Duration: ([0-9:.]+).*/\1/p')
  echo "B-frames $count  states $said"
done > seen
make -f lavfi -i testsrc2=s=96x64:r=25:d=40 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 whole.mkv
make -i whole.mkv -c copy -live 1 live.mkv
for film in whole.mkv live.mkv; do
  frames=$("$ffmpeg" -v quiet -nostdin -sseof -3 -i "$film" -f null -progress - - | sed -n 's/^frame=//p' | tail -1)
  echo "-sseof -3 of $film decodes $frames of 1000 frames"
done >> seen
cat seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
