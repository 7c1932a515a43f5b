#!/usr/bin/env bash
# One long chapter title in Japanese, and mutagen can't open the .m4b of ffmpeg at all; of 300 chapters it sees 255
#
# Guess: ffmpeg writes chapters into MP4 once, with titles of any length; mutagen reads the same ones. A title that is
#        damaged is at most a title with a question mark, and tags and cover can be edited anyway.
# Seen:  ffmpeg 9.0.2 (imageio-ffmpeg 0.8.1), mutagen 1.48.1, 2026-12-01. ffmpeg writes chapters twice: as a text track,
#        whole, which it reads itself, and as Nero's "chpl", the only one mutagen reads. There number and length of
#        titles are a byte each: chapters after the 255th are left out, titles cut after 255 bytes, also inside of a
#        letter. Then MP4() and File() raise MP4MetadataError, so no tag of the file can be read or set. 85 Japanese
#        letters are 255 bytes; with a number before them it's chance. Exit code 0, no warning, and ffmpeg sees nothing.
# So:    an audiobook passes every check by ffmpeg and stops the step that tags it. `-movflags +disable_chpl` leaves out
#        chpl: mutagen opens the file, without chapters.
# Source: libavformat/movenc.c (mov_write_chpl_tag), mutagen/mp4/__init__.py (MP4Chapters)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imageio-ffmpeg==0.8.1" "mutagen==1.48.1"

cat > "$tmp/expected" <<'END'
three short titles        ffmpeg 3, last "3"; mutagen 3, last "3"
300 short titles          ffmpeg 300, last "300"; mutagen 255, last "255"
a title of 85 letters     ffmpeg 3, last "3"; mutagen 3, last "3"
"1" and 85 letters        ffmpeg 3, last "3"; mutagen MP4MetadataError, File() too
  its title by ffmpeg     86 letters, as given
  without chpl            ffmpeg 3, last "3"; mutagen none
END

cat > "$tmp/probe.py" <<'END'
import subprocess

import imageio_ffmpeg
import mutagen
from mutagen.mp4 import MP4


def ffmpeg(*words):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', *words]
    return subprocess.run(command, check=True, capture_output=True, encoding='utf-8')


def book(titles, *options):
    """A second of sound for each chapter; returns the titles as ffmpeg reads them back."""
    with open('chapters', 'w', encoding='utf-8') as out:
        out.write(';FFMETADATA1\n')
        for start, title in enumerate(titles):
            out.write(f'[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={start + 1}\ntitle={title}\n')
    made = ffmpeg('-f', 'lavfi', '-i', f'sine=r=8000:d={len(titles)}', '-i', 'chapters', '-map_metadata', '1',
                  '-c:a', 'aac', '-b:a', '16k', *options, 'book.m4b')
    assert not made.stderr, made.stderr
    text = ffmpeg('-i', 'book.m4b', '-f', 'ffmetadata', '-').stdout.split('[CHAPTER]')[1:]
    return [chapter.split('title=')[1].strip() for chapter in text]


def by_mutagen():
    try:
        chapters = MP4('book.m4b').chapters
    except mutagen.MutagenError as error:
        try:
            mutagen.File('book.m4b')
        except mutagen.MutagenError:
            return f'{type(error).__name__}, File() too'
    return f'{len(chapters)}, last "{chapters[-1].title}"' if chapters else 'none'


def show(what, titles, *options):
    found = book(titles, *options)
    print(f'{what:25} ffmpeg {len(found)}, last "{found[-1]}"; mutagen {by_mutagen()}')
    return found


LONG = '章' * 85
show('three short titles', ['1', '2', '3'])
show('300 short titles', [str(number) for number in range(1, 301)])
show('a title of 85 letters', [LONG, '2', '3'])
found = show('"1" and 85 letters', [f'1{LONG}', '2', '3'])
print('  its title by ffmpeg    ', len(found[0]), 'letters, as given' if found[0] == f'1{LONG}' else 'letters, changed')
show('  without chpl', [f'1{LONG}', '2', '3'], '-movflags', '+disable_chpl')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
