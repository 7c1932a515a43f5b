#!/usr/bin/env bash
# avro writes 12.5 into a column of two decimals as 1.25 and 100 as 1.00; fastavro writes what it was given
#
# Guess: a Decimal with fewer places than the column is filled up with zeros, as in SQL, Parquet and Java's Conversions,
#        or refused, as one with more places is ("too large for the schema scale").
# Seen:  avro 1.12.2 (Apache's own for Python), fastavro 1.13.1, Polars 2.1.0, 2026-12-01: it takes the digits alone and
#        leaves the exponent out. 12.5 is 1.25, 100 is 1.00, -0.5 is -0.05, and normalize(), which makes 100 "1E+2",
#        makes a cent of it; bytes and fixed alike, no word. avro, fastavro and Polars agree on what is in the file.
#        Only what has exactly the places of the schema survives: 12.50. Decimal('12.345') is the error it should be.
# So:    prices of which some are whole or end in 0 lose a factor of 10 or 100, row by row; quantize() each before.
# Source: avro/io.py (write_decimal_bytes, write_decimal_fixed: exp is compared with the scale, and not used), Avro 1.12
#         specification, "Decimal": the unscaled integer is of the scale in the schema
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "avro==1.12.2" "fastavro==1.13.1" "polars==2.1.0"

cat > "$tmp/expected" <<'END'
given     bytes   fixed   fastavro
12.50     12.50   12.50   12.50
12.5      1.25    1.25    12.50
100       1.00    1.00    100.00
1E+2      0.01    0.01    100.00
-0.5      -0.05   -0.05   -0.50
7         0.07    0.07    7.00
12.345    error   error   error
sum of the others: 231.50 given, avro 14.78, fastavro 231.50
END

cat > "$tmp/probe.py" <<'END'
import io
import json
from decimal import Decimal

import avro.datafile
import avro.errors
import avro.io
import avro.schema
import fastavro
import polars

DECIMAL = {'logicalType': 'decimal', 'precision': 9, 'scale': 2}
TYPES = {'bytes': {'type': 'bytes', **DECIMAL}, 'fixed': {'type': 'fixed', 'name': 'Price', 'size': 8, **DECIMAL}}


def apache(file, schema, row):
    writer = avro.datafile.DataFileWriter(file, avro.io.DatumWriter(), avro.schema.parse(json.dumps(schema)))
    writer.append(row)
    writer.flush()


def fast(file, schema, row):
    fastavro.writer(file, schema, [row])


def written(writer, kind, value):
    """The price in the file as three readers have it, which agree."""
    file = io.BytesIO()
    schema = {'type': 'record', 'name': 'Row', 'fields': [{'name': 'price', 'type': TYPES[kind]}]}
    try:
        writer(file, schema, {'price': value})
    except (avro.errors.AvroOutOfScaleException, ValueError):
        return 'error'
    copies = [io.BytesIO(file.getvalue()) for _ in range(3)]
    seen = {row['price'] for row in fastavro.reader(copies[0])}
    seen |= {row['price'] for row in avro.datafile.DataFileReader(copies[1], avro.io.DatumReader())}
    seen |= set(polars.read_avro(copies[2])['price'])
    [price] = seen
    return price


print('given     bytes   fixed   fastavro')
totals = [Decimal(0)] * 3
for text in ('12.50', '12.5', '100', '1E+2', '-0.5', '7', '12.345'):
    value = Decimal(text)
    row = written(apache, 'bytes', value), written(apache, 'fixed', value), written(fast, 'bytes', value)
    print(f'{text:8}  {row[0]!s:7} {row[1]!s:7} {row[2]}')
    if 'error' not in row:
        totals = [total + more for total, more in zip(totals, (value, row[0], row[2]))]
print('sum of the others: {} given, avro {}, fastavro {}'.format(*totals))
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
