#!/usr/bin/env bash
# tomlkit adds [lint.pydocstyle] to tool.ruff, and "ignore" and "line-length" of tool.ruff become part of it
#
# Guess: tomlkit writes back what one reads from it: `doc['tool']['ruff']['lint']['pydocstyle'] = {...}` adds a table and
#        leaves all other settings what they were, in the style of the file.
# Seen:  tomlkit 0.15.2, Python's tomllib and rtoml 0.14.0 to read, 2026-12-01. Where `lint` was written as dotted keys
#        (lint.select = ...), the table gets a header right behind the first of them, so the keys that follow are in it;
#        and the header lacks "tool.ruff", so it is a table of the top level. The text is valid TOML and nobody says a
#        word; the document in memory is right, so a look at it doesn't show that. At the top level of a file the other
#        services move into the new one. A value instead of a table, and a table where `lint` has a header, are right,
#        and so is an inline table.
# So:    a program that adds one setting to a pyproject.toml switches off others: ruff has no limit of 120 any more and
#        knows nothing of the new one. Compare tomllib.loads(tomlkit.dumps(doc)) with doc.unwrap() before writing.
# Source: tomlkit/container.py (_render_table, _handle_dotted_key), TOML 1.0, "Table"
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "tomlkit==0.15.2" "rtoml==0.14.0"

cat > "$tmp/expected" <<'END'
a value, dotted keys       as wanted
a table, under a header    as wanted
an inline table            as wanted
a table, dotted keys       in memory as wanted, in the file not
    [tool.ruff]
    lint.select = ["E", "F"]

    [lint.pydocstyle]
    convention = "google"
    lint.ignore = ["E501"]
    line-length = 120
a service, top level       in memory as wanted, in the file not
    services.web.port = 80

    [services.cache]
    port = 6379
    services.db.port = 5432
    debug = false
END

cat > "$tmp/probe.py" <<'END'
import tomllib

import rtoml
import tomlkit

DOTTED = '[tool.ruff]\nlint.select = ["E", "F"]\nlint.ignore = ["E501"]\nline-length = 120\n'
HEADER = '[tool.ruff]\nline-length = 120\n[tool.ruff.lint]\nselect = ["E", "F"]\nignore = ["E501"]\n'
TOP = 'services.web.port = 80\nservices.db.port = 5432\ndebug = false\n'
LINT = ('tool', 'ruff', 'lint')


def add(what, text, path, key, value):
    """The same edit in tomlkit and in a plain dict, which says what is wanted."""
    document, wanted = tomlkit.parse(text), tomllib.loads(text)
    for tree, new in ((document, value), (wanted, value.unwrap() if hasattr(value, 'unwrap') else value)):
        for name in path:
            tree = tree[name]
        tree[key] = new
    written = tomlkit.dumps(document)
    found = tomllib.loads(written)
    assert found == rtoml.loads(written) and document.unwrap() == wanted
    if found == wanted:
        print(f'{what:26} as wanted')
    else:
        print(f'{what:26} in memory as wanted, in the file not')
        print('\n'.join(f'    {line}' if line else '' for line in written.splitlines()))


google = {'convention': 'google'}
inline = tomlkit.inline_table()
inline.update(google)
add('a value, dotted keys', DOTTED, LINT, 'preview', True)
add('a table, under a header', HEADER, LINT, 'pydocstyle', google)
add('an inline table', DOTTED, LINT, 'pydocstyle', inline)
add('a table, dotted keys', DOTTED, LINT, 'pydocstyle', google)
add('a service, top level', TOP, ('services',), 'cache', {'port': 6379})
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
