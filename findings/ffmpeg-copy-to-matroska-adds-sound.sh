#!/usr/bin/env bash
# `ffmpeg -c copy` from MP4 to MKV adds 1,912 samples of sound with ffmpeg 7 and none with ffmpeg 9
#
# Guess: "copy" moves packets from one container to the other, so what is heard is the same before and after, and the
#        same whichever ffmpeg did the copying.
# Seen:  ffmpeg 7.0.2 and 9.0.2 (imageio-ffmpeg 0.6.0, 0.8.1), 2 s of sound, 2026-11-29. MP4 says by an edit list that
#        an encoder's start and end padding isn't played. 7.0.2 loses that in Matroska: AAC becomes 2.043 s and starts
#        with 1,024 samples of padding, MP3 gets 1,656, and the whole film begins 23 or 25 ms late; copied back to MP4
#        it stays. 9.0.2 writes delay and padding into Matroska: 88,200 samples before and after. FLAC, without
#        padding, is right in both. The files of 7.0.2 stay wrong when 9.0.2 plays them.
# So:    a "remux, no quality lost" step changes sync and length; two machines with other wheels give other files.
# Source: libavformat/matroskaenc.c (CodecDelay, DiscardPadding), movenc.c (edit lists); Matroska specification.
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
copied by ffmpeg 7.0.2, played by ffmpeg 9.0.2
  aac   MP4 88200  copied to MKV 90112 (+1912)  video starts at 0.023
  mp3   MP4 88200  copied to MKV 89856 (+1656)  video starts at 0.025
  flac  MP4 88200  copied to MKV 88200 (+0)  video starts at 0.000
copied by ffmpeg 9.0.2, played by ffmpeg 9.0.2
  aac   MP4 88200  copied to MKV 88200 (+0)  video starts at 0.000
  mp3   MP4 88200  copied to MKV 88200 (+0)  video starts at 0.000
  flac  MP4 88200  copied to MKV 88200 (+0)  video starts at 0.000
END

cd "$tmp"
program() { "$tmp/$1/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())'; }
new=$(program 0.8.1)
samples() { echo $(( $("$new" -v error -i "$1" -map 0:a -ac 1 -f s16le - | wc -c) / 2 )); }
first() {  # time of the first picture
  "$new" -v error -copyts -i "$1" -map 0:v -c copy -frames:v 1 -f framecrc - | awk -F, '
    /^#tb/ { split($0, part, "[ /]"); over = part[4] } !/^#/ { printf "%.3f", $3 / over }'
}
for version in 0.6.0 0.8.1; do
  ffmpeg=$(program "$version")
  echo "copied by $("$ffmpeg" -version | sed -nE '1s/^(ffmpeg) version n?([0-9.]+).*/\1 \2/p'), played by ffmpeg 9.0.2"
  for codec in aac libmp3lame flac; do
    "$new" -v error -nostdin -y -f lavfi -i testsrc=d=2:s=64x48:r=25 -f lavfi -i sine=d=2:r=44100 \
      -pix_fmt yuv420p -bf 0 -c:a "$codec" -strict -2 a.mp4
    "$ffmpeg" -v error -nostdin -y -i a.mp4 -c copy a.mkv
    before=$(samples a.mp4) after=$(samples a.mkv)
    printf '  %-5s MP4 %d  copied to MKV %d (+%d)  video starts at %s\n' "${codec/libmp3lame/mp3}" "$before" "$after" \
      $((after - before)) "$(first a.mkv)"
  done
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
