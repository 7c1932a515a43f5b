#!/usr/bin/env bash
# pendulum: half an hour after 00:30 in Tokyo, read from UTC, is 0 hours and -1 days; 23 hours are 22 hours and 1 day
#
# Guess: in_days() is the number of whole days, as in_hours() of whole hours; or it counts midnights, in one zone, and
#        then all the same never goes backwards. What is the difference of two moments leads from the one to the other.
# Seen:  pendulum 3.3.0, 2026-12-01: in_days() subtracts two dates, each in its own zone, before the zones are looked
#        at. Two minutes over midnight are a day. From Tokyo to UTC a later moment is -1 days away, also by diff(), said
#        to be absolute, 32 hours are 0 days, and 168 hours from Auckland are 6; `days` is right. in_weeks() is made of
#        in_days(). Over a change of the clocks, if it isn't a whole day, in_words() has the hours that the
#        hands show and in_hours() the real ones, and the difference, added to the first moment, misses the second by
#        an hour.
# So:    "a week old" by in_days() deletes a backup of 6 days and a minute, and keeps one of another zone longer.
#        Bring both to UTC first, and ask total_days().
# Source: pendulum/_helpers.py and its twin in Rust (precise_diff: total_days), pendulum/interval.py (in_days)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC PYTHONTZPATH=
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pendulum==3.3.0" "tzdata==2026.6"

cat > "$tmp/expected" <<'END'
one zone
  01 23:59 UTC              to 02 00:01 UTC           2 minutes            : in_hours 0, days 0, in_days 1, in_weeks 0
  01 23:59 UTC              to 08 00:01 UTC           6 days 2 minutes     : in_hours 144, days 6, in_days 7, in_weeks 1
two zones
  02 00:30 Asia/Tokyo       to 01 16:00 UTC           30 minutes           : in_hours 0, days 0, in_days -1, in_weeks 0
  01 23:00 UTC              to 02 08:30 Asia/Tokyo    30 minutes           : in_hours 0, days 0, in_days 1, in_weeks 0
  01 00:30 Asia/Tokyo       to 01 23:30 UTC           1 day 8 hours        : in_hours 32, days 1, in_days 0, in_weeks 0
  08 00:30 Pacific/Auckland to 14 12:00 UTC           1 week 30 minutes    : in_hours 168, days 7, in_days 6, in_weeks 0
an hour less, an hour more
  27 12:00 Europe/Berlin    to 28 11:00 Europe/Berlin 23 hours             : in_hours 22, days 0, in_days 1, in_weeks 0
  added to the first     is 28 12:00
  30 12:00 Europe/Berlin    to 31 11:30 Europe/Berlin 23 hours 30 minutes  : in_hours 24, days 1, in_days 1, in_weeks 0
  added to the first     is 31 10:30
END

cat > "$tmp/probe.py" <<'END'
from pendulum import parse

TOKYO, BERLIN, AUCKLAND = 'Asia/Tokyo', 'Europe/Berlin', 'Pacific/Auckland'


def show(first, zone, second, other):
    start, end = parse(first, tz=zone), parse(second, tz=other)
    gap = end - start
    assert gap.total_seconds() > 0 and end.diff(start).in_days() == start.diff(end).in_days() == gap.in_days()
    print(f'  {start:%d %H:%M} {zone:16} to {end:%d %H:%M} {other:13} {gap.in_words():21}: in_hours {gap.in_hours()},',
          f'days {gap.days}, in_days {gap.in_days()}, in_weeks {gap.in_weeks()}')
    if start + gap != end:
        print(f'  {"added to the first":22} is {start + gap:%d %H:%M}')


print('one zone')
show('2026-12-01T23:59', 'UTC', '2026-12-02T00:01', 'UTC')
show('2026-12-01T23:59', 'UTC', '2026-12-08T00:01', 'UTC')
print('two zones')
show('2026-12-02T00:30', TOKYO, '2026-12-01T16:00', 'UTC')
show('2026-12-01T23:00', 'UTC', '2026-12-02T08:30', TOKYO)
show('2026-12-01T00:30', TOKYO, '2026-12-01T23:30', 'UTC')
show('2026-12-08T00:30', AUCKLAND, '2026-12-14T12:00', 'UTC')
print('an hour less, an hour more')
show('2027-03-27T12:00', BERLIN, '2027-03-28T11:00', BERLIN)
show('2027-10-30T12:00', BERLIN, '2027-10-31T11:30', BERLIN)
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
