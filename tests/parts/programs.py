"""Programs that tests run to their end."""

import subprocess


def output_of(*command: str) -> bytes:
    """What a program writes; raises if it fails."""
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
