#!/usr/bin/env bash
# workalendar: 20 November 2026 is a working day in Brazil, for banks too; so is Good Friday, but for banks
#
# Guess: the law of December 2023 that makes 20 November a national holiday is in every library of 2026, three years on;
#        three of them agree on Brazil's nine national days, and Good Friday is a holiday in each.
# Seen:  workalendar 17.0.0, holidays 0.109, npm date-holidays 3.37.0, 2026-11-30: workalendar has the day in four
#        states (AL, AM, AP, RJ), as before the law, not for the country, Sao Paulo or the banks. It has Easter Sunday
#        for the country and no Good Friday; its bank calendar has that. holidays has both and no Sunday. date-holidays
#        has both, and as "public" the two Sundays of 2026's elections as well. One working day
#        after Thursday, 19 November, is Friday the 20th for one and Monday the 23rd for the other.
# So:    "on the second working day" or "due in five bank days" fires on a day on which no bank is open, once a year.
# Source: Lei 14.759 of 21 December 2023; workalendar/america/brazil.py (include_consciencia_negra = False)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "workalendar==17.0.0" "holidays==0.109"
npm install --silent --no-audit --no-fund --prefix "$tmp" "date-holidays@3.37.0" >/dev/null

cat > "$tmp/expected" <<'END'
20 November 2026    workalendar no   banks no   holidays yes  date-holidays yes
20 November 2027    workalendar no   banks no   holidays yes  date-holidays yes
Good Friday 2026    workalendar no   banks yes  holidays yes  date-holidays yes
Easter Sunday 2026  workalendar yes  banks no   holidays no   date-holidays no
election 2026       workalendar no   banks no   holidays no   date-holidays yes
Tiradentes 2026     workalendar yes  banks yes  holidays yes  date-holidays yes
workalendar has 20 November in BR-AL BR-AM BR-AP BR-RJ
a working day after 19 November 2026: workalendar 20, its banks 20, holidays 23
END

cat > "$tmp/public.mjs" <<'END'
import Holidays from 'date-holidays';
const brazil = new Holidays('BR');
const days = [2026, 2027].flatMap((year) => brazil.getHolidays(year)).filter((one) => one.type === 'public');
console.log(JSON.stringify(days.map((one) => one.date.slice(0, 10))));
END

cat > "$tmp/probe.py" <<'END'
import json
from datetime import date
from pathlib import Path

import holidays
from workalendar.america import Brazil, BrazilBankCalendar
from workalendar.registry import registry

country, banks, other = Brazil(), BrazilBankCalendar(), holidays.country_holidays('BR', years=(2026, 2027))
public = json.loads(Path('public.json').read_text())
DAYS = {
    '20 November 2026': date(2026, 11, 20),
    '20 November 2027': date(2027, 11, 20),
    'Good Friday 2026': date(2026, 4, 3),
    'Easter Sunday 2026': date(2026, 4, 5),
    'election 2026': date(2026, 10, 4),
    'Tiradentes 2026': date(2026, 4, 21),
}
for name, day in DAYS.items():
    found = (country.is_holiday(day), banks.is_holiday(day), day in other, day.isoformat() in public)
    words = ['yes' if one else 'no' for one in found]
    print('{:19} workalendar {:3}  banks {:3}  holidays {:3}  date-holidays {}'.format(name, *words))
states = [code for code, one in registry.region_registry.items()
          if code.startswith('BR-') and len(code) == 5 and one().is_holiday(date(2026, 11, 20))]
print('workalendar has 20 November in', *sorted(states))
start = date(2026, 11, 19)
print('a working day after 19 November 2026:', f'workalendar {country.add_working_days(start, 1).day},',
      f'its banks {banks.add_working_days(start, 1).day}, holidays {other.get_nth_working_day(start, 1).day}')
END

cd "$tmp"
node public.mjs > public.json
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
