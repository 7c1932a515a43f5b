#!/usr/bin/env bash
# A film that was tone-mapped to BT.709 still says that it was mastered at 1,000 nits
#
# Guess: the usual zscale, tonemap, zscale leaves nothing of HDR10 but the picture; and so do the colour options of
#        `scale`, new in ffmpeg 8.
# Seen:  ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-11-29, white of 203 nits (ITU-R BT.2408) in PQ. Pixels and tags are
#        BT.709, white is 253, but the encoder gets "Mastering display metadata" and "Content light level" along with
#        the frames and writes both: of H.264 in 8 bits a television is told a peak of 1,000 nits. `scale` takes them
#        away with the primaries; zscale and tonemap leave them, until `sidedata=mode=delete`.
# So:    a check of pixel format, primaries, curve and matrix finds nothing wrong with such a file.
# Source: libavfilter/vf_zscale.c, vf_tonemap.c (which remove none of it); libavcodec/libx264.c writes what it gets.
# Pins:  imageio-ffmpeg==0.8.1
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check imageio-ffmpeg==0.8.1

cat > "$tmp/expected" <<'END'
zscale and tonemap
  h264, yuv420p(tv, bt709, progressive)
  white 253 253 253  black 0 0 0
  Mastering display metadata: ... max_luminance=1000.000000
  Content light level metadata: MaxCLL=1000, MaxFALL=400
zscale and tonemap, then sidedata
  h264, yuv420p(tv, bt709, progressive)
  white 253 253 253  black 0 0 0
scale
  h264, yuv420p(tv, bt709, progressive)
  white 253 253 253  black 0 0 0
END

cd "$tmp"
ffmpeg=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
# Left half white of 203 nits: PQ 0.5807, luma code 64 + 876 * 0.5807 = 573; right half black: 64.
python3 -c '
import struct, sys
row = struct.pack("<64H", *[573] * 32, *[64] * 32)
sys.stdout.buffer.write((row * 64 + struct.pack("<2048H", *[512] * 2048)) * 5)' > raw.yuv
master='hdr10=1:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400'
colours='colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none:crf=4'
"$ffmpeg" -v error -nostdin -f rawvideo -pix_fmt yuv420p10le -s 64x64 -r 25 -i raw.yuv \
  -vf setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv \
  -c:v libx265 -x265-params "$colours:$master" -tag:v hvc1 hdr.mp4
zscale='zscale=p=bt709:t=linear:npl=203,format=gbrpf32le,tonemap=mobius:param=0.97:peak=4.926:desat=0'
zscale="$zscale,zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
scale='scale=out_color_matrix=bt709:out_primaries=bt709:out_transfer=bt709:out_range=tv,format=yuv420p'
try() {
  echo "$1"
  "$ffmpeg" -v error -nostdin -y -i hdr.mp4 -vf "$2" -c:v libx264 -crf 4 sdr.mp4
  "$ffmpeg" -hide_banner -i sdr.mp4 2> words || true  # it wants an output
  sed -nE 's/.*Video: (h264) .*, (yuv420p\([^)]*\)).*/  \1, \2/p' words
  pixel() {
    local filters="crop=8:8:$1:28,scale=in_color_matrix=bt709,format=rgb24"
    "$ffmpeg" -v error -i sdr.mp4 -frames:v 1 -vf "$filters" -f rawvideo -y pixels
    od -An -tu1 -N3 pixels | xargs
  }
  echo "  white $(pixel 12)  black $(pixel 44)"
  sed -nE 's/^ +(Mastering display metadata:).*(max_luminance=.*)/  \1 ... \2/p; s/^ +(Content light.*)/  \1/p' words
}
{
  try 'zscale and tonemap' "$zscale"
  try 'zscale and tonemap, then sidedata' "$zscale,sidedata=mode=delete"
  try 'scale' "$scale"
} | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
