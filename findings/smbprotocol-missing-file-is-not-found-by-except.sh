#!/usr/bin/env bash
# smbprotocol: a missing file raises errno 2 that `except FileNotFoundError` does not catch, and so on
#
# Guess: smbclient imitates os and shutil ("SMBOSError" is an OSError with errno and strerror), so the classes of PEP 3151
#        hold: errno 2 is a FileNotFoundError, 17 a FileExistsError, 13 a PermissionError.
# Seen:  smbprotocol 1.17.0, 2026-11-29: for 2 and 17 the number is right, but the class is SMBOSError for all of them:
#        Python chooses the class by the number only when OSError itself is called, not a class derived from it.
#        A denied access has no number at all: errno 0, "Unknown NtStatus error returned 'STATUS_ACCESS_DENIED'".
# So:    code written for files that is given smbclient's functions passes its tests until something is missing. Its own
#        `smbclient.path.exists` compares errno; `pathlib`-like code must do so too, or raise OSError(*error.args) anew.
# Source: smbprotocol/exceptions.py (SMBOSError); PEP 3151; Python docs, "OS exceptions"
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "smbprotocol==1.17.0"

cat > "$tmp/expected" <<'END'
STATUS_OBJECT_NAME_NOT_FOUND    errno 2  OSError: True  FileNotFoundError: False, by OSError(): True
STATUS_OBJECT_NAME_COLLISION    errno 17 OSError: True  FileExistsError: False, by OSError(): True
STATUS_ACCESS_DENIED            errno 0  OSError: True  PermissionError: False, by OSError(): False
END

cat > "$tmp/probe.py" <<'END'
from smbprotocol.exceptions import SMBOSError
from smbprotocol.header import NtStatus

for name, kind in (
    ('STATUS_OBJECT_NAME_NOT_FOUND', FileNotFoundError),
    ('STATUS_OBJECT_NAME_COLLISION', FileExistsError),
    ('STATUS_ACCESS_DENIED', PermissionError),
):
    error = SMBOSError(getattr(NtStatus, name), r'\\server\share\film.mp4')
    plain = OSError(error.errno, error.strerror)
    print(f'{name:31} errno {error.errno:<2} OSError: {isinstance(error, OSError)}  '
          f'{kind.__name__}: {isinstance(error, kind)}, by OSError(): {isinstance(plain, kind)}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
