"""A pseudo-terminal for a program, so that it prints as it does for a person: with colours, progress, line by line.

From the standard library: `ptyprocess` forks by itself, which may hang in a process with threads. Here `subprocess`
starts the program, so that errors, signals and ends are handled as without a terminal.
"""

import os
import select
import shutil
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from synapse.protocol.screen import HEIGHT

if sys.platform != 'win32':
    import fcntl
    import termios

IS_AVAILABLE = sys.platform != 'win32'
READ_BYTES = 64 * 1024
FULL_BYTES = 1024**2
END_OF_INPUT = b'\x04' * 8
"""Each ends one read."""
# The first process of a session gets the first terminal that it opens as its own, which a program then inherits.
_OPENS_IT = 'exec "$@" <>"$0" >&0 2>&0'


class Terminal:
    """A terminal of `columns` by 50. The program's input is at its end: whoever asks for a password gets none.

    :raises OSError: if the system has no more of them
    """

    def __init__(self, columns: int) -> None:
        self._master, self._slave = os.openpty()
        self._name = os.ttyname(self._slave)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack('HHHH', HEIGHT, columns, 0, 0))
        modes = termios.tcgetattr(self._slave)
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(self._slave, termios.TCSANOW, modes)
        # Says with each read whether the program has dropped its input, as those that ask for a password do.
        fcntl.ioctl(self._master, termios.TIOCPKT, struct.pack('i', 1))
        self._end_input()

    def command(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> list[str]:
        """Return the command that runs `argv` with this as its terminal, as the first process of a session.

        :raises FileNotFoundError: if there is no such program
        :raises PermissionError: if it isn't executable
        """
        program = argv[0] if os.sep not in argv[0] else os.fspath(cwd / argv[0])
        if shutil.which(program, path=env.get('PATH')) is None:
            raise (PermissionError if os.sep in program and Path(program).exists() else FileNotFoundError)(program)
        return ['/bin/sh', '-c', _OPENS_IT, self._name, *argv]

    def read(self) -> bytes:
        """Return what is printed next, empty once no process has the terminal any more."""
        pieces: list[bytes] = []
        size = 0
        while not pieces or (size < FULL_BYTES and select.select([self._master], [], [], 0)[0]):
            try:
                data = os.read(self._master, READ_BYTES)
            except OSError:  # EIO: the last process that had it is gone
                break
            if data[:1] == b'\0':
                pieces.append(data[1:])
                size += len(data)
            elif data and data[0] & termios.TIOCPKT_FLUSHREAD:
                self._end_input()
            elif not data:
                break
        return b''.join(pieces)

    def release(self) -> None:
        """Let `read` end with the last process that has this; until then it is kept for the first one to open."""
        os.close(self._slave)

    def close(self) -> None:
        """Hang up. Processes that still use it get errors."""
        os.close(self._master)

    def _end_input(self) -> None:
        os.write(self._master, END_OF_INPUT)
