#!/usr/bin/env bash
# psutil.wait_procs() on a child of subprocess: the Popen object says afterwards that exit code 3 was 0
#
# Guess: whoever of the two waits first gets the code, and the other one gets the same, or None, or an error, as
#        psutil gives None for a process that isn't its own to wait for.
# Seen:  psutil 7.2.2, CPython 3.11 on Linux, 2026-11-29: psutil reaps the child and knows 3; Popen.wait() and poll()
#        then find no child and book 0, without a word; a child killed by SIGTERM (-15) becomes 0 as well. In the other
#        order psutil says None. psutil.Popen, whose own wait() comes second after a plain psutil.Process of the same
#        pid, says None too, neither 3 nor 0.
# So:    stop a process tree by psutil's own recipe (terminate, wait_procs, kill) and the runner that owns the child
#        books a failed or killed command as succeeded.
# Source: CPython Lib/subprocess.py (_try_wait: ECHILD becomes status 0), psutil/_psposix.py (wait_pid).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "psutil==7.2.2"

cat > "$tmp/expected" <<'END'
exit 3, psutil first:   psutil 3  Popen 0
SIGTERM, psutil first:  psutil -15  Popen 0
exit 3, Popen first:    psutil None  Popen 3
exit 3, psutil.Popen:   psutil 3  Popen None
END

cat > "$tmp/probe.py" <<'END'
import subprocess

import psutil

EXIT_3 = ['sh', '-c', 'sleep 0.3; exit 3']


def by_psutil(pid):
    gone, alive = psutil.wait_procs([psutil.Process(pid)], timeout=10)
    return gone[0].returncode


child = subprocess.Popen(EXIT_3)
print('exit 3, psutil first:   psutil', by_psutil(child.pid), ' Popen', child.wait())

child = subprocess.Popen(['sleep', '60'])
child.terminate()
print('SIGTERM, psutil first:  psutil', by_psutil(child.pid), ' Popen', child.wait())

child = subprocess.Popen(EXIT_3)
process = psutil.Process(child.pid)
code = child.wait()
print('exit 3, Popen first:    psutil', process.wait(10), ' Popen', code)

child = psutil.Popen(EXIT_3)
print('exit 3, psutil.Popen:   psutil', by_psutil(child.pid), ' Popen', child.wait())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
