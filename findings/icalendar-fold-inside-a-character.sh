#!/usr/bin/env bash
# A line folded inside of a letter: icalendar loses the letter, without a word
# Guess: RFC 5545 3.1 folds by octets and warns that a fold may split a UTF-8 sequence, so readers of bytes unfold first and decode then.
# Seen: icalendar 7.3.2 decodes the whole file first, replacing what cannot be decoded: "Gr" + two U+FFFD + "ße", and the event has
#   no error. Folded beside the letter it reads "Grüße". Seen on 2026-11-30.
# So: a title of a program that folds by octets arrives damaged, and is written back so; unfold the bytes, then decode line by line.
# Source: RFC 5545 section 3.1, "it is possible for very simple implementations to generate improperly folded lines in the middle of a
#   UTF-8 multi-octet sequence. For this reason, implementations need to unfold lines in such a way to properly restore the original".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "icalendar==7.3.2" "tzdata==2026.6"

cat > t1.py <<'END'
import icalendar

lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:a", "DTSTAMP:20261101T000000Z",
         "DTSTART:20311006T160000Z", "SUMMARY:Grüße", "END:VEVENT", "END:VCALENDAR", ""]
text = "\r\n".join(lines).encode()
letter = text.index("ü".encode())
for where, at in (("beside", letter), ("inside", letter + 1)):
    folded = text[:at] + b"\r\n " + text[at:]
    event = icalendar.Calendar.from_ical(folded).walk("VEVENT")[0]
    print(where, "icalendar", ascii(str(event["SUMMARY"])), "errors:", len(event.errors))
print("unfolded first", ascii(folded.replace(b"\r\n ", b"").decode().split("SUMMARY:")[1].split("\r")[0]))
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
beside icalendar 'Gr\xfc\xdfe' errors: 0
inside icalendar 'Gr\ufffd\ufffd\xdfe' errors: 0
unfolded first 'Gr\xfc\xdfe'
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
