"""The secrets of profiles, in one private file beside the file of the profiles.

Two files cannot be replaced at once. So new secrets first wait in the file beside the present ones, with the digest of
the profile that they belong to, and are taken when it is saved. A start after a crash takes those whose profile it
finds: never the new password with the old destination.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from storage.damage import Damage
from storage.files import StorageError
from storage.twins import TwinFile
from synapse.language import _

Document = Mapping[str, Any]
Values = dict[str, str]

_OF_PROGRAMS = frozenset(
    (
        *('PATH', 'PATHEXT', 'HOME', 'USERPROFILE', 'HOMEDRIVE', 'HOMEPATH', 'SHELL', 'COMSPEC', 'SYSTEMROOT'),
        *('WINDIR', 'TMPDIR', 'TEMP', 'TMP', 'IFS', 'ENV', 'BASH_ENV', 'TZ', 'LOCPATH', 'NLSPATH', 'GCONV_PATH'),
        *('LANG', 'LANGUAGE', 'LC_ALL', 'LC_CTYPE', 'LC_COLLATE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC'),
        'LC_TIME',
        *('LD_PRELOAD', 'LD_LIBRARY_PATH', 'LD_AUDIT', 'LD_DEBUG', 'LD_BIND_NOW', 'LD_ORIGIN_PATH', 'LD_PROFILE'),
        *('PYTHONPATH', 'PYTHONHOME', 'PYTHONSTARTUP', 'PYTHONUSERBASE', 'PYTHONEXECUTABLE', 'PYTHONPLATLIBDIR'),
        *('PYTHONSAFEPATH', 'PYTHONNOUSERSITE', 'PYTHONOPTIMIZE', 'PYTHONINSPECT', 'PYTHONIOENCODING', 'PYTHONUTF8'),
        *('PERL5LIB', 'PERL5OPT', 'RUBYLIB', 'RUBYOPT', 'NODE_PATH', 'NODE_OPTIONS', 'CLASSPATH', 'JAVA_TOOL_OPTIONS'),
    )
)
"""By name, since LD_SDK_KEY and PYTHONANYWHERE_TOKEN are secrets."""

GONE = ''
"""The digest of a profile that is deleted."""


def is_of_programs(name: str) -> bool:
    """Whether programs find themselves, their libraries or their files by a variable of this name.

    Commands have secrets in their environment, where one called `PATH` would leave them no program to start.
    Source: environ(7), ld.so(8), dyld(1), "Environment variables" of Python.
    """
    known = name.upper() if os.name == 'nt' else name
    return known in _OF_PROGRAMS or known.startswith('DYLD_')


class ProfileSecrets:
    """The secrets of each profile, by its id. `prepare` and `settle` write the disk.

    :param saved: returns the profile that is on disk
    """

    def __init__(self, path: Path, saved: Callable[[str], Document | None]) -> None:
        self._file = TwinFile(
            path,
            _is_valid,
            missing=_('The secrets of all profiles are missing.'),
            hint=_('Enter them again on the Profiles page.'),
        )
        self._saved = saved
        self._now: dict[str, Values] = {}
        self._waiting: dict[str, list[tuple[str, Values]]] = {}
        self._is_settled = True
        self._read()

    @property
    def damage(self) -> Damage | None:
        """Whether the file was found damaged."""
        return self._file.damage

    @property
    def notices(self) -> list[str]:
        """What was found damaged, as a sentence."""
        return [self._file.damage.sentence] if self._file.damage is not None else []

    def of(self, id: str) -> Values:
        return dict(self._now.get(id, {}))

    def prepare(self, id: str, profile: Document | None, values: Values) -> None:
        """Keep these secrets for when the profile is saved like this; None if it is deleted.

        :raises storage.files.StorageError: if the disk refuses; then the profile must not be saved
        """
        if values != self.of(id) or id in self._waiting:
            # Stays if it can't be written: it may be on disk all the same.
            self._waiting.setdefault(id, []).append((_digest_of(profile), values))
            self._write()

    def take(self, id: str, values: Values) -> None:
        """Use these secrets from now on, since their profile is saved; `settle` writes the file."""
        self._is_settled = self._is_settled and values == self.of(id) and id not in self._waiting
        self._waiting.pop(id, None)
        self._now[id] = values

    def settle(self) -> None:
        """Write the file as it is now. If the disk refuses, the next change or the next start does it."""
        if not self._is_settled:
            with contextlib.suppress(StorageError):
                self._write()
                self._is_settled = True

    def _write(self) -> None:
        content: dict[str, Any] = {'version': 1, 'secrets': {id: values for id, values in self._now.items() if values}}
        if self._waiting:
            content['waiting'] = self._waiting
        self._file.write(json.dumps(content, indent=1, ensure_ascii=False).encode())

    def _read(self) -> None:
        content = self._file.read()
        if content is None:
            return
        self._now, waiting = _read_from(content)
        for id, digest, values in waiting:
            if digest == _digest_of(self._saved(id)):
                self._now[id] = values
        self._is_settled = not waiting
        self.settle()


def _read_from(content: bytes) -> tuple[dict[str, Values], list[tuple[str, str, Values]]]:
    """Return the secrets, and those that wait: an id, the digest of its profile, and the values."""
    saved = json.loads(content)
    waiting = [(id, of, _texts(values)) for id, all in saved.get('waiting', {}).items() for of, values in all]
    return {str(id): _texts(values) for id, values in saved['secrets'].items()}, waiting


def _is_valid(content: bytes) -> bool:
    try:
        _read_from(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def _digest_of(profile: Document | None) -> str:
    return GONE if profile is None else hashlib.sha256(json.dumps(profile, sort_keys=True).encode()).hexdigest()


def _texts(values: Mapping[Any, Any]) -> Values:
    return {str(name): str(value) for name, value in values.items()}
