#!/usr/bin/env bash
# Burnt-in captions lose their emoji without a warning once the colour emoji font of Google Fonts is installed
#
# Guess: an emoji with a font comes out in colour, or at least in white; without one as a box, of which libass warns. So
#        "no warning" means that all letters are seen, and whoever sees boxes installs Noto Color Emoji.
# Seen:  ffmpeg 9.0.2 with libass of its main branch (imageio-ffmpeg 0.8.1), Noto Color Emoji 5.3.2 (npm, as Google
#        Fonts has it), Noto Emoji 0.4.7 (npm), 2026-11-29: the colour font's outlines are empty, its pictures are
#        layers (COLR). libass takes it, warns of nothing and draws nothing; the word after the emoji is all that is
#        seen. With no font at all there is a box and a warning. Only the font with outlines draws the emoji. Debian's
#        build of the same colour font (bitmaps, CBDT) is passed over: fontconfig offers it, the box stays.
# So:    the fix that people are told to install makes it worse. Look at the pixels, or install a font with outlines.
# Source: libass/ass_fontconfig.c (FC_OUTLINE), ass_font.c; OpenType specification, COLR.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==0.8.1" "fonttools[woff]==4.68.0"
cd "$tmp"
npm install --silent --no-audit --no-fund --prefix npm \
  "@fontsource/noto-color-emoji@5.3.2" "@expo-google-fonts/noto-emoji@0.4.7" "@expo-google-fonts/noto-sans@0.4.2"

cat > expected <<'END'
fonts                     "party" warns  emoji
Latin only                seen    yes    a box
and Noto Color Emoji      seen    no     nothing
and Noto Emoji, outlines  seen    no     a picture
END

cat > probe.py <<'END'
import glob
import os
import shutil
import subprocess
import tempfile

import imageio_ffmpeg
from fontTools.ttLib import TTFont

ROOT = 'npm/node_modules'
[latin] = glob.glob(f'{ROOT}/@expo-google-fonts/noto-sans/400Regular/*.ttf')
[outlines] = glob.glob(f'{ROOT}/@expo-google-fonts/noto-emoji/400Regular/*.ttf')
colour = TTFont(f'{ROOT}/@fontsource/noto-color-emoji/files/noto-color-emoji-emoji-400-normal.woff2')
colour.flavor = None
colour.save('colour.ttf')
HEAD = ('[Script Info]\nScriptType: v4.00+\nPlayResX: 320\nPlayResY: 180\n[V4+ Styles]\n'
        'Format: Name, Fontname, Fontsize, PrimaryColour, Alignment\nStyle: D,sans-serif,40,&H00FFFFFF,7\n'
        '[Events]\nFormat: Layer, Start, End, Style, Text\n')


def burnt(text, fonts):
    """How many pixels are white, and whether libass warned of a missing glyph."""
    here = tempfile.mkdtemp(dir=os.getcwd())
    for font in fonts:
        shutil.copy(font, here)
    with open(f'{here}/fonts.conf', 'w') as out:
        out.write(f'<fontconfig><dir>{here}</dir><cachedir>{here}/cache</cachedir></fontconfig>')
    with open('a.ass', 'w') as out:
        out.write(f'{HEAD}Dialogue: 0,0:00:00.00,0:00:09.00,D,{text}\n')
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'level+warning', '-f', 'lavfi', '-i', 'color=black:size=320x180',
         '-vf', 'ass=a.ass', '-frames:v', '1', '-pix_fmt', 'gray', '-f', 'rawvideo', '-'],
        check=True, capture_output=True, env=os.environ | {'FONTCONFIG_FILE': f'{here}/fonts.conf'})
    white = sum(pixel > 128 for pixel in done.stdout)
    return white, 'any fallback with glyph' in done.stderr.decode()


BOX = burnt('\U0001f389', [latin])[0]
print('fonts                     "party" warns  emoji')
for name, fonts in ('Latin only', [latin]), ('and Noto Color Emoji', [latin, 'colour.ttf']), (
        'and Noto Emoji, outlines', [latin, outlines]):
    word = burnt('party', fonts)[0]
    emoji, warnings = burnt('\U0001f389', fonts)
    seen = {0: 'nothing', BOX: 'a box'}.get(emoji, 'a picture')
    print(f'{name:26}{"seen" if word else "lost":8}{"yes" if warnings else "no":7}{seen}')
END

"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
