#!/usr/bin/env bash
# fit-tool: a second without a pulse and a position is 255 beats, 42949 km, 65535 watts and a latitude of 180 degrees
#
# Guess: FIT keeps one number of each type for "no value" (255 in a byte). A reader gives None for it or leaves the
#        field out, as fitdecode, fitparse and Garmin's own SDK do; whoever wants the raw number asks for it apart.
# Seen:  fit-tool 0.9.16, fitdecode 0.11.0, fitparse 1.2.0, garmin-fit-sdk 21.218.0, 2026-12-01. fit-tool hands out the
#        number for "no value" as the value, scaled and in its unit: by record.heart_rate, in get_value() and to_csv(),
#        and field.is_valid() is True of it (it asks for the size). A field that a record doesn't have at all is None,
#        so that the question looks settled. A record of heart beats (hrv) has room for five and is padded: three
#        beats of 0.8 s, and two of 65.535 s.
# So:    the pulse of a ride with a loose strap is far too high, and its track begins beyond the pole. With fit-tool
#        field.encoded_values are compared with field.base_type.invalid_raw_value() first.
# Source: fit_tool/field.py (get_value), fit_tool/base_type.py (invalid_raw_value); FIT protocol, base types
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
  "fit-tool==0.9.16" "fitdecode==0.11.0" "fitparse==1.2.0" "garmin-fit-sdk==21.218.0"

cat > "$tmp/probe.py" <<'END'
import struct

import fitdecode
import fitparse
from fit_tool.fit_file import FitFile
from garmin_fit_sdk import CrcCalculator, Decoder, Stream

START = 1164000000
TIME, HEART, DISTANCE, POWER = (253, 4, 0x86), (3, 1, 2), (5, 4, 0x86), (7, 2, 0x84)
LATITUDE, BEATS = (0, 4, 0x85), (0, 10, 0x84)
NAMES = ('heart_rate', 'distance', 'power', 'cadence')


def define(local, number, *fields):
    return struct.pack('<BBBHB', 0x40 | local, 0, 0, number, len(fields)) + b''.join(map(bytes, fields))


def file(*records):
    """An activity of these records, after the file_id that each has."""
    body = define(0, 0, (0, 1, 0), (1, 2, 0x84), (4, 4, 0x86)) + struct.pack('<BBHI', 0, 4, 1, START)
    body += b''.join(records)
    data = struct.pack('<BBHI4s', 14, 0x20, 21213, len(body), b'.FIT')
    data += struct.pack('<H', CrcCalculator.calculate_crc(data, 0, 12)) + body
    return data + struct.pack('<H', CrcCalculator.calculate_crc(data, 0, len(data)))


def show(reader, records):
    lines = [' '.join('-' if one is None else str(one) for one in record) for record in records]
    print(f'  {reader:10} {" | ".join(lines)}')


ride = file(define(1, 20, TIME, HEART, DISTANCE, POWER, LATITUDE),
            struct.pack('<BIBIHi', 1, START, 0xFF, 0xFFFFFFFF, 0xFFFF, 0x7FFFFFFF),
            struct.pack('<BIBIHi', 1, START + 1, 75, 900, 200, 5 * 10**8))
print(*NAMES)
ours = [record.message for record in FitFile.from_bytes(ride).records if not record.is_definition][1:]
show('fit-tool', [[getattr(record, name) for name in NAMES] for record in ours])
frames = [frame for frame in fitdecode.FitReader(ride) if frame.frame_type == fitdecode.FIT_FRAME_DATA][1:]
show('fitdecode', [[frame.get_value(name, fallback=None) for name in NAMES] for frame in frames])
show('fitparse', [[one.get_value(name) for name in NAMES] for one in fitparse.FitFile(ride).get_messages('record')])
messages, errors = Decoder(Stream.from_byte_array(bytearray(ride))).read()
show('Garmin', [[one.get(name) for name in NAMES] for one in messages['record_mesgs']])
first = {field.name: field for field in ours[0].fields}
print('fit-tool, first:', *(f'{name} valid {first[name].is_valid()},' for name in ('heart_rate', 'cadence')),
      f'latitude {ours[0].position_lat:.0f}')
FitFile.from_bytes(ride).to_csv('ride.csv')
print('as CSV:', next(line for line in open('ride.csv') if line.startswith('Data,1')).split(',', 6)[6].strip())

beats = file(define(1, 78, BEATS), struct.pack('<B5H', 1, 800, 810, 790, 0xFFFF, 0xFFFF))
print('beats')
show('fit-tool', [FitFile.from_bytes(beats).records[-1].message.time])
show('fitdecode', [list(fitdecode.FitReader(beats))[-2].get_value('time')])
END

cat > "$tmp/expected" <<'END'
heart_rate distance power cadence
  fit-tool   255 42949672.95 65535 - | 75 9.0 200 -
  fitdecode  - - - - | 75 9.0 200 -
  fitparse   - - - - | 75 9.0 200 -
  Garmin     - - - - | 75 9.0 200 -
fit-tool, first: heart_rate valid True, cadence valid False, latitude 180
as CSV: heart_rate,255,bpm,distance,42949672.95,m,power,65535,watts,position_lat,179.99999991618097,degrees
beats
  fit-tool   0.8 0.81 0.79 65.535 65.535
  fitdecode  0.8 0.81 0.79 - -
END

cd "$tmp"
venv/bin/python probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
