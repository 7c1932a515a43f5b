#!/usr/bin/env bash
# `-map_metadata -1` leaves the chapters and takes their titles; the way to keep them is to name two other places
#
# Guess: the option drops global metadata, as its manual says of the file; chapters have an option of their own,
#        `-map_chapters`, and stay as they are.
# Seen:  ffmpeg 7.0.2 and 9.0.2 (imageio-ffmpeg 0.6.0, 0.8.1), 2026-11-29. Both chapters are there, with empty titles,
#        in MP4 and in Matroska, and MP4 refers to a track of titles that isn't written. `-map_metadata:c 0:c`, to
#        bring them back, is refused: "Invalid chapter index 0".
#        `-map_metadata:g -1 -map_metadata:s -1` drops the same from file and streams, and keeps the titles.
# So:    "strip the metadata before publishing", as most recipes have it, makes a film whose chapters have no name.
# Source: fftools/ffmpeg_mux_init.c (copy_meta: one `-map_metadata` without a specifier turns off all automatic copies).
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
  mp4 : file "Holiday", chapters "Opening" "The end"
  mp4 -map_metadata -1: file "", chapters "" ""
  mp4 -map_metadata -1 -map_metadata:c 0:c: refused, Invalid chapter index 0 while processing metadata maps.
  mp4 -map_metadata:g -1 -map_metadata:s -1: file "", chapters "Opening" "The end"
  mkv : file "Holiday", chapters "Opening" "The end"
  mkv -map_metadata -1: file "", chapters "" ""
  mkv -map_metadata -1 -map_metadata:c 0:c: refused, Invalid chapter index 0 while processing metadata maps.
  mkv -map_metadata:g -1 -map_metadata:s -1: file "", chapters "Opening" "The end"
ffmpeg 9.0.2
  mp4 : file "Holiday", chapters "Opening" "The end"
  mp4 -map_metadata -1: file "", chapters "" ""
  mp4 -map_metadata -1 -map_metadata:c 0:c: refused, Invalid chapter index 0 while processing metadata maps.
  mp4 -map_metadata:g -1 -map_metadata:s -1: file "", chapters "Opening" "The end"
  mkv : file "Holiday", chapters "Opening" "The end"
  mkv -map_metadata -1: file "", chapters "" ""
  mkv -map_metadata -1 -map_metadata:c 0:c: refused, Invalid chapter index 0 while processing metadata maps.
  mkv -map_metadata:g -1 -map_metadata:s -1: file "", chapters "Opening" "The end"
END

cd "$tmp"
cat > in.txt <<'END'
;FFMETADATA1
title=Holiday
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=Opening
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=The end
END
for version in 0.6.0 0.8.1; do
  ffmpeg=$("$version/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
  "$ffmpeg" -version | sed -nE '1s/^(ffmpeg) version n?([0-9.]+).*/\1 \2/p'
  for kind in mp4 mkv; do
    "$ffmpeg" -v error -nostdin -y -f lavfi -i testsrc=s=64x48:d=1 -i in.txt -map 0 \
      -map_metadata 1 -map_chapters 1 "in.$kind"
    try() {
      printf '  %s %s: ' "$kind" "$*"
      if "$ffmpeg" -v error -nostdin -y -i "in.$kind" -map 0:v "$@" -c copy "out.$kind" 2> words
      then
        "$ffmpeg" -v error -nostdin -y -i "out.$kind" -f ffmetadata - 2> reading | awk -F= '
          /^\[CHAPTER\]/ { count++; title[count] = "" } /^title=/ { if (count) title[count] = $2; else file = $2 }
          END { printf "file \"%s\", chapters", file; for (at = 1; at <= count; at++) printf " \"%s\"", title[at]; print "" }'
      else printf 'refused, %s\n' "$(sed -n '1s/^\[[^]]*\] //p' words)"; fi
    }
    try; try -map_metadata -1; try -map_metadata -1 -map_metadata:c 0:c; try -map_metadata:g -1 -map_metadata:s -1
  done
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
