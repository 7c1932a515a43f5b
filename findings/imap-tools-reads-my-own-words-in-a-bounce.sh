#!/usr/bin/env bash
# imap-tools counts the mail that comes back in a bounce to the bounce: its text, its HTML and its attachments
#
# Guess: .text of a mail that could not be delivered is what the mail server says; the original is one attachment
#        (message/rfc822), as for get_body() and iter_attachments() of Python's email.
# Seen:  imap-tools 1.16.0, 2026-12-01: it walks into the mail that is attached. .text is the sentence of the server and
#        then, with nothing between them, what I had written; .html is mine alone, so who prefers HTML reads only my own
#        words; contract.pdf, which I sent, is among what I got, beside the mail that carries it. The same for a mail
#        that somebody forwards as an attachment, with a file name.
# So:    an automation that waits for the word "YES" finds it in its own question, and one that saves what comes in
#        saves what it sent. email.message_from_bytes(message.obj.as_bytes(), policy=default).get_body() is right.
# Source: imap_tools/message.py (text, html, attachments: self.obj.walk(), which goes into message/rfc822)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "imap-tools==1.16.0"

cat > "$tmp/expected" <<'END'
email        text: No such user.
             html: none
             attachments: message/delivery-status, message/rfc822
imap-tools   text: No such user.|Answer YES to confirm.
             html: <p>Answer YES to confirm.</p>
             attachments: message/rfc822, contract.pdf
as advised   text: No such user.
forwarded    text: See below.|Answer YES to confirm.
             html: <p>Answer YES to confirm.</p>
             attachments: mine.eml, contract.pdf
END

cat > "$tmp/probe.py" <<'END'
import email
import email.policy
from email.message import EmailMessage

from imap_tools import MailMessage

mine = EmailMessage()
mine['From'], mine['To'], mine['Subject'] = 'me@example.org', 'ana@example.com', 'Your appointment'
mine.set_content('Answer YES to confirm.\n')
mine.add_alternative('<p>Answer YES to confirm.</p>\n', subtype='html')
mine.add_attachment(b'%PDF-1.7\n', maintype='application', subtype='pdf', filename='contract.pdf')
BOUNCE = f'''\
From: MAILER-DAEMON@mx.example.org
To: me@example.org
Subject: Undelivered Mail Returned to Sender
Date: Mon, 30 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_parts"

--=_parts
Content-Type: text/plain; charset=us-ascii

No such user.

--=_parts
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; ana@example.com
Action: failed
Status: 5.1.1

--=_parts
Content-Type: message/rfc822

{mine.as_string()}
--=_parts--
'''.encode()


def show(name, text, html, attachments):
    print(f'{name:12} text: {text.strip().replace(chr(10), "|")}')
    print(f'{"":12} html: {html.strip() or "none"}')
    print(f'{"":12} attachments: {", ".join(attachments)}')


message = email.message_from_bytes(BOUNCE, policy=email.policy.default)
html = message.get_body(('html',))
show('email', message.get_body(('plain',)).get_content(), html.get_content() if html else '',
     [part.get_filename() or part.get_content_type() for part in message.iter_attachments()])
message = MailMessage.from_bytes(BOUNCE)
show('imap-tools', message.text, message.html, [one.filename or one.content_type for one in message.attachments])
again = email.message_from_bytes(message.obj.as_bytes(), policy=email.policy.default)
print('as advised   text:', again.get_body(('plain',)).get_content().strip())
forward = EmailMessage()
forward['From'], forward['To'], forward['Subject'] = 'bob@example.org', 'me@example.org', 'Forwarded'
forward.set_content('See below.\n')
forward.add_attachment(mine, filename='mine.eml')
message = MailMessage.from_bytes(forward.as_bytes())
show('forwarded', message.text, message.html, [one.filename or one.content_type for one in message.attachments])
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
