#!/usr/bin/env bash
# pendulum: on a day that begins at 01:00, pendulum.today() is yesterday, 23:00, and tomorrow() is today
#
# Guess: the start of a day without 00:00 is 01:00, as pendulum.datetime() and parse() of that date give and as its
#        documentation says of times that don't exist; in any case it is on that day.
# Seen:  pendulum 3.3.0, whenever 0.11.0, 2026-12-01. today() and start_of('day') of now() are 23:00 of the day before,
#        all day long. tomorrow(), a day on from there, is 23:00 of today. The same moment read from text gives 01:00,
#        though the two are equal and print the same: they differ in their hidden fold, which at() and set() hand on to
#        a time that isn't there. now(), in_timezone() and start_of() leave 0 in it, datetime() and parse() leave 1. So
#        the start of the start of the day is on the day before. whenever says 01:00.
# So:    a report or a folder named by today() has a date twice and one never; due "before tomorrow()" loses the last
#        hour. Egypt, Chile, Lebanon and, as each year at the end of March, the Azores.
# Source: pendulum/datetime.py (_start_of_day, at, set: fold=self.fold), pendulum/__init__.py (today, tomorrow)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pendulum==3.3.0" "whenever==0.11.0" "time-machine==3.6.0" \
  "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
Africa/Cairo, now 30 12:00+0300
  today, tomorrow         29 23:00+0200, 30 23:00+0300
  start, end of the day   29 23:00+0200, 30 23:59+0300
  now, read from text     30 01:00+0300 - its start: 29 23:00+0200
  whenever                30 01:00+0300
America/Santiago, now 05 12:00-0300
  today, tomorrow         04 23:00-0400, 05 23:00-0300
  start, end of the day   04 23:00-0400, 05 23:59-0300
  now, read from text     05 01:00-0300 - its start: 04 23:00-0400
  whenever                05 01:00-0300
Atlantic/Azores, now 28 12:00+0000
  today, tomorrow         27 23:00-0100, 28 23:00+0000
  start, end of the day   27 23:00-0100, 28 23:59+0000
  now, read from text     28 01:00+0000 - its start: 27 23:00-0100
  whenever                28 01:00+0000
Europe/Berlin, now 28 12:00+0200
  today, tomorrow         28 00:00+0100, 29 00:00+0200
  start, end of the day   28 00:00+0100, 28 23:59+0200
  now, read from text     28 00:00+0100 - its start: 28 00:00+0100
  whenever                28 00:00+0100
END

cat > "$tmp/probe.py" <<'END'
import pendulum
import time_machine
from whenever import ZonedDateTime


def short(moment):
    return f'{moment:%d %H:%M%z}'


for zone, noon in (('Africa/Cairo', '2027-04-30T09:00Z'), ('America/Santiago', '2027-09-05T15:00Z'),
                   ('Atlantic/Azores', '2027-03-28T12:00Z'), ('Europe/Berlin', '2027-03-28T10:00Z')):
    with time_machine.travel(noon, tick=False):
        now, again = pendulum.now(zone), pendulum.parse(pendulum.now(zone).format('YYYY-MM-DDTHH:mm'), tz=zone)
        assert now == again and now.isoformat() == again.isoformat()
        print(f'{zone}, now {short(now)}')
        print('  today, tomorrow        ', short(pendulum.today(zone)) + ',', short(pendulum.tomorrow(zone)))
        print('  start, end of the day  ', short(now.start_of('day')) + ',', short(now.end_of('day')))
        print('  now, read from text    ', short(again.start_of('day')), '- its start:',
              short(again.start_of('day').start_of('day')))
        print('  whenever               ', short(ZonedDateTime.now(zone).start_of('day').to_stdlib()))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
