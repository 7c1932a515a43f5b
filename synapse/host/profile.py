"""The profile of a run as a step sees it; the login of its destination is there, but only for code that names it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LOGIN_PREFIX = 'destination_'
"""Secrets of a profile with this prefix are for its destination."""


class Secrets(dict[str, str]):
    """The secrets of a profile by name.

    Those that open its destination, called `destination_...`, are found by their names only. To list, copy or print the
    secrets, or to give them all to a program, leaves those out.
    """

    def __init__(self, values: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        given = dict(values)
        self._login = {name: given.pop(name) for name in [*given] if name.startswith(LOGIN_PREFIX)}
        super().__init__(given)

    @property
    def login(self) -> dict[str, str]:
        """A copy of those that open the destination."""
        return dict(self._login)

    def __missing__(self, name: str) -> str:
        return self._login[name]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._login

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, self._login.get(name, default))


@dataclass(frozen=True, slots=True)
class RunProfile:
    """The profile a run was started with, `Run.profile`.

    :param id: its id in the API
    :param label: its name, as people see it
    :param destination: a folder or URL to deliver to; empty if it has none
    :param defaults: parameter values by name. Those that the pipeline has are filled in before the run starts
    :param secrets: secret values by name. They are left out of `repr`, and become `***` in logs, notes and errors.
        Those called `destination_...` are not among them when they are listed or copied, see `Secrets`
    :param known_hosts: the file of the SSH host keys that were accepted for destinations; empty if there is none
    """

    id: str
    label: str = ''
    destination: str = ''
    defaults: Mapping[str, Any] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets, repr=False)
    known_hosts: str = field(default='', repr=False)
