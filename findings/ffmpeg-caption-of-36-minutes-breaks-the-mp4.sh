#!/usr/bin/env bash
# A caption shown for 36 minutes stops ffmpeg from writing an MP4, and one of 35 minutes does not
#
# Guess: MP4 holds films of many hours, so a caption in it may be shown as long as the film lasts.
# Seen:  ffmpeg 7.0.2 and 9.0.2 (imageio-ffmpeg 0.6.0, 0.8.1), 2026-11-29. Subtitles are counted in microseconds, and
#        the writer takes no duration above 2^31 of them: 2,147.48 s, 35 min 47 s. One longer cue fails the whole call
#        with "Application provided duration: 2160000000 ... is invalid", film and sound included, when the cue is
#        reached: right at the start. Matroska takes it. With `-time_base:s 1:1000` MP4 does too, and the times that
#        are read back are the same; `-enc_time_base:s` and `-movie_timescale` change nothing.
# So:    a title as caption works in every test with a short clip, and fails with every real film.
# Source: libavformat/movenc.c (check_pkt: duration < 0 || duration > INT_MAX), fftools (time base of subtitles).
# Pins:  imageio-ffmpeg==0.6.0, imageio-ffmpeg==0.8.1
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for version in 0.6.0 0.8.1; do
  python3 -m venv "$tmp/$version"
  "$tmp/$version/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==$version"
done

cat > "$tmp/expected" <<'END'
ffmpeg 7.0.2
  35 min  to mp4, written: 00:00:00,000 --> 00:35:00,000
  36 min  to mp4, Application provided duration: 2160000000 is invalid
  36 min  to mkv, written: 00:00:00,000 --> 00:36:00,000
  36 min  to mp4 -enc_time_base:s 1:1000, Application provided duration: 2160000000 is invalid
  36 min  to mp4 -movie_timescale 1000, Application provided duration: 2160000000 is invalid
  36 min  to mp4 -time_base:s 1:1000, written: 00:00:00,000 --> 00:36:00,000
ffmpeg 9.0.2
  35 min  to mp4, written: 00:00:00,000 --> 00:35:00,000
  36 min  to mp4, Application provided duration: 2160000000 in stream 1 is invalid
  36 min  to mkv, written: 00:00:00,000 --> 00:36:00,000
  36 min  to mp4 -enc_time_base:s 1:1000, Application provided duration: 2160000000 in stream 1 is invalid
  36 min  to mp4 -movie_timescale 1000, Application provided duration: 2160000000 in stream 1 is invalid
  36 min  to mp4 -time_base:s 1:1000, written: 00:00:00,000 --> 00:36:00,000
END

cd "$tmp"
for version in 0.6.0 0.8.1; do
  ffmpeg=$("$version/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
  "$ffmpeg" -version | sed -nE '1s/^(ffmpeg) version n?([0-9.]+).*/\1 \2/p'
  try() {  # minutes, container, options
    local minutes=$1 kind=$2; shift 2
    printf '1\n00:00:00,000 --> 00:%s:00,000\nThe title\n' "$minutes" > caption.srt
    printf '  %s min  to %s' "$minutes" "$kind"; [ $# -gt 0 ] && printf ' %s' "$@"
    local codec=mov_text; [ "$kind" = mkv ] && codec=subrip
    local inputs=(-f lavfi -i testsrc=s=64x48:d=0.2 -i caption.srt)
    if "$ffmpeg" -v error -nostdin -y "${inputs[@]}" -c:s $codec "$@" "film.$kind" 2> words
    then printf ', written: %s\n' "$("$ffmpeg" -v error -i "film.$kind" -map 0:s -f srt - | sed -n 2p)"
    else printf ', %s\n' "$(sed -n '1s/^\[[^]]*\] //p' words)"; fi
  }
  try 35 mp4; try 36 mp4; try 36 mkv
  try 36 mp4 -enc_time_base:s 1:1000; try 36 mp4 -movie_timescale 1000; try 36 mp4 -time_base:s 1:1000
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
