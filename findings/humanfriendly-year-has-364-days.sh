#!/usr/bin/env bash
# humanfriendly's year has 364 days, and pytimeparse, parse-duration and it give three answers to "1y"
# Guess: "1y" is 365 days (or 365.25); format_timespan(365 days) is "1 year".
# Seen: humanfriendly 10.0 counts a year as 52 weeks: parse_timespan("1y") is 364 days, and 365 days are written as "1 year and 1 day",
#   728 days as "2 years". parse-duration 2.1.9 says 365.25 days, pytimeparse 1.1.10 None; months: humanfriendly has none
#   ("1 month" is an error, "1M" a minute), parse-duration 30.4375 days. Seen on 2026-11-29.
# So: a retention of "5y" deletes six days early, and an age of exactly a year is shown with a day too many.
# Source: humanfriendly/__init__.py, time_units: divider 60 * 60 * 24 * 7 * 52.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "humanfriendly==10.0" "pytimeparse==1.1.10"
npm install --silent --no-audit --no-fund --prefix "$tmp" "parse-duration@2.1.9" >/dev/null

cat > t1.py <<'END'
import humanfriendly, pytimeparse

day = 86400
print("humanfriendly 1y", humanfriendly.parse_timespan("1y") / day, "days; 5y", humanfriendly.parse_timespan("5y") / day)
print("humanfriendly 365 days:", humanfriendly.format_timespan(365 * day), "| 728 days:", humanfriendly.format_timespan(728 * day))
print("humanfriendly 1M", humanfriendly.parse_timespan("1M"), "s")
try:
    print(humanfriendly.parse_timespan("1 month"))
except humanfriendly.InvalidTimespan:
    print("humanfriendly 1 month: InvalidTimespan")
print("pytimeparse 1y", pytimeparse.parse("1y"), "| 1M", pytimeparse.parse("1M"), "s")
END

cat > t2.mjs <<'END'
import parse from 'parse-duration';
console.log('parse-duration 1y', parse('1y') / 86400000, 'days | 1 month', parse('1 month') / 86400000, 'days | 1M', parse('1M') / 1000, 's');
END

{ v/bin/python t1.py; node t2.mjs; } > seen
cat seen
cat > want <<'END'
humanfriendly 1y 364.0 days; 5y 1820.0
humanfriendly 365 days: 1 year and 1 day | 728 days: 2 years
humanfriendly 1M 60.0 s
humanfriendly 1 month: InvalidTimespan
pytimeparse 1y None | 1M 60 s
parse-duration 1y 365.25 days | 1 month 30.4375 days | 1M 60 s
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
