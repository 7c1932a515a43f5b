#!/usr/bin/env bash
# The end of the day as .NET writes it, 23:59:59.9999999, is the next day for msgspec, ruamel.yaml and arrow
#
# Guess: RFC 3339 sets no limit to the digits of a second, and who holds six drops the rest, as datetime.fromisoformat()
#        does. .NET has seven, so `Date.AddDays(1).AddTicks(-1)`, the usual last moment of a day, stays in that day.
# Seen:  msgspec 0.23.0, ruamel.yaml 0.19.1 and arrow 1.4.0 round, 2026-12-01: it is the next midnight. msgspec's time of
#        day is 00:00, the start of the same day. YAML() of ruamel, made to keep a file as it is, writes the next day if
#        it loads and dumps without any edit. DateTime.MaxValue, the "for ever" of .NET, is refused: as no RFC 3339 by
#        msgspec, with OverflowError by the others. pydantic 2.14.4, cbor2 6.3.0, PyYAML 6.0.4, polars 2.1.0 and Python
#        drop the digit. (arrow tells of it, at its token S.)
# So:    a permit "until the end of the 1st" lasts into the 2nd, opening hours end before they begin, and a
#        configuration changes when only a comment was edited, depending on the library.
# Source: RFC 3339, 5.6 (time-secfrac, any number of digits); ruamel/yaml/util.py, arrow/parser.py; .NET, format "O"
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "msgspec==0.23.0" "ruamel.yaml==0.19.1" "arrow==1.4.0" \
  "pydantic==2.14.4" "cbor2==6.3.0" "pyyaml==6.0.4" "polars==2.1.0"

cat > "$tmp/expected" <<'END'
               end of the day              for ever                    with Z: 10:00:00.1234567
Python         2027-01-01 23:59:59.999999  9999-12-31 23:59:59.999999  2027-01-01 10:00:00.123456
pydantic       2027-01-01 23:59:59.999999  9999-12-31 23:59:59.999999  2027-01-01 10:00:00.123456
cbor2          2027-01-01 23:59:59.999999  9999-12-31 23:59:59.999999  2027-01-01 10:00:00.123456
PyYAML         2027-01-01 23:59:59.999999  9999-12-31 23:59:59.999999  2027-01-01 10:00:00.123456
polars         2027-01-01 23:59:59.999999  9999-12-31 23:59:59.999999  2027-01-01 10:00:00.123456
msgspec        2027-01-02 00:00:00.000000  ValidationError             2027-01-01 10:00:00.123457
ruamel.yaml    2027-01-02 00:00:00.000000  OverflowError               2027-01-01 10:00:00.123457
arrow          2027-01-02 00:00:00.000000  OverflowError               2027-01-01 10:00:00.123457
time of day: pydantic 23:59:59.999999, msgspec 00:00:00
ruamel.yaml, loaded and dumped: until: 2027-01-02T00:00:00Z
END

cat > "$tmp/probe.py" <<'END'
import datetime
import io
import json

import arrow
import cbor2
import msgspec
import polars
import pydantic
import yaml
from ruamel.yaml import YAML

READERS = {
    'Python': datetime.datetime.fromisoformat,
    'pydantic': pydantic.TypeAdapter(datetime.datetime).validate_python,
    'cbor2': lambda text: cbor2.loads(cbor2.dumps(cbor2.CBORTag(0, text))),
    'PyYAML': yaml.safe_load,
    'polars': lambda text: polars.Series([text]).str.to_datetime()[0],
    'msgspec': lambda text: msgspec.json.decode(json.dumps(text), type=datetime.datetime),
    'ruamel.yaml': lambda text: YAML().load(f'until: {text}\n')['until'],
    'arrow': arrow.get,
}


def attempt(read, text):
    try:
        moment = read(text)
    except (ValueError, OverflowError) as error:
        return type(error).__name__
    return f'{moment.year}-{moment.month:02}-{moment.day:02} {moment.hour:02}:{moment.minute:02}:' \
           f'{moment.second:02}.{moment.microsecond:06}'


END, FOR_EVER, MIDDLE = '2027-01-01T23:59:59.9999999Z', '9999-12-31T23:59:59.9999999Z', '2027-01-01T10:00:00.1234567Z'
print(f'{"":14} {"end of the day":27} {"for ever":27} with Z: 10:00:00.1234567')
for name, read in READERS.items():
    print(f'{name:14} ' + ' '.join(f'{attempt(read, text):27}' for text in (END, FOR_EVER, MIDDLE)).rstrip())
hour = '23:59:59.9999999'
print('time of day: pydantic', pydantic.TypeAdapter(datetime.time).validate_python(hour), end=', ')
print('msgspec', msgspec.json.decode(json.dumps(hour), type=datetime.time))
out, plain = io.StringIO(), YAML()
plain.dump(plain.load(f'until: {END}\n'), out)
print('ruamel.yaml, loaded and dumped:', out.getvalue().strip())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
