#!/usr/bin/env bash
# Delete "this and all later" of a Brazilian series with Google's ical on a server in UTC: the one before is gone too
#
# Guess: deleting the fourth of five by THIS_AND_FUTURE leaves three, whatever zone the series or the machine is in;
#        giving the fourth and fifth another title that way leaves five.
# Seen:  ical 14.3.1 (the calendar of Home Assistant; recurring-ical-events 3.8.2 as second reader), 2026-11-30: the
#        recurrence_id that its own timeline gives has no zone, and the store turns it into UTC by the zone of the
#        machine, less a day. On a server in UTC the series in Sao Paulo ends at 09:00Z of the third day, before 09:00
#        there: two are left, for itself at once and for others in the file. The same code on a laptop in Sao Paulo
#        leaves three. Of a series at 09:00 and 17:00 the 17:00 before the cut is lost everywhere. The part with the new
#        title has both RECURRENCE-ID and a rule: the other reader takes it for one moved date, and has no fifth.
# So:    each cut costs an appointment in a container without TZ west of Greenwich; tests in UTC or Europe never see it.
# Source: ical/store.py (exdate.astimezone(utc) of a time without a zone, "subtracting one day is safe")
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "ical==14.3.1" "tzdata==2026.6" \
  "recurring-ical-events==3.8.2" "icalendar==7.3.2"

cat > "$tmp/expected" <<'END'
on a machine in UTC
  America/Sao_Paulo daily  delete: 1 2                others: 1 2         UNTIL=20270303T090000Z
  America/Sao_Paulo daily  rename: 1 2 4 5            others: 1 2 4       UNTIL=20270303T090000Z
  Europe/Berlin     daily  delete: 1 2 3              others: 1 2 3       UNTIL=20270303T090000Z
  Europe/Berlin     daily  rename: 1 2 3 4 5          others: 1 2 3 4     UNTIL=20270303T090000Z
  Europe/Berlin     twice  delete: 1 1 2 2 3          others: 1 1 2 2 3   UNTIL=20270303T090000Z
on a machine in America/Sao_Paulo
  America/Sao_Paulo daily  delete: 1 2 3              others: 1 2 3       UNTIL=20270303T120000Z
  America/Sao_Paulo daily  rename: 1 2 3 4 5          others: 1 2 3 4     UNTIL=20270303T120000Z
  Europe/Berlin     daily  delete: 1 2 3              others: 1 2 3       UNTIL=20270303T120000Z
  Europe/Berlin     daily  rename: 1 2 3 4 5          others: 1 2 3 4     UNTIL=20270303T120000Z
  Europe/Berlin     twice  delete: 1 1 2 2 3          others: 1 1 2 2 3   UNTIL=20270303T120000Z
END

cat > "$tmp/probe.py" <<'END'
import os
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event
from ical.store import EventStore
from ical.types.recur import Range, Recur


def days(calendar, zone):
    found = calendar.timeline_tz(zone).overlapping(datetime(2027, 3, 1, tzinfo=zone), datetime(2027, 3, 9, tzinfo=zone))
    return list(found)


def line(starts):
    return ' '.join(f'{start.day}' for start in sorted(starts))


RULES = {'daily': 'FREQ=DAILY;COUNT=5', 'twice': 'FREQ=DAILY;BYHOUR=9,17;COUNT=10'}
CASES = (('America/Sao_Paulo', 'daily'), ('Europe/Berlin', 'daily'), ('Europe/Berlin', 'twice'))
print('on a machine in', os.environ['TZ'])
for name, rule in CASES:
    zone = ZoneInfo(name)
    for what in ('delete', 'rename') if rule == 'daily' else ('delete',):
        calendar = Calendar()
        store = EventStore(calendar)
        start, end = datetime(2027, 3, 1, 9, tzinfo=zone), datetime(2027, 3, 1, 10, tzinfo=zone)
        store.add(Event(uid='a', summary='stand-up', start=start, end=end, rrule=Recur.from_rrule(RULES[rule])))
        cut = next(event for event in days(calendar, zone) if event.start.day == 4)
        which = {'recurrence_id': cut.recurrence_id, 'recurrence_range': Range.THIS_AND_FUTURE}
        if what == 'delete':
            store.delete('a', **which)
        else:
            store.edit('a', Event(summary='review', start=cut.start, end=cut.end), **which)
        text = IcsCalendarStream.calendar_to_ics(calendar)
        own = line(event.start for event in days(IcsCalendarStream.calendar_from_ics(text), zone))
        assert own == line(event.start for event in days(calendar, zone))
        read = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between((2027, 3, 1), (2027, 3, 9))
        others = line(event['DTSTART'].dt for event in read)
        print(f'  {name:17} {rule}  {what}: {own:18} others: {others:11} {re.search("UNTIL=[0-9TZ]+", text).group()}')
END

cd "$tmp"
for zone in UTC America/Sao_Paulo; do TZ=$zone "$tmp/venv/bin/python" probe.py; done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
