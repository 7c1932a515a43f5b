"""A program in a terminal of its own: what is typed reaches it as from a keyboard, Ctrl-C included."""

import fcntl
import os
import pty
import subprocess
import sys
import termios
import threading
from collections.abc import Sequence

from tests.parts.harness import ROOT, wait_until

CTRL_C = '\x03'
CTRL_D = '\x04'


class Terminal:
    """Starts a program with a new pseudo-terminal as its input, output and controlling terminal."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._master, slave = pty.openpty()
        self.text = ''
        self._process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how Linux reports the end of a terminal
                return
            if not data:
                return
            self.text += data.decode(errors='replace')

    def shows(self, text: str, *, times: int = 1, timeout: float = 30) -> None:
        """Wait until it has shown this text so many times."""
        wait_until(
            lambda: self.text.count(text) >= times, timeout=timeout, what=lambda: f'{text!r} is not in {self.text}'
        )

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def ends(self, *, timeout: float = 30) -> int:
        """Wait for its end and return its exit code."""
        try:
            return self._process.wait(timeout)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(10)
            os.close(self._master)


def synapse_in_terminal(*arguments: str) -> Terminal:
    """`python main.py` with these arguments."""
    return Terminal([sys.executable, 'main.py', *arguments])
