#!/usr/bin/env bash
# pywebview with Qt 6 asks where to save a download, and then saves nothing
# Guess: with settings['ALLOW_DOWNLOADS'] a download lands where the person chose in the dialog, on each toolkit.
# Seen: pywebview 6.2.1 with PyQt6 6.11 calls download.setPath(...), which Qt 5 had; Qt 6 has setDownloadDirectory and
#   setDownloadFileName. The handler ends with an AttributeError after the dialog, and no file appears. Without an excepthook
#   of one's own, PyQt6 ends the whole process for it.
#   Seen on 2026-11-30.
# So: leave ALLOW_DOWNLOADS off with Qt, and answer downloadRequested of the profile oneself.
# Source: webview/platforms/qt.py, on_download_requested; QWebEngineDownloadRequest in the manual of Qt 6.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "pywebview==6.2.1" "PyQt6==6.11.0" "PyQt6-WebEngine==6.11.0" "qtpy==2.4.3"
export HOME="$tmp" QT_QPA_PLATFORM=offscreen QTWEBENGINE_CHROMIUM_FLAGS=--disable-gpu QTWEBENGINE_DISABLE_SANDBOX=1

v/bin/python - > seen 2> log <<'END_OF_PYTHON'
import os
import sys
import threading

import webview

raised = threading.Event()


def hook(kind, error, traceback):
    print(kind.__name__, 'setPath' in str(error))
    raised.set()


def download():
    window.events.loaded.wait(60)
    from webview.platforms import qt

    qt.QFileDialog.getSaveFileName = staticmethod(lambda *_: (os.path.abspath('saved.txt'), ''))  # the person's choice
    window.evaluate_js("Object.assign(document.createElement('a'), {href: 'data:text/plain,hello', download: 'a.txt'}).click()")
    raised.wait(60)
    window.destroy()


sys.excepthook = hook
webview.settings['ALLOW_DOWNLOADS'] = True
window = webview.create_window('probe', html='<p>hello')
webview.start(download, gui='qt')
END_OF_PYTHON
[ -e saved.txt ] && echo 'saved' >> seen || echo 'not saved' >> seen
cat seen
diff - seen <<'END'
AttributeError True
not saved
END
