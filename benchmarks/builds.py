"""The builds that are compared, and their running control rooms, each on its own data folder without a sign-in."""

import contextlib
import gzip
import http.client
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.processes import Tree
from tests.parts.harness import ROOT, SynapseUnderTest

OLD_COMMIT = '7d51a9e'
WORKERS = min(4, os.cpu_count() or 1)


class NoHistory(Exception):
    """This copy isn't a git repository or lacks a commit."""


class Program(SynapseUnderTest):
    """The control room of a build, without a sign-in."""

    def __init__(self, root: Path, data: Path, *flags: str, hook: Sequence[str] = ()) -> None:
        super().__init__(data, '--no-login', '--workers', str(WORKERS), *flags)
        self.root = root
        self.command = (*hook, 'main.py')

    @property
    def tree(self) -> Tree:
        assert self.process is not None
        return Tree(self.process.pid)

    def calls(self) -> 'Caller':
        return Caller(self.url, self.token)


class Caller:
    """A persistent HTTP connection; an httpx client would take longer than some of the responses."""

    def __init__(self, url: str, token: str = '') -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        self._headers = {'Accept-Encoding': 'gzip'} | ({'Authorization': f'Bearer {token}'} if token else {})

    def get(self, path: str, *, status: int = 200) -> bytes:
        return self._call('GET', path, None, status)

    def post(self, path: str, body: Mapping[str, Any], *, status: int = 201) -> bytes:
        return self._call('POST', f'/api/v1{path}', json.dumps(body).encode(), status)

    def created(self, path: str, body: Mapping[str, Any]) -> str:
        """Return the id of what this call creates."""
        return str(json.loads(self.post(path, body))['id'])

    def patch(self, path: str, body: Mapping[str, Any], *, status: int = 200) -> bytes:
        return self._call('PATCH', f'/api/v1{path}', json.dumps(body).encode(), status)

    def delete(self, path: str, *, status: int = 204) -> bytes:
        return self._call('DELETE', f'/api/v1{path}', None, status)

    def _call(self, method: str, path: str, body: bytes | None, status: int) -> bytes:
        self._connection.request(
            method, path, body, self._headers | ({'Content-Type': 'application/json'} if body else {})
        )
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.headers['Content-Encoding'] == 'gzip':
            text = gzip.decompress(text)
        assert answer.status == status, f'{method} {path}: {answer.status} {text[:500]!r}'
        return text


@dataclass
class Bench:
    """What benchmarks run on: the builds, and folders that are removed at the end.

    :param builds: the root of each, by its side
    :param is_quick: do only a tenth of the work, to check that the benchmarks run
    """

    folder: Path
    builds: dict[str, Path]
    is_quick: bool = False
    _names: Iterator[int] = field(default_factory=itertools.count)
    _stores: dict[str, Path] = field(default_factory=dict)

    def count(self, number: int) -> int:
        return max(10, number // 10) if self.is_quick else number

    def new_folder(self) -> Path:
        return self.folder / f'data{next(self._names)}'

    @contextlib.contextmanager
    def program(
        self,
        side: str,
        *,
        data: Path | None = None,
        pipelines: Mapping[str, str] | None = None,
        hook: Sequence[str] = (),
    ) -> Iterator[Program]:
        """The control room of a build, as `running` has it."""
        with running(Program(self.builds[side], data or self.new_folder(), hook=hook), pipelines or {}) as program:
            yield program

    @contextlib.contextmanager
    def programs(self, **options: Any) -> Iterator[dict[str, Program]]:
        """As `program`, for each build, by side."""
        with contextlib.ExitStack() as stack:
            yield {side: stack.enter_context(self.program(side, **options)) for side in self.builds}

    def store(self, side: str, **wanted: Any) -> Path:
        """Return a data folder with what `benchmarks.seed` writes; it is made once, and has been opened before.

        The earlier build writes it and the present one gets a copy, as after an update.
        """
        key = json.dumps(wanted, sort_keys=True)
        if key not in self._stores:
            self._stores[key] = self.new_folder()
            self.seed([*self.builds][-1], self._stores[key], **wanted)
        own = f'{side} {key}'
        if own not in self._stores:
            self._stores[own] = shutil.copytree(self._stores[key], self.new_folder())
            with self.program(side, data=self._stores[own]):
                pass
        return self._stores[own]

    def seed(self, side: str, data: Path, **wanted: Any) -> None:
        """Let `benchmarks.seed` write this into a data folder, in the format of this build."""
        command = [sys.executable, str(Path(__file__).with_name('seed.py')), str(self.builds[side]), str(data)]
        subprocess.run(command, input=json.dumps(wanted), text=True, check=True)


@contextlib.contextmanager
def running(program: Program, pipelines: Mapping[str, str]) -> Iterator[Program]:
    """Start the program, wait until it is calm, and stop it at the end.

    :param pipelines: sources by class name
    """
    for name, source in pipelines.items():
        program.write_pipeline(f'{name.lower()}.py', source)
    try:
        program.start(timeout=120)
        for name in pipelines:
            program.wait_for_pipeline(name)
        program.tree.calm()
        yield program
    finally:
        try:
            program.stop(timeout=60)
        except subprocess.TimeoutExpired:
            program.kill9()


@contextlib.contextmanager
def checked_out(commit: str, place: Path) -> Iterator[Path]:
    """Check out an earlier build into this folder; it uses the packages of the present one.

    :raises NoHistory: if git does not know the commit
    """
    git('worktree', 'add', '--detach', '--quiet', str(place), commit)
    try:
        yield place
    finally:
        git('worktree', 'remove', '--force', str(place))


def git(*arguments: str) -> str:
    """Return what this git command prints.

    :raises NoHistory: with the message of git if the command fails
    """
    command = ['git', '-C', str(ROOT), *arguments]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise NoHistory('git is not installed') from error
    except subprocess.CalledProcessError as error:
        raise NoHistory(error.stderr.strip()) from error
    return said.stdout.strip()
