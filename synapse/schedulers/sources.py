"""Where this machine keeps jobs of cron and timers of systemd, and what is in a text that somebody gives."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from getpass import getuser
from pathlib import Path

from storage.foreign_words import system_words
from synapse.calendar.events import Event
from synapse.crontab.importing import jobs_of_crontab
from synapse.foreign_jobs.jobs import Found, JobProblem
from synapse.language import _
from synapse.task_scheduler.reading import jobs_of_tasks
from synapse.timers.reading import jobs_of_units
from synapse.timers.units import is_unit_name

MAX_BYTES = 500_000
"""Of a file; a crontab of cronie has at most 256 KiB."""
MAX_FILES = 200
"""Of a folder."""
_OF_CRON = re.compile(r'[A-Za-z0-9_-]+')
"""Names that Debian's cron reads in /etc/cron.d: cron(8)."""
_SECONDS = 5


class Kind(StrEnum):
    CRONTAB = 'crontab'
    SYSTEM_CRONTAB = 'system crontab'
    """Each line names a user."""
    TIMERS = 'timers'
    SYSTEM_TIMERS = 'system timers'
    TASKS = 'tasks'

    @property
    def scheduler(self) -> str:
        if self is Kind.TASKS:
            return _('Task Scheduler')
        return 'systemd' if self in (Kind.TIMERS, Kind.SYSTEM_TIMERS) else 'cron'


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text with jobs, or why there is none."""

    name: str
    kind: Kind
    text: str = ''
    problem: str = ''
    """A sentence; empty if it could be read."""
    path: Path | None = None
    """The file on this machine that it is."""
    is_own_crontab: bool = False
    """Whether it is what `crontab -l` prints."""


def sources_of_machine(root: Path = Path('/'), home: Path | None = None) -> list[Source]:
    """Return what is there to import; may take seconds, as it asks two programs.

    :param root: where `etc` is
    """
    home = home or Path.home()
    etc = root / 'etc'
    found = [_own_crontab(), *_system_crontabs(etc)]
    users = (home / '.config/systemd/user', etc / 'systemd/user')
    found.append(_timers(_('Timers of {user}', user=getuser()), Kind.TIMERS, users, _listed_timers()))
    found.append(_timers(_('Timers of the system'), Kind.SYSTEM_TIMERS, (etc / 'systemd/system',), ''))
    return [source for source in found if source is not None]


def kind_of(name: str, text: str) -> Kind:
    """Return which scheduler a text is of."""
    if text.lstrip('\ufeff \r\n\t').startswith('<'):
        return Kind.TASKS
    if re.search(r'^\s*\[(Timer|Service|Unit)\]\s*$', text, re.MULTILINE):
        return Kind.TIMERS
    return Kind.SYSTEM_CRONTAB if name.startswith('/etc/cron') else Kind.CRONTAB


def text_of(data: bytes) -> str:
    """Return the text of a file; Task Scheduler writes UTF-16."""
    if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
        return data.decode('utf-16', errors='replace')
    return data.decode('utf-8-sig', errors='replace')


def given(name: str, text: str) -> Source:
    """Return a text that somebody gave, such as a chosen file."""
    return Source(name=name, kind=kind_of(name, text), text=text)


def as_one(sources: Iterable[Source]) -> list[Source]:
    """Return the sources with unit files put together, as a timer and its service are often two of them."""
    sources = list(sources)
    units = [source for source in sources if source.kind is Kind.TIMERS]
    if len(units) < 2 and not any(is_unit_name(source.name) for source in units):
        return sources
    text = '\n'.join(f'# {source.name}\n{source.text}' for source in units)
    others = [source for source in sources if source.kind is not Kind.TIMERS]
    return [*others, Source(name=', '.join(source.name for source in units), kind=Kind.TIMERS, text=text)]


def jobs_in(source: Source, zone: str, events: Sequence[Event], *, now: datetime | None = None) -> Found:
    """Return the jobs of a source. Call it in a thread.

    :param zone: that of the machine
    :param events: those of the calendar
    """
    if source.problem:
        return Found(problems=[JobProblem(line=0, text='', reason=source.problem)])
    if source.kind is Kind.TASKS:
        return jobs_of_tasks(source.text, zone, now=now)
    if source.kind in (Kind.TIMERS, Kind.SYSTEM_TIMERS):
        return jobs_of_units(source.text, zone, is_of_system=source.kind is Kind.SYSTEM_TIMERS, now=now)
    has_users = True if source.kind is Kind.SYSTEM_CRONTAB else None
    return jobs_of_crontab(source.text, zone, events, has_users=has_users, now=now)


def _own_crontab() -> Source | None:
    name = _('Crontab of {user}', user=getuser())
    answer = _answer(['crontab', '-l'])
    if answer is None or (answer.returncode and 'no crontab' in answer.stderr.lower()):
        return None
    if answer.returncode:
        return Source(
            name=name, kind=Kind.CRONTAB, problem=_('crontab -l says: {error}', error=answer.stderr.strip()[:200])
        )
    text = answer.stdout
    return Source(name=name, kind=Kind.CRONTAB, text=text, is_own_crontab=True) if text.strip() else None


def _system_crontabs(etc: Path) -> list[Source]:
    files = [etc / 'crontab'] if (etc / 'crontab').exists() else []
    files += [path for path in _files(etc / 'cron.d') if _OF_CRON.fullmatch(path.name)]
    found = []
    for path in files:
        text, problem = _read(path)
        found.append(Source(name=str(path), kind=Kind.SYSTEM_CRONTAB, text=text, problem=problem, path=path))
    return [source for source in found if source.problem or _has_jobs(source.text)]


def _has_jobs(text: str) -> bool:
    return any(re.match(r'\s*[-@*~\d]', line) for line in text.splitlines())


def _timers(name: str, kind: Kind, folders: Sequence[Path], listed: str) -> Source | None:
    texts, seen, problems = [listed] if listed else [], set(re.findall(r'^# \S*/(\S+\.timer)$', listed, re.M)), []
    for folder in folders:
        for path in _files(folder):
            if path.suffix != '.timer' or path.name in seen:
                continue
            seen.add(path.name)
            for part in _unit_files(path, folders):
                text, problem = _read(part)
                texts.append(f'# {part.parent / part.name}\n{text}')
                problems += [problem] if problem else []
    if not texts:
        return None
    return Source(name=name, kind=kind, text='\n'.join(texts), problem=problems[0] if problems else '')


def _unit_files(timer: Path, folders: Sequence[Path]) -> list[Path]:
    """Return the files of a timer, and of the service that it starts if that is in these folders."""
    wanted = f'{timer.stem}.service'
    text, __ = _read(timer)
    if named := re.search(r'^\s*Unit\s*=\s*(\S+)\s*$', text, re.M):
        wanted = named[1]
    template = re.sub(r'@.*(\.\w+)$', r'@\1', wanted)
    names = dict.fromkeys((wanted, template))
    services = [folder / name for name in names for folder in folders if (folder / name).is_file()]
    units = [timer, *services[:1]]
    return [part for unit in units for part in (unit, *_drop_ins(unit))]


def _drop_ins(unit: Path) -> list[Path]:
    """Return the files that change a unit: systemd.unit(5)."""
    return [path for path in _files(unit.parent / f'{unit.name}.d') if path.suffix == '.conf']


def _listed_timers() -> str:
    """Return the units of the timers that systemd has loaded for this person; empty where it does not run."""
    answer = _answer(['systemctl', '--user', 'list-timers', '--all', '--no-legend', '--plain'])
    if answer is None or answer.returncode:
        return ''
    names = re.findall(r'(\S+\.timer) +(\S+\.service)', answer.stdout)[:MAX_FILES]
    if not names:
        return ''
    units = _answer(['systemctl', '--user', 'cat', '--', *(unit for pair in names for unit in pair)])
    return '' if units is None else units.stdout


def _answer(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """Return what a program says; None if there is none, or it hangs."""
    if shutil.which(command[0]) is None:
        return None
    environment = {**os.environ, 'LC_ALL': 'C', 'SYSTEMD_PAGER': '', 'SYSTEMD_COLORS': '0'}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors='replace',
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())[:MAX_FILES]
    except OSError:
        return []


def _read(path: Path) -> tuple[str, str]:
    """Return the text of a file, and why it could not be read."""
    try:
        with path.open('rb') as file:
            data = file.read(MAX_BYTES + 1)
    except PermissionError:
        return '', _('{path} is not readable for {getuser}.', path=path, getuser=getuser())
    except OSError as error:
        return '', _('{path} cannot be read: {strerror}.', path=path, strerror=system_words(error))
    if len(data) > MAX_BYTES:
        return '', _('{path} is larger than {kilobytes} kB.', path=path, kilobytes=MAX_BYTES // 1000)
    return text_of(data), ''
