#!/usr/bin/env bash
# python-can: in an ASC log a frame that is 23 ms older than the first one is dated 2083, and a replay goes wrong
#
# Guess: a logger of two buses gets a frame after a newer one of the other bus now and then. For such a frame ASCWriter
#        states the time of the one before (so says its documentation), or its own, by a negative offset.
# Seen:  python-can 4.6.1, can-utils 2020.11.0-1, 2026-12-01: ASCWriter, and so can_logconvert and can_logger, subtracts
#        the start only from times after it. What is before it is written in seconds since 1970, where all others are
#        seconds since the start: ASCReader, and asc2log of can-utils, read it 56 years and 11 months too late. Only
#        what is older than the very first frame is hit; later ones keep their own times, in whatever order. In BLF
#        the frame gets the time of the first, in TRC an offset of -23 ms, CSV and SQLite keep its time. log2asc of
#        can-utils states 0. MessageSync (can_player) waits its limit (60 s; here 2), then sends the rest at once.
# So:    a recording of a second "lasts" 56 years, is sorted or plotted so, and is no longer replayed in its own pace.
#        What comes from several buses is to be sorted before it is written as ASC.
# Source: can/io/asc.py (ASCWriter.log_event: "if timestamp >= self.started"), can/io/player.py
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "python-can==4.6.1"
cd "$tmp"
apt-get download -qq can-utils=2020.11.0-1 2>/dev/null
dpkg -x can-utils_*.deb root

cat > two.log <<'END'
(1796104800.250000) can1 120#0102
(1796104800.227000) can0 080#11
(1796104801.250000) can1 120#0103
(1796104801.227000) can0 080#12
END

cat > show.py <<'END'
import sys
import time
from datetime import UTC, datetime

import can

for name in sys.argv[1:]:
    options = {'relative_timestamp': False} if name.endswith('asc') else {}
    times = [message.timestamp for message in can.LogReader(name, **options)]
    clock = [f'{datetime.fromtimestamp(round(time, 3), UTC):%Y %H:%M:%S.%f}'[:-3] for time in times]
    print(f'{name:7} {" | ".join(clock)}')
for name in sys.argv[1:3]:
    sent = [time.monotonic() for message in can.MessageSync(can.LogReader(name), skip=2)]
    print(f'{name} replayed, pauses: {" ".join(f"{b - a:.0f}" for a, b in zip(sent, sent[1:]))}')
END

cat > expected <<'END'
two.log 2026 06:00:00.250 | 2026 06:00:00.227 | 2026 06:00:01.250 | 2026 06:00:01.227
two.asc 2026 06:00:00.250 | 2083 12:00:00.477 | 2026 06:00:01.250 | 2026 06:00:01.227
two.blf 2026 06:00:00.250 | 2026 06:00:00.250 | 2026 06:00:01.250 | 2026 06:00:01.227
two.trc 2026 06:00:00.250 | 2026 06:00:00.227 | 2026 06:00:01.250 | 2026 06:00:01.227
two.csv 2026 06:00:00.250 | 2026 06:00:00.227 | 2026 06:00:01.250 | 2026 06:00:01.227
two.db  2026 06:00:00.250 | 2026 06:00:00.227 | 2026 06:00:01.250 | 2026 06:00:01.227
two.log replayed, pauses: 0 1 0
two.asc replayed, pauses: 2 0 0
asc2log after the first: +1796104800 +1 +1
log2asc, column of time: 0.000000 0.000000 1.000000 0.977000
END

# asc2log doesn't read the date in the header of this version; its own times are relative to now.
for format in asc blf trc csv db; do venv/bin/can_logconvert two.log "two.$format"; done
{
  venv/bin/python show.py two.log two.asc two.blf two.trc two.csv two.db
  root/usr/bin/asc2log -I two.asc 2>/dev/null | awk -F '[().]' 'NR == 1 { first = $2 "." $3 }
    NR > 1 { printf "%s+%.0f", (NR > 2 ? " " : "asc2log after the first: "), ($2 "." $3) - first } END { print "" }'
  root/usr/bin/log2asc -I two.log can0 can1 | awk '/ d / { printf "%s %s", (n++ ? "" : "log2asc, column of time:"), $1 }
    END { print "" }'
} >seen
cat seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
