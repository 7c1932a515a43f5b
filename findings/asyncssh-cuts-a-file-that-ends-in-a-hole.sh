#!/usr/bin/env bash
# AsyncSSH: put() and get() cut off what a sparse file has after its last data: a disk image of 1 MiB arrives with 4 KiB
#
# Guess: put() "with sparse files" leaves holes as holes and gives the copy the length of the original, as cp and rsync
#        --sparse do; a file that is one hole arrives as one hole.
# Seen:  asyncssh 2.24.1 as client and server, paramiko 5.1.0, 2026-11-30: since it copies only the ranges of data and
#        sets no length, the copy ends behind the last of them. No error, and preserve=True gives it the time of the
#        original, so a comparison by time says "same". sparse=True is the default of put(), get() and copy(); put()
#        goes by the local file, whatever the server is. It hits images made by truncate or qemu-img, and databases that
#        reserve their file. A hole before data is right. sparse=False and paramiko's put() send all.
# So:    the nightly copy of a virtual disk is shorter than the disk, and is found out on the day that it's needed.
# Source: asyncssh/sftp.py (the copier asks for request_ranges, and never sets the total as length)
# Pins:  asyncssh==2.24.1, paramiko==5.1.0; needs a temp folder with holes (ext4, XFS, Btrfs, tmpfs)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "asyncssh==2.24.1" "paramiko==5.1.0"

cat > "$tmp/expected" <<'END'
                     data, hole  hole, data  only a hole
original                1048576     1048576      1048576
put                        4096     1048576            0
put, preserve              4096     1048576            0
get                        4096     1048576            0
put, sparse=False       1048576     1048576      1048576
paramiko's put          1048576     1048576      1048576
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import os

import asyncssh
import paramiko

SIZE = 1024 * 1024
NAMES = {'data, hole': [0], 'hole, data': [SIZE - 4096], 'only a hole': []}


class Anyone(asyncssh.SSHServer):
    def begin_auth(self, username):
        return False


def show(what, folder):
    sizes = [os.path.getsize(f'{folder}/{name}') for name in NAMES]
    print(f'{what:21}' + '  '.join(f'{size:>{len(name)}}' for name, size in zip(NAMES, sizes, strict=True)), flush=True)


def by_paramiko(port):
    with paramiko.Transport(('127.0.0.1', port)) as transport:
        transport.start_client(timeout=30)
        transport.auth_none('anna')
        with paramiko.SFTPClient.from_transport(transport) as sftp:
            for name in NAMES:
                sftp.put(f'here/{name}', f'/{name}')


async def main():
    for folder in ('here', 'there', 'back'):
        os.mkdir(folder)
    for name, starts in NAMES.items():
        with open(f'here/{name}', 'wb') as file:
            file.truncate(SIZE)
            for start in starts:
                file.seek(start)
                file.write(b'x' * 4096)
    print(' ' * 21 + '  '.join(NAMES))
    show('original', 'here')
    server = await asyncssh.listen(
        '127.0.0.1', 0, server_host_keys=[asyncssh.generate_private_key('ssh-ed25519')], server_factory=Anyone,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot='there'))
    there = {'port': server.get_port(), 'username': 'anna', 'known_hosts': None}
    async with asyncssh.connect('127.0.0.1', **there) as connection, connection.start_sftp_client() as sftp:
        for what, options in (('put', {}), ('put, preserve', {'preserve': True})):
            for name in NAMES:
                await sftp.put(f'here/{name}', f'/{name}', **options)
            show(what, 'there')
        for name in NAMES:
            with open(f'there/{name}', 'wb') as file, open(f'here/{name}', 'rb') as original:
                file.truncate(SIZE)
                for start in NAMES[name]:
                    os.pwrite(file.fileno(), os.pread(original.fileno(), 4096, start), start)
            await sftp.get(f'/{name}', f'back/{name}')
        show('get', 'back')
        for name in NAMES:
            await sftp.put(f'here/{name}', f'/{name}', sparse=False)
        show('put, sparse=False', 'there')
    for name in NAMES:
        os.unlink(f'there/{name}')
    await asyncio.to_thread(by_paramiko, server.get_port())
    show("paramiko's put", 'there')


asyncio.run(main())
END

cd "$tmp"
"$tmp/venv/bin/python" -W ignore probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
