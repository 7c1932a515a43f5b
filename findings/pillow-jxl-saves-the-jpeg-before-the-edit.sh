#!/usr/bin/env bash
# Draw over a photo and save it as JPEG XL: the file has the photo as it was, at its old size, with its old notes
#
# Guess: im.save('x.jxl') writes the pixels of `im`, as for each format of Pillow. "Lossless from JPEG" may be the
#        default for a picture that was only opened; one that was drawn on or made smaller is encoded anew.
# Seen:  pillow-jxl-plugin 1.3.8, Pillow 13.0.0, 2026-11-30: for a picture that came from a JPEG file it reads that file
#        again and packs its bytes. ImageDraw, paste(), putpixel() and thumbnail() work in place and leave im.format and
#        im.filename, so all they did is dropped, and so is exif=b''. The warning tells of "JPEG reconstruction", not of
#        that. AVIF, by Pillow, has the edit; so has JPEG XL after im.copy(), which loses the format, or with
#        lossless_jpeg=False.
# So:    a black bar over a name is not in the published picture, and the thumbnail of 64 points is the full one.
# Source: pillow_jxl/JpegXLImagePlugin.py, _save (im.format == "JPEG" and im.filename)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pillow-jxl-plugin==1.3.8" "pillow==13.0.0"

cat > "$tmp/expected" <<'END'
drawn over, AVIF                      black 640x320, note: taken at home
drawn over, JPEG XL                   white 640x320, note: taken at home
made smaller, JPEG XL                 white 640x320, note: taken at home
pasted over, without notes, JPEG XL   white 640x320, note: taken at home
drawn over, copied, JPEG XL           black 640x320, note: none
drawn over, lossless_jpeg=False       black 640x320, note: taken at home
END

cat > "$tmp/probe.py" <<'END'
import pillow_jxl  # noqa: F401 (registers the format)
from PIL import Image, ImageDraw

notes = Image.Exif()
notes[0x10E] = 'taken at home'
Image.new('RGB', (640, 320), 'white').save('photo.jpg', exif=notes, quality=95)


def opened():
    return Image.open('photo.jpg')


def drawn():
    image = opened()
    ImageDraw.Draw(image).rectangle((0, 0, 300, 300), fill='black')
    return image


def smaller():
    image = opened()
    image.thumbnail((64, 64))
    return image


def pasted():
    image = opened()
    image.paste('black', (0, 0, *image.size))
    return image


def show(what, image, name, **options):
    image.save(name, **options)
    with Image.open(name) as saved:
        color = 'black' if saved.convert('L').getpixel((saved.width // 6, saved.height // 3)) < 128 else 'white'
        print(f'{what:37} {color} {saved.width}x{saved.height}, note: {saved.getexif().get(0x10E, "none")}')


show('drawn over, AVIF', drawn(), '1.avif', exif=notes.tobytes())
show('drawn over, JPEG XL', drawn(), '1.jxl')
show('made smaller, JPEG XL', smaller(), '2.jxl')
show('pasted over, without notes, JPEG XL', pasted(), '3.jxl', exif=b'')
show('drawn over, copied, JPEG XL', drawn().copy(), '4.jxl', exif=b'')
show('drawn over, lossless_jpeg=False', drawn(), '5.jxl', lossless_jpeg=False)
END

cd "$tmp"
"$tmp/venv/bin/python" -W ignore probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
