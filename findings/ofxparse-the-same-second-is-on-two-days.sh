#!/usr/bin/env bash
# ofxparse: the same second of a bank statement is on two days, by whether its offset has a name
#
# Guess: 22:00 of 30 November in `[-3:BRT]`, as banks in Brazil write it, is an aware datetime, or 30 November, 22:00.
#        A name after the offset is optional in OFX ("[gmt offset[:tz name]]"), so without it the moment is the same.
# Seen:  ofxparse 0.21, ofxtools 1.1.1, 2026-12-01: with a name the offset is taken off and the result has no zone, so
#        what was paid on 30 November at 22:00 is dated 1 December, 01:00. Without the name the offset is ignored: 30
#        November, 22:00. A line that has a date only stays on it. ofxtools says 01:00 with its zone for both. An offset
#        of `+5.30` is 5 h 30 min to ofxtools and 5.30 h, so 5 h 18 min, to ofxparse.
# So:    sums of a month by transaction.date take evening payments for the next month, but not those of all banks.
# Source: OFX 1.6 and 2.x, "Dates, times and time zones"; ofxparse, ofxtools
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "ofxparse==0.21" "ofxtools==1.1.1"

cat > "$tmp/expected" <<'END'
20261130220000[-3:BRT]    ofxparse 2026-12-01 01:00:00  ofxtools 2026-12-01 01:00:00+00:00
20261130220000.000[-3]    ofxparse 2026-11-30 22:00:00  ofxtools 2026-12-01 01:00:00+00:00
20261130                  ofxparse 2026-11-30 00:00:00  ofxtools 2026-11-30 00:00:00+00:00
20261130220000[+5.30:IST] ofxparse 2026-11-30 16:42:00  ofxtools 2026-11-30 16:30:00+00:00
spent in November: ofxparse 20.00, ofxtools in Brazil 30.00
END

cat > "$tmp/probe.py" <<'END'
import io
import warnings
from decimal import Decimal
from zoneinfo import ZoneInfo

warnings.simplefilter('ignore')
from ofxparse import OfxParser
from ofxtools.Parser import OFXTree

HEADER = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

"""
BODY = """<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20261201090000<LANGUAGE>POR
</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>BRL
<BANKACCTFROM><BANKID>0001<ACCTID>1<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261130{lines}</BANKTRANLIST>
<LEDGERBAL><BALAMT>100<DTASOF>20261130</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
LINE = '\n<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{date}<TRNAMT>-10.00<FITID>{number}<MEMO>coffee</STMTTRN>'
DATES = ['20261130220000[-3:BRT]', '20261130220000.000[-3]', '20261130', '20261130220000[+5.30:IST]']


def statement(dates):
    return (HEADER + BODY.format(lines=''.join(LINE.format(date=d, number=n) for n, d in enumerate(dates)))).encode()


def by_ofxparse(data):
    return OfxParser.parse(io.BytesIO(data)).account.statement.transactions


def by_ofxtools(data):
    tree = OFXTree()
    tree.parse(io.BytesIO(data))
    return tree.convert().statements[0].transactions


for date, one, other in zip(DATES, by_ofxparse(statement(DATES)), by_ofxtools(statement(DATES)), strict=True):
    print(f'{date:25} ofxparse {one.date}  ofxtools {other.dtposted}')
paid = statement(DATES[:2] + ['20261130120000[-3:BRT]'])
one = sum(-line.amount for line in by_ofxparse(paid) if line.date.month == 11)
zone = ZoneInfo('America/Sao_Paulo')
other = sum((-line.trnamt for line in by_ofxtools(paid) if line.dtposted.astimezone(zone).month == 11), Decimal())
print(f'spent in November: ofxparse {one}, ofxtools in Brazil {other}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
