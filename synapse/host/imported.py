"""Whether a process that has imported a pipeline file may be forked for its runs, and until when."""

import ast
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synapse.language import _, _n
from synapse.pipelines.load import is_installed, load_module, own_sources, pipelines_in

Stamp = tuple[int, int, int] | None

_CHANGING = ('/proc/', '/sys/')
_PROGRAMS = ('subprocess.Popen', 'os.system', 'os.fork', 'os.forkpty', 'os.posix_spawn', 'os.exec')
_VARYING = frozenset(
    {
        *('now', 'utcnow', 'today', 'time', 'time_ns', 'monotonic', 'perf_counter', 'localtime', 'gmtime'),
        *('uuid1', 'uuid4', 'urandom', 'token_hex', 'token_bytes', 'token_urlsafe', 'random', 'randint', 'choice'),
        *('seed', 'default_rng', 'getpid', 'getcwd', 'cwd', 'mkdtemp', 'mkstemp', 'TemporaryDirectory'),
        *('TemporaryFile', 'NamedTemporaryFile'),
    }
)
"""Calls whose result differs from run to run, or that are only right in the process in which they were made."""
_OF_NOW = frozenset({'time', 'localtime', 'gmtime'})
"""With arguments they are about another moment than now."""


class ImportWatch:
    """Notes what a pipeline file does while it is imported.

    What depends on the moment, the process or the folder of a run, or doesn't survive a fork, makes it unfit; what it
    read and imported from outside the installed packages makes the import stale once that has changed. Only one per
    process, since the audit hook of an interpreter stays.
    """

    def __init__(self) -> None:
        self.reason = ''
        """Why runs must import the file themselves; empty if they need not."""
        self._is_active = False
        self._read: dict[str, Stamp] = {}
        sys.addaudithook(self._note)

    def load(self, file: str, origin: str) -> None:
        """Import a pipeline file as runs will find it loaded.

        :raises BaseException: whatever the file raises
        """
        if self._read:
            return  # by the process this one was forked from
        before, sockets = set(sys.modules), _sockets()
        folders = {str(Path(origin).parent), *(path for path in sys.path if path.endswith('-packages'))}
        self._read = {folder: _stamp(folder) for folder in folders}
        self._is_active = True
        try:
            module = load_module(file, origin)
        finally:
            self._is_active = False
        own = own_sources(set(sys.modules) - before) - {origin}
        for source in own:  # where Python found it compiled, it has not opened the source
            self._read.setdefault(source, _stamp(source))
        declared = {pipeline.fork_safe for pipeline in pipelines_in(module)}
        if False in declared:
            self.reason = _('it says fork_safe = False')
        elif True in declared:
            self.reason = ''
        else:
            self.reason = (
                self.reason or _threads() or _connections(sockets) or _moments(Path(file).read_bytes(), origin)
            )
            for source in own:
                self.reason = self.reason or _moments(_bytes_of(source), source)

    @property
    def is_stale(self) -> bool:
        """Whether something that the import has read is different by now."""
        return any(_stamp(path) != stamp for path, stamp in self._read.items())

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_active:
            return
        if event == 'open':
            self._note_open(*arguments)
        elif event.startswith(_PROGRAMS):
            self.reason = self.reason or _('it starts a program while it is imported')

    def _note_open(self, path: Any, mode: str | None, flags: int) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        text = os.fsdecode(path)
        is_written = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set('wax+')
        if text.startswith(_CHANGING) or is_installed(text) or _is_device(text):
            return
        if not Path(text).is_absolute():
            self.reason = self.reason or _(
                'it opens {text!r} relative to the folder of the run while it is imported', text=text
            )
        elif is_written:
            self.reason = self.reason or _('it writes to {text} while it is imported', text=text)
        else:
            self._read.setdefault(text, _stamp(text))


def _stamp(path: str) -> Stamp:
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _is_device(path: str) -> bool:
    return Path(path).exists() and not Path(path).is_file()


def _bytes_of(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError:
        return b''


def _threads() -> str:
    count = len(list(Path('/proc/self/task').iterdir())) - 1
    if not count:
        return ''
    return _n('it starts a thread while it is imported', 'it starts {count} threads while it is imported', count)


def _connections(before: set[str]) -> str:
    return _('it opens a connection while it is imported') if _sockets() - before else ''


def _sockets() -> set[str]:
    found = set()
    for descriptor in Path('/proc/self/fd').iterdir():
        with contextlib.suppress(OSError):  # that of the folder itself is closed by now
            found.add(str(descriptor.readlink()))
    return {target for target in found if target.startswith('socket:')}


def _moments(source: bytes, shown: str) -> str:
    """Return where a file calls at its top level what differs from run to run."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ''
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    seen: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        for call in _calls(waiting.pop()):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, 'id', '')
            if name in _VARYING and not (name in _OF_NOW and call.args):
                return _(
                    '{name} calls {function}() while it is imported, line {line}',
                    name=Path(shown).name,
                    function=name,
                    line=call.lineno,
                )
            if name in functions and name not in seen:
                seen.add(name)
                waiting += functions[name].body
    return ''


def _calls(root: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that are made when this is executed: not those in functions that it only defines."""
    waiting: list[ast.AST] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        else:
            waiting += ast.iter_child_nodes(node)
