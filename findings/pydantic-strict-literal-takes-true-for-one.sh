#!/usr/bin/env bash
# pydantic, strict: Literal[1] takes True and 1.0 and gives 1; in Literal[1] | bool a True is lost
#
# Guess: strict mode converts nothing, so True isn't 1; and in a union that has bool, True fits bool exactly and stays.
# Seen:  pydantic 2.14.4, jsonschema 4.26.0, 2026-11-29: strict or not, from Python or JSON, Literal[1] takes True and
#        1.0 and returns the int 1, while strict `int` refuses both and "1" is refused everywhere. `Literal[1] | bool`
#        turns True into 1, `bool | Literal[1]` keeps it: both members count as exact, so the order of the "smart"
#        union decides. Literal[1, True] keeps True and 1 apart and makes True of 1.0. pydantic's own JSON schema of
#        Literal[1] says {"const": 1}, which by a validator does not admit true.
# So:    a parameter "retries: Literal[0, 1, 2] | bool" set to "yes, by default" is kept as the number 1.
# Source: docs.pydantic.dev, "Strict Mode"; pydantic-core, src/validators/literal.rs (falls back to a Python dict,
#         in which True, 1 and 1.0 are one key).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pydantic==2.14.4" "jsonschema==4.26.0"

cat > "$tmp/expected" <<'END'
strict from JSON        true         1.0          1            "1"
int                     refused      refused      1            refused
Literal[1]              1            1            1            refused
 its JSON schema        refused      valid        valid        refused
Literal[1] | bool       1            1            1            refused
 its JSON schema        valid        valid        valid        refused
bool | Literal[1]       True         1            1            refused
 its JSON schema        valid        valid        valid        refused
Literal[1, True]        True         True         1            refused
 its JSON schema        valid        valid        valid        refused
END

cat > "$tmp/probe.py" <<'END'
import json
from typing import Literal

import jsonschema
from pydantic import TypeAdapter, ValidationError

texts = ('true', '1.0', '1', '"1"')
print(f'{"strict from JSON":23}', ' '.join(f'{t:12}' for t in texts).rstrip())
for name, kind in (('int', int), ('Literal[1]', Literal[1]), ('Literal[1] | bool', Literal[1] | bool),
                   ('bool | Literal[1]', bool | Literal[1]), ('Literal[1, True]', Literal[1, True])):
    adapter = TypeAdapter(kind)
    row, by_schema = [], []
    for text in texts:
        try:
            row.append(repr(adapter.validate_json(text, strict=True)))
            assert row[-1] == repr(adapter.validate_python(json.loads(text), strict=True))
        except ValidationError:
            row.append('refused')
        ok = jsonschema.Draft202012Validator(adapter.json_schema()).is_valid(json.loads(text))
        by_schema.append('valid' if ok else 'refused')
    print(f'{name:23}', ' '.join(f'{r:12}' for r in row).rstrip())
    if name != 'int':
        print(f'{" its JSON schema":23}', ' '.join(f'{r:12}' for r in by_schema).rstrip())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
