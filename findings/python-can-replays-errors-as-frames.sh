#!/usr/bin/env bash
# python-can: "bus off" in a log of candump is read as a frame of data, and a replay puts it on the bus as ID 00000040
#
# Guess: what the kernel reports of a bus, and `candump -l can0,0:0,#FFFFFFFF` logs (bit 29 of the ID set), is an error
#        frame in python-can, as it is when it comes live by SocketCAN; and can_player leaves error frames out.
# Seen:  python-can 4.6.1, can-utils 2020.11.0-1, 2026-12-01: only a report of the class "bus error" (bit 7) is read as
#        an error frame, the one class that python-can itself writes. For any other class the reader takes bit 29 away
#        and keeps the rest: "controller, warning level reached" is an extended frame 00000004 with 8 bytes, "bus off"
#        00000040, "restarted" 00000100, "no ACK" 00000020. can_player without --error-frames sends all four, and
#        can_logconvert makes frames of data of them in ASC, BLF and CSV. log2asc of can-utils says ErrorFrame to all.
# So:    an hour of trouble is counted as traffic, and its replay sends frames that no device had sent. Lines with an ID
#        of 2....... in eight digits are taken out of a log before.
# Source: can/io/canutils.py (CAN_ERR_FLAG and CAN_ERR_BUSERROR); linux/can/error.h; can/player.py (--error-frames)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "python-can==4.6.1"
cd "$tmp"
apt-get download -qq can-utils=2020.11.0-1 2>/dev/null
dpkg -x can-utils_*.deb root

# A frame, then: warning level, bus off, restarted, a bus error, no acknowledgement.
cat > errors.log <<'END'
(1796104800.100000) can0 123#0102
(1796104800.200000) can0 20000004#0008000000000000
(1796104800.300000) can0 20000040#0000000000000000
(1796104800.400000) can0 20000100#0000000000000000
(1796104800.500000) can0 20000088#0000000000000000
(1796104800.600000) can0 20000020#0000000000000000
END

cat > probe.py <<'END'
import sys

import can
import can.player


def show(what, messages):
    names = ['error' if one.is_error_frame else f'{one.arbitration_id:0{8 if one.is_extended_id else 3}x}'
             for one in messages]
    print(f'{what:22} {" ".join(names)}')


for name in ('errors.log', 'errors.asc', 'errors.blf', 'errors.csv'):
    show(name, can.LogReader(name))
with can.Bus('bus', interface='virtual') as bus:
    sys.argv = ['can_player', '-i', 'virtual', '-c', 'bus', 'errors.log']
    can.player.main()
    show('sent by can_player', iter(lambda: bus.recv(0.5), None))
END

cat > expected <<'END'
errors.log             123 00000004 00000040 00000100 error 00000020
errors.asc             123 00000004 00000040 00000100 error 00000020
errors.blf             123 00000004 00000040 00000100 error 00000020
errors.csv             123 00000004 00000040 00000100 error 00000020
sent by can_player     123 00000004 00000040 00000100 00000020
log2asc of can-utils   123 ErrorFrame ErrorFrame ErrorFrame ErrorFrame ErrorFrame
END

for format in asc blf csv; do venv/bin/can_logconvert errors.log "errors.$format"; done
{
  venv/bin/python probe.py | grep -v '^Can LogReader'
  root/usr/bin/log2asc -I errors.log can0 |
    awk 'BEGIN { printf "log2asc of can-utils  " } $2 == 1 { printf " %s", $3 } END { print "" }'
} >seen
cat seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
