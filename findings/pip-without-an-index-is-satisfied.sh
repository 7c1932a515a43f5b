#!/usr/bin/env bash
# pip install -U, with an index that cannot be reached, says "already satisfied" and exits with 0
# Guess: `pip install -U tzdata` fails if it could not ask for a newer version, as it does for a package that is not installed.
# Seen: pip 26.0 exits with 1 for the package that is missing, and with 0 for an older one that is there: "Requirement already
#   satisfied", which is all that it says with --retries=0. With retries, only warnings between tell. Seen on 2026-11-30.
# So: an update button, or a nightly job, that goes by the exit code says "newest" on a machine without a network; look for the
#   warnings, and keep at least one retry so that there are any.
# Source: pip's resolver takes the installed distribution as a candidate; an index that fails is skipped.
set -euo pipefail
export TZ=UTC LANG=C.UTF-8 LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv v
v/bin/pip install -qq --disable-pip-version-check "pip==26.0" "tzdata==2026.1"
export PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_DISABLE_PIP_VERSION_CHECK=1
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL

try() {
    local code=0
    v/bin/python -m pip install -U "$@" >out 2>&1 || code=$?
    echo "$* -> exit code $code, warnings: $(grep -c Retrying out || true), satisfied: $(grep -c 'already satisfied' out || true)"
}
{
    try --retries=0 tzdata
    try --retries=1 tzdata
    try --retries=0 colorama
} > seen
cat seen
cat > want <<'END'
--retries=0 tzdata -> exit code 0, warnings: 0, satisfied: 1
--retries=1 tzdata -> exit code 0, warnings: 1, satisfied: 1
--retries=0 colorama -> exit code 1, warnings: 0, satisfied: 0
END
if ! diff -u want seen; then echo "The behaviour changed." >&2; exit 1; fi
echo "As described."
