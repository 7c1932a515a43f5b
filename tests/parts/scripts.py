"""The commands of `scripts/`, run as a person runs them."""

import subprocess
import sys

from tests.parts.harness import ROOT


def script(name: str, *arguments: object, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """`python scripts/NAME ARGUMENTS` to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / 'scripts' / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
