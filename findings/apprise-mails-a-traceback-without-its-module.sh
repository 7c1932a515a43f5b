#!/usr/bin/env bash
# Apprise mails plain text as HTML unless it is told what it has: "in <module>" is gone, and ten lines are one
#
# Guess: notify(body='plain text') puts the text into the mail as it stands, or escapes it where it makes HTML of it.
# Seen:  Apprise 2.3.0, 2026-11-29: mailto:// sends multipart/alternative. The text/html part is the text as it was, not escaped,
#        so a reader draws "<module>" as an unknown element and runs all lines together; the text/plain part is made from that
#        HTML: "<module>" is missing and line ends are blanks. With body_format='text', or ?format=text in the address,
#        the mail is text/plain and right. json:// and ntfy:// get the text unchanged in both cases.
# So:    body_format is not a hint for Markdown writers: without it, what failed is just what a mail of failures leaves out.
# Source: apprise/plugins/email (notify_format HTML by default), apprise/conversion.py (no conversion where input is unknown)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apprise==2.3.0" "aiosmtpd==1.4.6"

cat > "$tmp/expected" <<'END'
nothing said
  text/plain 'Traceback: File "x.py", line 1, in a < 3'
  text/html 'Traceback:\n  File "x.py", line 1, in <module>\n    a < 3'
body_format=text
  text/plain 'Traceback:\n  File "x.py", line 1, in <module>\n    a < 3'
?format=text
  text/plain 'Traceback:\n  File "x.py", line 1, in <module>\n    a < 3'
END

cat > "$tmp/probe.py" <<'END'
import email
import logging
import socket
from email import policy

import apprise
from aiosmtpd.controller import Controller

BODY = 'Traceback:\n  File "x.py", line 1, in <module>\n    a < 3'
mails = []


class Keep:
    async def handle_DATA(self, server, session, envelope):
        mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return '250 OK'


with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
logging.disable()
server = Controller(Keep(), hostname='127.0.0.1', port=port)
server.start()
address = f'mailto://127.0.0.1:{port}?from=a@example.org&to=b@example.org&mode=insecure'
for title, url, said in (('nothing said', address, {}), ('body_format=text', address, {'body_format': 'text'}),
                         ('?format=text', address + '&format=text', {})):
    sender = apprise.Apprise()
    sender.add(url)
    assert sender.notify(title='It failed', body=BODY, **said)
    print(title)
    for part in mails.pop().walk():
        if part.get_content_maintype() == 'text':
            text = part.get_content().replace('\r\n', '\n').rstrip()
            print('  ' + part.get_content_type(), repr(text.replace('in  ', 'in ')))
server.stop()
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
