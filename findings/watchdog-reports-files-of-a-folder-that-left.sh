#!/usr/bin/env bash
# watchdog keeps reporting from a folder that was moved out of the watched tree, under paths that do not exist
#
# Guess: when a sub folder is moved out, watchdog says "deleted" and watches it no more; what happens there later is
#        another place's business, as watchfiles has it.
# Seen:  watchdog 7.1.0, watchfiles 1.3.0, Linux, 2026-11-29: after the folder's "deleted", a new file in its new home
#        is still reported, as created, written and closed at "watched/sub/new", a path that does not exist (any more);
#        the inotify watch follows the folder, and the name table still holds its old path. watchfiles is silent.
#        A folder of the old name made afterwards is watched as well, so two places share one name.
# So:    "archive the finished folder" next to a watched inbox makes phantoms: a handler opens a file that never was
#        there, or, if one of that name exists, takes it again although nobody touched it.
# Source: watchdog/observers/inotify*.py (a MOVED_FROM without its MOVED_TO keeps the watch).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "watchdog==7.1.0" "watchfiles==1.3.0"

cat > "$tmp/expected" <<'END'
sub moved from watched/ to archive/
  watchdog    deleted watched/sub
  watchfiles  deleted watched/sub
new file written to archive/sub/new
  watchdog    closed, created, modified, opened watched/sub/new
  watchfiles  nothing
  does watched/sub/new exist: False
watched/sub made again; archive/sub/new written again
  watchdog    closed, modified, opened watched/sub/new
  watchfiles  nothing
  does watched/sub/new exist: False
END

cat > "$tmp/probe.py" <<'END'
import os
import threading
import time

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchfiles import watch

os.makedirs('watched/sub')
os.mkdir('archive')
dog, files, ready, stop = [], [], threading.Event(), threading.Event()
here = os.getcwd() + '/'


class Handler(FileSystemEventHandler):
    def on_any_event(self, event):
        dog.append((event.event_type, event.src_path.replace(here, '')))


def follow():
    for changes in watch('watched', stop_event=stop, debounce=200, step=50, rust_timeout=100, yield_on_timeout=True):
        ready.set()
        files.extend((c.raw_str(), p.replace(here, '')) for c, p in changes)


def seen(events):
    kinds = sorted({kind for kind, path in events if path.startswith('watched/sub')})
    paths = sorted({path for kind, path in events if path.startswith('watched/sub')})
    return ', '.join(kinds) + ' ' + ' '.join(paths) if kinds else 'nothing'


def wait(line):
    time.sleep(1.5)
    print(line)
    print('  watchdog   ', seen([e for e in dog if not (e[0] == 'modified' and e[1] == 'watched/sub')]))
    print('  watchfiles ', seen(files))
    dog.clear()
    files.clear()


thread = threading.Thread(target=follow)
thread.start()
ready.wait()
observer = Observer()
observer.schedule(Handler(), here + 'watched', recursive=True)
observer.start()
time.sleep(0.5)

os.rename('watched/sub', 'archive/sub')
wait('sub moved from watched/ to archive/')
with open('archive/sub/new', 'w') as out:
    out.write('x')
wait('new file written to archive/sub/new')
print('  does watched/sub/new exist:', os.path.exists('watched/sub/new'))
os.mkdir('watched/sub')
time.sleep(1)
dog.clear()
files.clear()
with open('archive/sub/new', 'w') as out:
    out.write('y')
wait('watched/sub made again; archive/sub/new written again')
print('  does watched/sub/new exist:', os.path.exists('watched/sub/new'))
stop.set()
observer.stop()
observer.join()
thread.join()
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
