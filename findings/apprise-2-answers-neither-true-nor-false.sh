#!/usr/bin/env bash
# Apprise 2: notify() answers neither True nor False nor None: `is False`, `== False`, `is None` never hold any more
#
# Guess: as for ten years, notify() is True if all was delivered, False if something was not, None if no service has the tag;
#        so a program that asks `if sent is False` or `if sent is None` hears of a failure.
# Seen:  Apprise 2.3.0, 2026-11-29: an AppriseResult comes back in all three cases. Its truth value is that of the old answer,
#        but it equals neither True nor False nor None: of a refused connection `is False` and `== False` are both false,
#        of a tag nobody has `is None` too. With 1.13.1 all of them hold.
# So:    only `if not sent` finds a failure with both; whoever told "nothing matched" from "failed" by None needs `.status`.
# Source: apprise/apprise.py and apprise/result.py of 2.x (AppriseResult.__bool__, no __eq__)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat > "$tmp/expected" <<'END'
1.13.1
delivered    bool True,  == True: True,  is False: False, == False: False, is None: False
refused      bool False, == True: False, is False: True,  == False: True,  is None: False
nobody's tag bool False, == True: False, is False: False, == False: False, is None: True
2.3.0
delivered    bool True,  == True: False, is False: False, == False: False, is None: False
refused      bool False, == True: False, is False: False, == False: False, is None: False
nobody's tag bool False, == True: False, is False: False, == False: False, is None: False
END

cat > "$tmp/probe.py" <<'END'
import http.server
import logging
import threading

import apprise


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def told(answer):
    words = [f'== True: {answer == True}', f'is False: {answer is False}', f'== False: {answer == False}',  # noqa: E712
             f'is None: {answer is None}']
    cells = [f'bool {bool(answer)},'.ljust(11), (words[0] + ',').ljust(15), (words[1] + ',').ljust(16),
             (words[2] + ',').ljust(16), words[3]]
    return ' '.join(cells)


logging.disable()
server = http.server.HTTPServer(('127.0.0.1', 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
closed = http.server.HTTPServer(('127.0.0.1', 0), Receiver)
closed.server_close()
good, refused = apprise.Apprise(), apprise.Apprise()
good.add(f'json://127.0.0.1:{server.server_port}/', tag='mine')
refused.add(f'json://127.0.0.1:{closed.server_port}/')
print(apprise.__version__)
print('delivered   ', told(good.notify(body='hello')))
print('refused     ', told(refused.notify(body='hello')))
print("nobody's tag", told(good.notify(body='hello', tag='other')))
server.shutdown()
END

for package in apprise==1.13.1 apprise==2.3.0; do
  python3 -m venv "$tmp/$package"
  "$tmp/$package/bin/pip" install -qq --disable-pip-version-check "$package"
  "$tmp/$package/bin/python" "$tmp/probe.py"
done | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
