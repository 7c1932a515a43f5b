#!/usr/bin/env bash
# pyEDFlib: a recording that began half a second after ten began a twentieth of a second after ten
#
# Guess: the fraction of a second of the start, which EDF+ keeps before the first annotation ("+0.5"), comes back as
#        the microseconds of getStartdatetime(), and setStartdatetime() writes those it is given.
# Seen:  pyEDFlib 0.1.42, edfio 0.4.18, 2026-12-01: it reads a tenth of the fraction: 0.5 s as 50,000 microseconds, and
#        0.9999 s as 99,990. It writes no fraction at all: microseconds given to setStartdatetime() are gone from the
#        file. edfio reads what it has written, and the bytes of the file agree with it.
# So:    two recordings of one night, joined by their start times, are up to 0.9 s apart.
# Source: EDF+ specification, 2.2.4 "time-keeping TALs" (the start of the first data record in fractions of a second)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pyEDFlib==0.1.42" "edfio==0.4.18" "numpy==2.4.6"

cat > "$tmp/expected" <<'END'
edfio writes 10:00:00.500000: in the file 10.00.00 +0.5, edfio reads 10:00:00.500000, pyEDFlib reads 10:00:00.050000
edfio writes 23:59:59.999900: in the file 23.59.59 +0.9999, edfio reads 23:59:59.999900, pyEDFlib reads 23:59:59.099990
pyEDFlib writes 10:00:00.500000: in the file 10.00.00 +0, edfio reads 10:00:00, pyEDFlib reads 10:00:00
END

cat > "$tmp/probe.py" <<'END'
import re
from datetime import date, datetime, time

import edfio
import numpy
import pyedflib

SAMPLES = numpy.sin(numpy.arange(1000) / 7)
DAY = date(2026, 11, 30)


def by_edfio(path, start):
    signal, recording = edfio.EdfSignal(SAMPLES, 100, label='A'), edfio.Recording(startdate=DAY)
    edfio.Edf([signal], starttime=start, recording=recording).write(path)


def by_pyedflib(path, start):
    writer = pyedflib.EdfWriter(path, 1, file_type=pyedflib.FILETYPE_EDFPLUS)
    header = pyedflib.highlevel.make_signal_header('A', sample_frequency=100, physical_min=-1, physical_max=1)
    writer.setSignalHeaders([header])
    writer.setStartdatetime(datetime.combine(DAY, start))
    writer.writeSamples([SAMPLES])
    writer.close()


def in_file(path):
    with open(path, 'rb') as file:
        data = file.read()
    offset = re.search(rb'\+[\d.]+(?=\x14\x14)', data[int(data[184:192]):])
    return f'{data[176:184].decode()} {offset[0].decode()}'


for name, write, start in (
    ('edfio', by_edfio, time(10, 0, 0, 500_000)),
    ('edfio', by_edfio, time(23, 59, 59, 999_900)),
    ('pyEDFlib', by_pyedflib, time(10, 0, 0, 500_000)),
):
    write('recording.edf', start)
    other = edfio.read_edf('recording.edf').starttime
    with pyedflib.EdfReader('recording.edf') as reader:
        own = reader.getStartdatetime().time()
    print(f'{name} writes {start}: in the file {in_file("recording.edf")}, edfio reads {other}, pyEDFlib reads {own}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
