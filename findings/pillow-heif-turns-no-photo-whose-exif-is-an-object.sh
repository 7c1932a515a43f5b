#!/usr/bin/env bash
# A JPEG saved as HEIC with exif=photo.getexif() lies on its side; with the same notes as bytes, or none, it stands
#
# Guess: `exif=` takes an Exif object or its bytes, as Pillow says of JPEG, PNG, WebP and AVIF, and both mean the same,
#        so a photo of a phone held upright (orientation 6) stands upright in each format.
# Seen:  pillow-heif 1.8.1, Pillow 13.0.0, ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), 2026-12-01. HEIC has turns of its own
#        ("irot"), and readers go by those, not by EXIF. pillow-heif works the turn out of the bytes it is given; on an
#        object that fails, inside of `except Exception: pass`, and no turn is written. The notes are, with their 6,
#        which its reader sets to 1. So ffmpeg and Pillow show the photo lying, also after exif_transpose(). Without
#        `exif=` it takes the bytes from the picture and is right. AVIF and WebP by Pillow are right either way.
# So:    `im.save(new, exif=im.getexif())`, the usual way to keep the notes, turns every upright photo by a quarter.
# Source: pillow_heif/misc.py (_get_orientation, tif_tag.startswith), ISO/IEC 23008-12 (irot)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
  "pillow-heif==1.8.1" "pillow==13.0.0" "imageio-ffmpeg==0.8.1"

cat > "$tmp/expected" <<'END'
      exif=      as opened           transposed       ffmpeg           notes
heic  none       standing 64x128     standing 64x128  standing 64x128  1, Phone
heic  bytes      standing 64x128     standing 64x128  standing 64x128  1, Phone
heic  object     lying 128x64        lying 128x64     lying 128x64     1, Phone
avif  bytes      lying 128x64        standing 64x128  standing 64x128  6, Phone
avif  object     lying 128x64        standing 64x128  standing 64x128  6, Phone
webp  object     lying 128x64        standing 64x128  standing 64x128  6, Phone
heic  of a turn: none irot, bytes irot, object no irot
END

cat > "$tmp/probe.py" <<'END'
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
MAKER, ORIENTATION = 0x10F, 0x112


def look(image):
    """The sky is red: on top of the photo as it was taken, at the left of the sensor's picture."""
    image = image.convert('RGB')
    red = {side: image.getpixel(at)[1] < 128 for side, at in {
        'top': (image.width // 2, 8), 'left': (8, image.height // 2)}.items()}
    return f'{"standing" if red["top"] else "lying" if red["left"] else "other"} {image.width}x{image.height}'


def by_ffmpeg(name):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', '-i', name, '-frames:v', '1', 'x.png'],
                   check=True)
    with Image.open('x.png') as image:
        return look(image)


notes = Image.Exif()
notes[MAKER], notes[ORIENTATION] = 'Phone', 6
sensor = Image.new('RGB', (128, 64), 'white')
sensor.paste('red', (0, 0, 32, 64))
sensor.save('photo.jpg', exif=notes, quality=95)
print(f'{"":5} {"exif=":10} {"as opened":19} {"transposed":16} {"ffmpeg":16} notes')
turns = []
for kind, how in (('heic', 'none'), ('heic', 'bytes'), ('heic', 'object'), ('avif', 'bytes'), ('avif', 'object'),
                  ('webp', 'object')):
    name = f'{how}.{kind}'
    with Image.open('photo.jpg') as photo:
        exif = photo.getexif()
        photo.save(name, **{'none': {}, 'bytes': {'exif': exif.tobytes()}, 'object': {'exif': exif}}[how])
    with Image.open(name) as saved:
        kept = saved.getexif()
        print(f'{kind:5} {how:10} {look(saved):19} {look(ImageOps.exif_transpose(saved)):16} {by_ffmpeg(name):16} '
              f'{kept.get(ORIENTATION)}, {kept.get(MAKER)}')
    if kind == 'heic':
        turns.append(f'{how} {"irot" if b"irot" in Path(name).read_bytes() else "no irot"}')
print('heic  of a turn:', ', '.join(turns))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
