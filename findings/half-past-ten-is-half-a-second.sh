#!/usr/bin/env bash
# Python 3.11 reads the valid ISO 8601 time "10.5" (half past ten) as 10:00:00.5
# Guess: datetime.fromisoformat("2026-11-29T10.5") raises ValueError: the documentation says that fractional hours and minutes are not
#   supported.
# Seen: Python 3.11 returns 10:00:00.500000, and for "T10:30.5" (10:30:30) it returns 10:30:00.5. isodate 0.7.2 reads both by the standard,
#   dateutil 2.9.0, ciso8601 2.4.1, pendulum 3.3.0 and whenever 0.11.0 refuse. The fraction is always taken for one of a
#   second, wherever it stands. Seen on 2026-11-29 (Python 3.11.7).
# So: "accept what fromisoformat accepts" as a check lets a time through that is up to an hour, or a minute, early.
# Source: documentation of datetime.fromisoformat, "Fractional hours and minutes are not supported".
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONTZPATH= PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "isodate==0.7.2" "python-dateutil==2.9.0.post0" "ciso8601==2.4.1" "pendulum==3.3.0" "whenever==0.11.0" "tzdata==2026.6"

cat > t1.py <<'END'
from datetime import datetime
import ciso8601, isodate, pendulum, whenever
from dateutil.parser import isoparse

readers = {"python": datetime.fromisoformat, "isodate": isodate.parse_datetime, "dateutil": isoparse, "ciso8601": ciso8601.parse_datetime,
           "pendulum": pendulum.parse, "whenever": whenever.PlainDateTime.parse_iso}
for text in ("2026-11-29T10.5", "2026-11-29T10:30.5"):
    for name, read in readers.items():
        try:
            seen = f"{read(text):%H:%M:%S.%f}"
        except ValueError:
            seen = "refused"
        print(f"{text:20}{name:10}{seen}")
END

v/bin/python t1.py > seen
cat seen
cat > want <<'END'
2026-11-29T10.5     python    10:00:00.500000
2026-11-29T10.5     isodate   10:30:00.000000
2026-11-29T10.5     dateutil  refused
2026-11-29T10.5     ciso8601  refused
2026-11-29T10.5     pendulum  refused
2026-11-29T10.5     whenever  refused
2026-11-29T10:30.5  python    10:30:00.500000
2026-11-29T10:30.5  isodate   10:30:30.000000
2026-11-29T10:30.5  dateutil  refused
2026-11-29T10:30.5  ciso8601  refused
2026-11-29T10:30.5  pendulum  refused
2026-11-29T10:30.5  whenever  refused
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
