#!/usr/bin/env bash
# CalDAV: a task due on the 10th is none of the tasks of the 10th for two servers, it is one of the 9th
#
# Guess: a task with DUE;VALUE=DATE:20270310 is in the query of 10 March, 00:00 to 24:00, as an all-day event of that
#        day is; and whoever asks for that day gets the same tasks from a server and from a client in front of it.
# Seen:  Radicale 3.9.0, Xandikos 0.4.10, python-caldav 3.6.0, 2026-12-01. By the table of RFC 4791, 9.9, a task with
#        DUE alone is in a range if start < DUE <= end, and a date is its midnight: it is in that of the 9th alone, as
#        is one due at 00:00Z of the 10th. With a DTSTART;VALUE=DATE, or a time of day, it is in the 10th. python-caldav
#        asks for a day more on both sides and then chooses for itself: with the same servers both are in the 10th.
# So:    "what is due today" by a plain query has no task of today that has no time, and has all those of tomorrow.
# Source: RFC 4791, 9.9 (VTODO: start < DUE AND end >= DUE); caldav/search.py, icalendar_searcher
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "radicale==3.9.0" "xandikos==0.4.10" "caldav==3.6.0" \
  "icalendar-searcher==1.3.0" "icalendar==7.3.2" "recurring-ical-events==3.8.2" "requests==2.34.2" "tzdata==2026.6"
cat > "$tmp/expected" <<'END'
Radicale       9th: date, midnight          10th: date-and-start, event, noon
Xandikos       9th: date, midnight          10th: date-and-start, event, noon
caldav (R.)    9th:                         10th: date, date-and-start, event, midnight, noon
caldav (X.)    9th:                         10th: date, date-and-start, event, midnight, noon
END

cat > "$tmp/probe.py" <<'END'
import re
import sys
import time
from datetime import UTC, datetime

import caldav
import requests

ITEMS = {
    'date': ('VTODO', 'DUE;VALUE=DATE:20270310'),
    'date-and-start': ('VTODO', 'DTSTART;VALUE=DATE:20270310\nDUE;VALUE=DATE:20270311'),
    'midnight': ('VTODO', 'DUE:20270310T000000Z'),
    'noon': ('VTODO', 'DUE:20270310T120000Z'),
    'event': ('VEVENT', 'DTSTART;VALUE=DATE:20270310'),
}
session = requests.Session()
session.auth = ('anna', 'not-secret')


def query(url, kind, day):
    answer = session.request('REPORT', url, headers={'Depth': '1', 'Content-Type': 'application/xml'}, data=(
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/></D:prop>'
        f'<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="{kind}"><C:time-range '
        f'start="202703{day:02}T000000Z" end="202703{day + 1:02}T000000Z"/></C:comp-filter></C:comp-filter></C:filter>'
        '</C:calendar-query>'))
    return set(re.findall(r'/([\w-]+)\.ics<', answer.text))


def search(url, kind, day):
    calendar = caldav.DAVClient(url=url, username='anna', password='not-secret').calendar(url=url)
    found = calendar.search(start=datetime(2027, 3, day, tzinfo=UTC), end=datetime(2027, 3, day + 1, tzinfo=UTC),
                            **{{'VTODO': 'todo', 'VEVENT': 'event'}[kind]: True})
    return {str(one.icalendar_component['uid']) for one in found}


servers = {'Radicale': f'http://127.0.0.1:{sys.argv[1]}/anna/calendar/',
           'Xandikos': f'http://127.0.0.1:{sys.argv[2]}/user/calendars/calendar/'}
for url in servers.values():
    for attempt in range(300):
        try:
            session.request('PROPFIND', url)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
assert session.request('MKCALENDAR', servers['Radicale']).status_code == 201
for url in servers.values():
    for uid, (kind, text) in ITEMS.items():
        body = (f'BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example//EN\nBEGIN:{kind}\nUID:{uid}\nDTSTAMP:20261201T000000'
                f'Z\n{text}\nEND:{kind}\nEND:VCALENDAR\n').replace('\n', '\r\n')
        assert session.put(f'{url}{uid}.ics', body, headers={'Content-Type': 'text/calendar'}).status_code == 201
for ask in (query, search):
    for name, url in servers.items():
        days = [', '.join(sorted(ask(url, 'VTODO', day) | ask(url, 'VEVENT', day))) for day in (9, 10)]
        print(f'{name if ask is query else f"caldav ({name[0]}.)":14} 9th: {days[0]:23} 10th: {days[1]}', flush=True)
END

cd "$tmp"
ports=$(python3 -c 'import socket; a, b = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
venv/bin/radicale --hosts "127.0.0.1:${ports% *}" --auth-type none --storage-filesystem-folder r >radicale.log 2>&1 &
venv/bin/xandikos serve -d x --defaults -l 127.0.0.1 -p "${ports#* }" --no-detect-systemd >xandikos.log 2>&1 &
venv/bin/python probe.py $ports | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
