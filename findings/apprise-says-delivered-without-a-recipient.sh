#!/usr/bin/env bash
# Apprise leaves out a recipient that it cannot read, mails the others and reports success; one with a short ending it cuts
#
# Guess: mailto:// with several recipients of which one is misspelt is refused when it is added, or notify() is false.
# Seen:  Apprise 2.3.0, 2026-11-30: add() is true and notify() is true, the misspelt one is never named to the server, and
#        no line of its log says so. Only where it is the only one the log has "Dropped invalid To email"; add() is still
#        true then, and notify() false without a connection. And you@example.c is cut: the mail is for you@example.
# So:    that a message was sent says nothing about who got it. The time to find out is when the address is typed: the
#        recipients that were understood are in `targets` of the plugin.
# Source: apprise/plugins/email/base.py (self.logger.warning), apprise/utils/parse.py (parse_emails, is_email)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "apprise==2.3.0" "aiosmtpd==1.4.6"

cat > "$tmp/expected" <<'END'
to=you@example.org          added True, sent True, recipients ['you@example.org'], dropped 0
to=you@example.org,nobody   added True, sent True, recipients ['you@example.org'], dropped 0
to=nobody                   added True, sent False, recipients [], dropped 1
to=you@example.c            added True, sent True, recipients ['you@example'], dropped 0
END

cat > "$tmp/probe.py" <<'END'
import logging
import socket

import apprise
from aiosmtpd.controller import Controller

recipients, lines = [], []


class Keep:
    async def handle_DATA(self, server, session, envelope):
        recipients.extend(envelope.rcpt_tos)
        return '250 OK'


class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())


with socket.create_server(('127.0.0.1', 0)) as free:
    port = free.getsockname()[1]
logger = logging.getLogger('apprise')
logger.handlers, logger.propagate = [Lines(level=logging.WARNING)], False
server = Controller(Keep(), hostname='127.0.0.1', port=port)
server.start()
for to in ('you@example.org', 'you@example.org,nobody', 'nobody', 'you@example.c'):
    recipients.clear()
    lines.clear()
    sender = apprise.Apprise()
    added = sender.add(f'mailto://127.0.0.1:{port}?from=me@example.org&to={to}&mode=insecure')
    sent = bool(sender.notify(body='hello'))
    dropped = sum(line.startswith('Dropped invalid To email') for line in lines)
    print(f'to={to}'.ljust(27), f'added {added}, sent {sent}, recipients {recipients}, dropped {dropped}')
server.stop()
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
