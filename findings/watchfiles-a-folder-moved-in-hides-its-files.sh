#!/usr/bin/env bash
# A folder moved into a watched tree: watchfiles names the folder and none of its files, watchdog names each
#
# Guess: both sit on inotify, and both add watches for a folder that comes; as the files of it are new to the tree,
#        they are announced by both, or by neither.
# Seen:  watchfiles 1.3.0, watchdog 7.1.0, Linux, 2026-11-29: after one `mv` of a folder with 3 files and a sub folder
#        watchfiles gives one change, the folder; watchdog gives the folder, the sub folder and the 3 files, which it
#        makes up by walking. And the reverse for links: a file made behind a symlinked folder is told by watchfiles,
#        and not by watchdog.
# So:    an inbox that waits for files and takes only what it's told never sees a shoot that was moved in as a folder.
# Source: watchdog/observers/inotify (sub created events); notify (Rust), which watchfiles wraps, adds watches only.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "watchdog==7.1.0" "watchfiles==1.3.0"

cat > "$tmp/expected" <<'END'
a folder with 3 files moved in
  watchdog    shoot shoot/a.mp4 shoot/b.mp4 shoot/day2 shoot/day2/c.mp4
  watchfiles  shoot
a file made behind a symlinked folder of the tree
  watchdog    nothing
  watchfiles  elsewhere/d.mp4
END

cat > "$tmp/probe.py" <<'END'
import os
import threading
import time

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchfiles import Change, watch

os.makedirs('shoot/day2')
for name in ('shoot/a.mp4', 'shoot/b.mp4', 'shoot/day2/c.mp4'):
    open(name, 'w').close()
os.makedirs('watched')
os.mkdir('elsewhere')
os.symlink(os.path.abspath('elsewhere'), 'watched/elsewhere')
dog, files, ready, stop = [], [], threading.Event(), threading.Event()
here = os.getcwd() + '/watched/'


class Handler(FileSystemEventHandler):
    def on_created(self, event):
        dog.append(event.src_path.replace(here, ''))


def follow():
    for changes in watch('watched', stop_event=stop, debounce=200, step=50, rust_timeout=100, yield_on_timeout=True):
        ready.set()
        files.extend(p.replace(here, '') for c, p in changes if c is Change.added)


def wait(line):
    time.sleep(1.5)
    print(line)
    print('  watchdog   ', ' '.join(sorted(set(dog))) or 'nothing')
    print('  watchfiles ', ' '.join(sorted(set(files))) or 'nothing')
    dog.clear()
    files.clear()


thread = threading.Thread(target=follow)
thread.start()
ready.wait()
observer = Observer()
observer.schedule(Handler(), here, recursive=True)
observer.start()
time.sleep(0.5)
os.rename('shoot', 'watched/shoot')
wait('a folder with 3 files moved in')
open('elsewhere/d.mp4', 'w').close()
wait('a file made behind a symlinked folder of the tree')
stop.set()
observer.stop()
observer.join()
thread.join()
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
