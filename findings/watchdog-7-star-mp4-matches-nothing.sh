#!/usr/bin/env bash
# watchdog 7: a handler for patterns=['*.mp4'] hears of no file any more; `touch` isn't "modified" any more either
#
# Guess: '*.mp4' is the example that everyone has, and gets the files of that kind in any folder; a changed time of a
#        file is "modified", as it always was.
# Seen:  watchdog 6.0.0, 7.1.0, Linux, 2026-11-29: the same handler gets created and closed in 6 and
#        nothing in 7, where the pattern has to match the whole absolute path; '**/*.mp4' works in both. No error, no
#        warning. A touched file is "modified" in 6; in 7 it is the new event "attrib", which on_modified does not hear.
# So:    an inbox for '*.mp4' falls silent by an upgrade, and a `touch again` as a trigger does nothing.
# Source: watchdog's change log, 7.0.0 (full_match, FileAttribEvent); watchdog/utils/patterns.py.
# Pins:  watchdog==6.0.0, watchdog==7.1.0
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
for version in 6.0.0 7.1.0; do
  python3 -m venv "$tmp/$version"
  "$tmp/$version/bin/pip" install -qq --disable-pip-version-check "watchdog==$version"
done

cat > "$tmp/expected" <<'END'
watchdog 6.0.0
  patterns=['*.mp4'] hears of a/b/z.mp4 a/y.mp4 x.mp4
  patterns=['**/*.mp4'] hears of a/b/z.mp4 a/y.mp4 x.mp4
  patterns=['*/*.mp4'] hears of a/b/z.mp4 a/y.mp4 x.mp4
  touch x.mp4: on_modified hears of x.mp4
watchdog 7.1.0
  patterns=['*.mp4'] hears of nothing
  patterns=['**/*.mp4'] hears of a/b/z.mp4 a/y.mp4 x.mp4
  patterns=['*/*.mp4'] hears of nothing
  touch x.mp4: on_modified hears of nothing
END

cat > "$tmp/probe.py" <<'END'
import importlib.metadata
import os
import tempfile
import time
import warnings

from watchdog.events import FileSystemEventHandler, PatternMatchingEventHandler
from watchdog.observers import Observer

warnings.simplefilter('error')
print('watchdog', importlib.metadata.version('watchdog'))
folder = os.path.realpath(tempfile.mkdtemp(dir='.'))
os.makedirs(folder + '/a/b')
heard = {}


def handler(pattern):
    class Handler(PatternMatchingEventHandler):
        def on_any_event(self, event):
            heard.setdefault(pattern, set()).add(os.path.relpath(event.src_path, folder))
    return Handler(patterns=[pattern], ignore_directories=True)


class Modified(FileSystemEventHandler):
    def on_modified(self, event):
        if not event.is_directory:
            heard.setdefault('on_modified', set()).add(os.path.relpath(event.src_path, folder))


observer = Observer()
for pattern in ('*.mp4', '**/*.mp4', '*/*.mp4'):
    observer.schedule(handler(pattern), folder, recursive=True)
observer.schedule(Modified(), folder, recursive=True)
observer.start()
time.sleep(0.5)
for name in ('x.mp4', 'a/y.mp4', 'a/b/z.mp4', 'no.txt'):
    open(f'{folder}/{name}', 'w').close()
time.sleep(1)
for pattern in ('*.mp4', '**/*.mp4', '*/*.mp4'):
    print(f'  patterns=[{pattern!r}] hears of', ' '.join(sorted(heard.get(pattern, ()))) or 'nothing')
heard.clear()
os.utime(f'{folder}/x.mp4')
time.sleep(1)
print('  touch x.mp4: on_modified hears of', ' '.join(sorted(heard.get('on_modified', ()))) or 'nothing')
observer.stop()
observer.join()
END

cd "$tmp"
for version in 6.0.0 7.1.0; do "$tmp/$version/bin/python" probe.py; done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
