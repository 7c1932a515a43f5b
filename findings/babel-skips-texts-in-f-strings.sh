#!/usr/bin/env bash
# Babel extracts no text from a call inside an f-string, and says nothing, unless Python is 3.12 or newer
#
# Guess: pybabel extract finds each _('…') of a module; where it cannot, as for an f-string as the text, it warns.
# Seen:  Babel 2.19.0 on Python 3.11: the call inside f'{_("Pages")} (3)' is skipped, exit 0, no warning. Its reader
#        goes by tokens, and until PEP 701 (3.12) an f-string is one token. The catalogue of a project so depends on
#        the Python of whoever writes it.
# So:    a text in an f-string stays English for ever, and no tool says that a translation is missing. Read f-strings
#        by ast as well.
# Source: PEP 701; babel/messages/extract.py, extract_python
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "babel==2.19.0" "setuptools<81"
mkdir "$tmp/code"
cat > "$tmp/code/page.py" <<'END'
title = _('Title')
line = f'{_("Pages")} (3)'
END
"$tmp/venv/bin/pybabel" -q extract -o "$tmp/found.pot" "$tmp/code" 2> "$tmp/said"
grep '^msgid "[A-Z]' "$tmp/found.pot" | tee "$tmp/seen"
[[ ! -s "$tmp/said" ]] || { echo "Babel said something:"; cat "$tmp/said"; exit 1; }
expected='msgid "Title"'
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
  expected+=$'\nmsgid "Pages"'
fi
diff <(echo "$expected") "$tmp/seen" || { echo "Babel has changed"; exit 1; }
echo "as seen on $(python3 --version)"
