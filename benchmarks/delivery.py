"""How long a delivery takes, beside the server's own client in the same run: `python -m benchmarks.delivery`.

Each server is real and on this machine; a kind whose server or client is missing is left out. Needs the extra
`servers`, and the rights of root for SMB.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from synapse.destinations import Destination
from tests.parts.servers import KINDS, PASSWORD, USER, RunningServer, missing, running, s3_client

LIMIT = 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--megabytes', type=int, default=200)
    parser.add_argument('--rounds', type=int, default=5)
    arguments = parser.parse_args()
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        file = home / 'film.bin'
        file.write_bytes(os.urandom(1024**2) * arguments.megabytes)
        print(f'{"":8}{"Synapse":>10}{"own client":>12}{"ratio":>8}   {arguments.megabytes} MB, median of each')
        for kind in ('local', *KINDS):
            ratio = measured(kind, home, file, arguments.rounds)
            if ratio > LIMIT:
                slow.append(kind)
    if slow:
        print(f'Slower than {LIMIT} times the own client: {", ".join(slow)}')
    return 1 if slow else 0


def measured(kind: str, home: Path, file: Path, rounds: int) -> float:
    if kind == 'local':
        target = home / 'out'
        target.mkdir()
        return compared(kind, Destination(str(target)), file, lambda: copied(file, target / 'own.bin'), rounds)
    lacking = missing(kind)
    if lacking or shutil.which(_CLIENTS.get(kind, 'true')) is None:
        print(f'{kind:8} left out: {lacking or f"lacks {_CLIENTS[kind]}"}')
        return 0.0
    with running(kind, home / kind) as server, server.opened() as destination:
        return compared(kind, destination, file, lambda: _OWN[kind](server, file), rounds)


def compared(kind: str, destination: Destination, file: Path, own: Callable[[], None], rounds: int) -> float:
    """Print the medians and return their ratio; the two take turns, so that both meet the same machine."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(lambda: destination.put(file, 'ours.bin', replace=True)))
        theirs.append(seconds(own))
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f'{kind:8}{mine:>9.2f}s{other:>11.2f}s{mine / other:>8.2f}', flush=True)
    return mine / other


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def copied(file: Path, target: Path) -> None:
    run('sh', '-c', 'cp "$1" "$2.new" && sync "$2.new" && mv "$2.new" "$2"', 'sh', file, target)


def by_sftp(server: RunningServer, file: Path) -> None:
    port, key = server.address.split('/')[2].split(':')[1], server.secrets['destination_key_file']
    options = ['-q', '-P', port, '-i', key, '-o', f'UserKnownHostsFile={server.known_hosts}', '-b', '-']
    user = server.secrets['destination_username']
    run('sftp', *options, f'{user}@127.0.0.1', typed=f'put {file} {server.folder}/own.bin\n')


def by_curl(server: RunningServer, file: Path) -> None:
    url = server.address.replace('webdav://', 'http://')
    run('curl', '--silent', '--fail', '--user', f'{USER}:{PASSWORD}', '--upload-file', file, f'{url}/own.bin')


def by_boto3(server: RunningServer, file: Path) -> None:
    s3_client(server.secrets).upload_file(str(file), 'bucket', 'own.bin')


def by_smbclient(server: RunningServer, file: Path) -> None:
    port = server.address.split('/')[2].split(':')[1]
    options = ['-s', server.home / 'conf', '-p', port, '-U', f'root%{PASSWORD}', '-c', f'put {file} own.bin']
    run('smbclient', '//127.0.0.1/share', *options)


def run(*command: str | Path, typed: str = '') -> None:
    subprocess.run([str(word) for word in command], input=typed, text=True, check=True, capture_output=True)


_OWN = {'sftp': by_sftp, 'ftp': by_curl, 'webdav': by_curl, 's3': by_boto3, 'smb': by_smbclient}
_CLIENTS = {'sftp': 'sftp', 'ftp': 'curl', 'webdav': 'curl', 'smb': 'smbclient'}

if __name__ == '__main__':
    sys.exit(main())
