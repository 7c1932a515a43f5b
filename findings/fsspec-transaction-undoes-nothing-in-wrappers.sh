#!/usr/bin/env bash
# fsspec: a transaction on DirFileSystem or filecache:: writes at once and undoes nothing; simplecache:: and plain do
#
# Guess: `with fs.transaction:` holds the files back until the end, or the file system says that it can't; a wrapper
#        hands it to the file system below.
# Seen:  fsspec 2026.9.0, 2026-11-29: a file overwritten in a transaction that fails keeps its old content on local,
#        memory, simplecache, blockcache. On DirFileSystem and filecache the new content stands in place already
#        inside the block and stays after the error, without a word: both set their own `_intrans`, but the file that
#        they hand out was opened by the inner file system, which isn't in a transaction.
# So:    "deliver all or nothing" by a transaction holds for file:// and breaks when the destination is narrowed to a
#        folder (dir::) or cached (filecache::), with the same code.
# Source: fsspec/implementations/dirfs.py, cached.py, spec.py (open, start_transaction); filesystem-spec docs,
#         "Transactions".
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "fsspec==2026.9.0"

cat > "$tmp/expected" <<'END'
local        inside the transaction: old  after its failure: old
memory       inside the transaction: old  after its failure: old
simplecache  inside the transaction: old  after its failure: old
blockcache   inside the transaction: old  after its failure: old
filecache    inside the transaction: new  after its failure: new
dir          inside the transaction: new  after its failure: new
END

cat > "$tmp/probe.py" <<'END'
import os

import fsspec
from fsspec.implementations.dirfs import DirFileSystem

folder = os.getcwd() + '/delivered'
os.mkdir(folder)


def cached(name):
    return fsspec.filesystem(name, target_protocol='file', cache_storage=f'{os.getcwd()}/cache-{name}')


for name, fs, path in (
    ('local', fsspec.filesystem('file'), folder + '/film'),
    ('memory', fsspec.filesystem('memory'), '/delivered/film'),
    ('simplecache', cached('simplecache'), folder + '/film'),
    ('blockcache', cached('blockcache'), folder + '/film'),
    ('filecache', cached('filecache'), folder + '/film'),
    ('dir', DirFileSystem(folder, fsspec.filesystem('file')), 'film'),
):
    truth = fs if name == 'memory' else fsspec.filesystem('file')  # read below the wrapper
    real = path if name != 'dir' else folder + '/film'
    truth.pipe_file(real, b'old')
    try:
        with fs.transaction:
            with fs.open(path, 'wb') as out:
                out.write(b'new')
            inside = truth.cat_file(real).decode()
            raise RuntimeError('the second file could not be made')
    except RuntimeError:
        pass
    print(f'{name:12} inside the transaction: {inside}  after its failure: {truth.cat_file(real).decode()}')
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
