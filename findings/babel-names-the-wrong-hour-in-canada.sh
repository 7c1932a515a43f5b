#!/usr/bin/env bash
# Babel names Canada's clocks of winter 2026 by the hour they have left: "Pacific Standard Time" for -07:00
# Guess: with tzdata 2026f (Vancouver MST -07:00, Edmonton CST -06:00, Winnipeg EST -05:00 from November 2026) Babel 2.19.0
#   names what the zone says, or falls back to the offset or "Vancouver time", as it does for Yukon ("Yukon Time").
# Seen: it says Pacific, Mountain and Central Standard Time (pt_BR: "Horario Padrao do Pacifico", with accents), and short PST,
#   MST, CST: names that mean one hour less than the clock beside them. They come from CLDR's metazones, picked by
#   the zone's name and dst() == 0; the offset is never looked at. Short names then clash with tzname(): "MST" is Vancouver
#   for Python and Edmonton for Babel. Seen on 2026-11-29.
# So: a mail saying "09:00 PST" for an event in Vancouver sends its reader to 10:00; print the offset, not the name.
# Source: Babel, get_timezone_name(): meta zone, then "standard"/"daylight" by dst().
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "babel==2.19.0" "tzdata==2026.6"

cat > t1.py <<'END'
from datetime import datetime, timezone
from zoneinfo import ZoneInfo
from babel.dates import get_timezone_name

for zone in ("America/Vancouver", "America/Edmonton", "America/Winnipeg", "America/Whitehorse", "America/Los_Angeles"):
    moment = datetime(2027, 1, 15, 17, tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
    print(f"{zone:20} {moment:%H:%M %z} tzname {moment:%Z} | Babel: {get_timezone_name(moment, 'short', locale='en_US')},"
          f" {get_timezone_name(moment, locale='en_US')}, {get_timezone_name(moment, locale='pt_BR')}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
America/Vancouver    10:00 -0700 tzname MST | Babel: PST, Pacific Standard Time, Horário Padrão do Pacífico
America/Edmonton     11:00 -0600 tzname CST | Babel: MST, Mountain Standard Time, Horário Padrão das Montanhas
America/Winnipeg     12:00 -0500 tzname EST | Babel: CST, Central Standard Time, Horário Padrão Central
America/Whitehorse   10:00 -0700 tzname MST | Babel: -0700, Yukon Time, Horário do Yukon
America/Los_Angeles  09:00 -0800 tzname PST | Babel: PST, Pacific Standard Time, Horário Padrão do Pacífico
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
