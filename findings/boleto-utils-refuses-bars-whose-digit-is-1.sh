#!/usr/bin/env bash
# boleto-utils refuses the bar code of nearly every fifth boleto, and takes the typed line of the very same one
#
# Guess: the 44 digits of the bars and the 47 that a person types are two ways to write one Brazilian bill: both are
#        valid or neither is; and .vencimento of one due in 2026 is in 2026, as the library knows the factors of 2025.
# Seen:  @mrmgomes/boleto-utils 1.3.3 (May 2026), boleto-brasileiro-validator 1.0.5, 2026-12-01: of 1100 bills 208 fail
#        by their bars ("A validação do dígito verificador falhou"), none by its line, whose general digit it doesn't
#        check. All that fail have 1 there: the library makes 0 of a remainder of 0 or 1, the rule of bills for water or
#        power, while a bank's bars never have 0, but 1 then. The other validator takes all 2200. .vencimento says
#        April 2002 for November 2026, .vencimentoComNovoFator2025 beside it 2049 for 2024: neither is right for both.
# So:    what a scanner reads fails two times in eleven where typing works. Make the line of the bars, and check that.
# Source: boleto-utils src/boleto-utils.js (calculaMod11, the same for both kinds), FEBRABAN's rule for the fifth digit,
#         which gerar-boletos 1.4.5 has too (lib/boleto/gerador-de-digito-padrao.js)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
npm install --silent --no-audit --no-fund --prefix "$tmp" "@mrmgomes/boleto-utils@1.3.3" \
    "boleto-brasileiro-validator@1.0.5" >/dev/null

cat > "$tmp/expected" <<'END'
1100 bills: by line 1100, by bars 892; the other validator: by line 1100, by bars 1100
general digit of the 208 refused: 1; bars with 1 that were taken: 103
34191.09008 00001.234566 78912.345002 1 17410000012345: valid true, bars 34191174100000123451090000001234567891234500
34191174100000123451090000001234567891234500: valid false
due 2026-11-24: vencimento 2002-04-04, vencimentoComNovoFator2025 2026-11-24
due 2024-12-10: vencimento 2024-12-10, vencimentoComNovoFator2025 2049-08-01
END

cat > "$tmp/probe.cjs" <<'END'
const utils = require('@mrmgomes/boleto-utils');
const other = require('boleto-brasileiro-validator');

const FREE = '1090000001234567891234500';
const backwards = (text) => [...text].reverse().map(Number);
const tens = (text) => {
  const parts = backwards(text).map((one, place) => one * (2 - place % 2));
  const sum = parts.reduce((all, one) => all + one % 10 + (one > 9), 0);
  return text + (10 - sum % 10) % 10;
};
const general = (text) => {
  const digit = 11 - backwards(text).reduce((all, one, place) => all + one * (2 + place % 8), 0) % 11;
  return digit > 9 ? 1 : digit;
};

function bill(factor, cents) {
  const value = String(factor) + String(cents).padStart(10, '0');
  const digit = general('3419' + value + FREE);
  const line = tens('3419' + FREE.slice(0, 5)) + tens(FREE.slice(5, 15)) + tens(FREE.slice(15)) + digit + value;
  return { bars: '3419' + digit + value + FREE, line, digit };
}

const bills = Array.from({ length: 1100 }, (_, day) => bill(1640 + day, 12345 + 7 * day));
const count = (test) => bills.filter(test).length;
const refused = bills.filter((one) => !utils.validarBoleto(one.bars).sucesso);
console.log(`${bills.length} bills: by line ${count((one) => utils.validarBoleto(one.line).sucesso)}, by bars`
  + ` ${bills.length - refused.length}; the other validator: by line`
  + ` ${count((one) => other.boletoBancarioLinhaDigitavel(one.line, true))}, by bars`
  + ` ${count((one) => other.boletoBancarioCodigoBarras(one.bars))}`);
console.log(`general digit of the ${refused.length} refused: ${[...new Set(refused.map((one) => one.digit))]};`
  + ` bars with 1 that were taken: ${count((one) => one.digit === 1) - refused.length}`);
const { line, bars } = bill(1741, 12345);
const shown = line.replace(/^(.{5})(.{5})(.{5})(.{6})(.{5})(.{6})(.)/, '$1.$2 $3.$4 $5.$6 $7 ');
console.log(`${shown}: valid ${utils.validarBoleto(line).sucesso}, bars ${utils.validarBoleto(line).codigoBarras}`);
console.log(`${bars}: valid ${utils.validarBoleto(bars).sucesso}`);
for (const [due, factor] of [['2026-11-24', 1640], ['2024-12-10', 9926]]) {
  const { vencimento, vencimentoComNovoFator2025 } = utils.validarBoleto(bill(factor, 12345).line);
  const days = [vencimento, vencimentoComNovoFator2025].map((one) => one.toISOString().slice(0, 10));
  console.log(`due ${due}: vencimento ${days[0]}, vencimentoComNovoFator2025 ${days[1]}`);
}
END

cd "$tmp"
node probe.cjs | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
