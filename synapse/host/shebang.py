"""The `#!` line of a script: which program it names, and whether that can run the script."""

import os
import shlex
from pathlib import Path

from synapse.language import _
from synapse.pipelines.pipeline import StepFailed

_LINE_BYTES = 1000


def first_line(script: Path) -> bytes:
    """Return the first line of a file, or as much of it as a `#!` line may have."""
    with script.open('rb') as file:
        return file.readline(_LINE_BYTES)


def interpreter_of(script: Path) -> list[str]:
    """Return the words of a `#!` line as the system reads it: a program and at most one argument; empty without one.

    :raises StepFailed: if the program does not exist, or the line ends as on Windows
    """
    first = first_line(script)
    if not first.startswith(b'#!') or not first[2:].strip():
        return []
    line = first[2:].rstrip(b'\n').decode('utf-8', 'replace')
    if line.endswith('\r'):
        raise StepFailed(
            _(
                'The lines of {name} end as on Windows (CRLF), so its first one names “{line}␍”.',
                name=script.name,
                line=line.strip(),
            ),
            _("Convert it: sed -i 's/\\r$//' {script}", script=shlex.quote(str(script))),
        )
    words = line.split(None, 1)
    words = [words[0], *(word.strip() for word in words[1:])]
    if os.name != 'nt' and not Path(words[0]).is_file():
        raise StepFailed(
            _('The first line of {name} names {program}, which does not exist.', name=script.name, program=words[0]),
            _('Install it, or change the first line of {script}.', script=script),
        )
    return words
