"""The Host headers that mean this machine."""

import time
from collections.abc import Callable, Collection, Iterator

from synapse.addresses import own_names

REFRESH_SECONDS = 10.0


class OwnHosts(Collection[str]):
    """Exact `host:port` values, in lower case.

    :param authority: of the address that it listens on, or that stands for all of them
    :param is_of_all_addresses: whether all names and addresses of this machine count; they may change while it runs
    :param names: returns these
    """

    def __init__(
        self,
        port: int,
        authority: str,
        is_of_all_addresses: bool = False,
        *,
        names: Callable[[], Collection[str]] = own_names,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._port = port
        self._names = names if is_of_all_addresses else None
        self._clock = clock
        self._fixed = self._with_port({'127.0.0.1', 'localhost'}) | {authority}
        self._hosts, self._read_at = self._fixed, float('-inf')

    def __contains__(self, host: object) -> bool:
        if host in self._hosts:
            return True
        if self._names is not None and self._clock() - self._read_at > REFRESH_SECONDS:
            self._read_at = self._clock()
            self._hosts = self._fixed | self._with_port(self._names())
        return host in self._hosts

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    def _with_port(self, names: Collection[str]) -> set[str]:
        hosts = {f'{name}:{self._port}' for name in names}
        return hosts | set(names) if self._port in (80, 443) else hosts
