#!/usr/bin/env bash
# Radicale: the query of a day with "expand" leaves out birthdays of that day and brings a meeting moved away from it
#
# Guess: CALDAV:expand only changes how the events that a calendar-query finds are written, as instances; which ones it
#        finds stays (RFC 4791, 9.6.5). And what the server stored with 201 it can expand.
# Seen:  Radicale 3.9.0, Xandikos 0.4.10, 2026-12-01. Without expand both find the same five. With it Radicale takes an
#        all-day event with no DTEND (a day long by RFC 5545, 3.6.1) for one of no length, so it isn't in a day that
#        begins at its midnight, once or yearly; the same with an event of no length at 00:00Z. It answers with an
#        instance of the 12th for a query of the 10th. An RDATE is found only without expand (Xandikos: by neither).
#        One instance without its series, as whoever is invited to just one has it, is stored and makes that query 400
#        for all of the calendar.
# So:    "what is on today" by expand has no birthdays, on one server; ask without it and expand on one's own.
# Source: radicale/app/report.py (_expand: dtend = dtstart where there is no DTEND; _split_overridden_vevents)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "radicale==3.9.0" "xandikos==0.4.10" "vobject==0.9.9" \
  "icalendar==7.3.2" "requests==2.34.2" "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
Radicale, found     birthday, call, holiday, holiday-with-end, midnight, moved-here, rdate
Radicale, expanded  call, holiday-with-end, moved-away (12th), moved-here
Xandikos, found     birthday, call, holiday, holiday-with-end, midnight, moved-here
Xandikos, expanded  birthday, call, holiday, holiday-with-end, midnight, moved-here
and one instance without its series, stored with 201, 201:
Radicale            207 found, 400 expanded
Xandikos            207 found, 207 expanded
END

cat > "$tmp/probe.py" <<'END'
import re
import sys
import time

import requests

MOVED = 'RRULE:FREQ=WEEKLY;COUNT=4\nEND:VEVENT\nBEGIN:VEVENT\nUID:@\nDTSTAMP:20261201T000000Z\n'
EVENTS = {
    'birthday': 'DTSTART;VALUE=DATE:20200310\nRRULE:FREQ=YEARLY',
    'holiday': 'DTSTART;VALUE=DATE:20270310',
    'holiday-with-end': 'DTSTART;VALUE=DATE:20270310\nDTEND;VALUE=DATE:20270311',
    'midnight': 'DTSTART:20270310T000000Z',
    'call': 'DTSTART:20270310T120000Z',
    'moved-here': f'DTSTART:20270302T100000Z\n{MOVED}RECURRENCE-ID:20270323T100000Z\nDTSTART:20270310T090000Z',
    'moved-away': f'DTSTART:20270303T100000Z\n{MOVED}RECURRENCE-ID:20270310T100000Z\nDTSTART:20270312T090000Z',
    'rdate': 'DTSTART:20270303T100000Z\nRDATE:20270310T100000Z',
}
LONE = 'RECURRENCE-ID:20270317T100000Z\nDTSTART:20270310T100000Z'
SPAN = 'start="20270310T000000Z" end="20270311T000000Z"'
session = requests.Session()
session.auth = ('anna', 'not-secret')


def put(url, uid, text):
    body = (f'BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//example//EN\nBEGIN:VEVENT\nUID:{uid}\nDTSTAMP:20261201T000000Z\n'
            f'{text}\nEND:VEVENT\nEND:VCALENDAR\n')
    body = body.replace('@', uid).replace('\n', '\r\n')
    answer = session.put(f'{url}{uid}.ics', body, headers={'Content-Type': 'text/calendar'})
    return str(answer.status_code)


def query(url, expand):
    inner = f'<C:expand {SPAN}/>' if expand else ''
    return session.request('REPORT', url, headers={'Depth': '1', 'Content-Type': 'application/xml'}, data=(
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data>'
        f'{inner}</C:calendar-data></D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
        f'<C:time-range {SPAN}/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>'))


def names(answer, expanded):
    found = []
    for name, data in re.findall(r'/([\w-]+)\.ics<.*?BEGIN:VCALENDAR(.*?)END:VCALENDAR', answer.text, re.S):
        day = re.search(r'BEGIN:VEVENT.*?DTSTART\S*?:\d{6}(\d\d)', data, re.S)[1]
        found.append(f'{name} ({day}th)' if expanded and day != '10' else name)
    return ', '.join(sorted(found))


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
for name, url in servers.items():
    assert {put(url, uid, text) for uid, text in EVENTS.items()} == {'201'}
    for expand, what in ((False, 'found'), (True, 'expanded')):
        print(f'{name + ", " + what:19} {names(query(url, expand), expand)}')
stored = ', '.join(put(url, 'lone', LONE) for url in servers.values())
print(f'and one instance without its series, stored with {stored}:')
for name, url in servers.items():
    print(f'{name:19} {query(url, False).status_code} found, {query(url, True).status_code} expanded')
END

cd "$tmp"
ports=$(python3 -c 'import socket; a, b = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
print(a.getsockname()[1], b.getsockname()[1])')
venv/bin/radicale --hosts "127.0.0.1:${ports% *}" --auth-type none --storage-filesystem-folder r >radicale.log 2>&1 &
venv/bin/xandikos serve -d x --defaults -l 127.0.0.1 -p "${ports#* }" --no-detect-systemd >xandikos.log 2>&1 &
venv/bin/python probe.py $ports | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
