"""Starts the program on a folder, and prints how uploads are answered that are sent whole before the answer is read.

`python -m tests.parts.uploads_to_a_full_disk DATA`, on a disk of 9 MB: the first upload fits.
"""

import http.client
import sys
from pathlib import Path

from tests.parts.harness import SynapseUnderTest

BOUNDARY = 'boundary'
MEGABYTES = (3, 5, 12, 80)


def main() -> None:
    program = SynapseUnderTest(Path(sys.argv[1])).start()
    try:
        for size in MEGABYTES:
            print(_status(program, size), flush=True)
    finally:
        program.stop()


def _status(program: SynapseUnderTest, megabytes: int) -> int:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    body = head.encode() + bytes(megabytes << 20) + f'\r\n--{BOUNDARY}--\r\n'.encode()
    headers = {
        'Authorization': f'Bearer {program.token}',
        'Content-Type': f'multipart/form-data; boundary={BOUNDARY}',
    }
    connection = http.client.HTTPConnection('127.0.0.1', program.port, timeout=60)
    try:
        connection.request('POST', '/api/v1/uploads', body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


if __name__ == '__main__':
    main()
