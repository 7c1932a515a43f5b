"""The pipelines: those built in, and those in the person's folder, which is watched for changes."""

import asyncio
import contextlib
import difflib
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from watchfiles import awatch

from storage.files import StorageError, make_private_folder, write_atomically
from storage.foreign_words import system_words
from synapse.bus import Bus, Message
from synapse.engine.zygotes import Zygotes
from synapse.errors import Conflict, Invalid, NotFound, SynapseError
from synapse.inbox.names import is_accepted
from synapse.language import ENGLISH, N_, Text, _, in_this_language, language
from synapse.log.log import Level, Log
from synapse.pipelines.describe import validate_parameters
from synapse.pipelines.load import load_pipeline
from synapse.sealed import CannotOpen, Seal
from synapse.sentences import WHOLE

from .built_in import remembered_built_in
from .colors import PipelineColors
from .info import PipelineInfo as PipelineInfo
from .info import in_language, info_of
from .inspector import DESCRIBE_SECONDS, FileBroken, Inspector

logger = logging.getLogger(__name__)

FIRST_LOOK_SECONDS = 5.0
"""How long `start` waits for files that were never described; the others are known from last time."""
CLOCK_NANOSECONDS = 20_000_000
"""How far the times of files may be behind the clock."""
RESCAN_MILLISECONDS = 500
"""How often to scan the folder anyway: a network drive sends no notifications, and a full queue drops them."""


Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PipelinesChanged(Message):
    """Pipelines were added, changed, broken, fixed or removed; `names` are their class names or file names."""

    names: tuple[str, ...]


@dataclass
class _Source:
    """One file of the person, as last seen, and its last good version."""

    path: Path
    stamp: Stamp = ()
    digest: str = ''
    good: tuple[dict[str, Any], ...] = ()
    good_digest: str = ''
    error: dict[str, Any] | None = None
    uses: dict[str, Stamp | None] = field(default_factory=dict)
    """The person's other files that it imports, as they were then."""
    helpers: tuple[str, ...] = ()
    """The person's other files that the last good version imports."""
    is_helper: bool = False
    """Whether it has no pipeline, as last seen in one piece: then it is only there for others to import."""
    task: asyncio.Task[None] | None = None


class Catalog:
    """All pipelines by name, that is by class name; a file that was never good is listed by its own name.

    :param folder: the person's pipeline files
    :param cache: snapshots of their good versions, from which they run
    :param room_tag: tag for the processes that import the files
    :param zygotes: what to fork these from, where the system can do that
    :param seconds: how long importing a file may take
    :param seal: for secrets among parameters; by default one with its key in the cache
    :param colors: those that a person has chosen
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        bus: Bus,
        log: Log,
        *,
        room_tag: str = '',
        zygotes: Zygotes | None = None,
        seconds: float = DESCRIBE_SECONDS,
        seal: Seal | None = None,
        colors: PipelineColors | None = None,
    ) -> None:
        self.colors = colors or PipelineColors()
        self.seal = seal or Seal(cache / 'key')
        self._folder = folder
        self._cache = cache
        self._bus = bus
        self._log = log
        self._inspector = Inspector(room_tag, zygotes, seconds=seconds)
        if zygotes is not None:
            zygotes.on_unfit = self._log_unfit
        self._built_in: dict[str, PipelineInfo] = {}
        self._sources: dict[str, _Source] = {}
        self._infos: dict[str, PipelineInfo] = {}
        self._translated: dict[tuple[str, str], PipelineInfo] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the built-in pipelines and those known from last time, describe new files, then watch the folder.

        :raises StorageError: if the folders cannot be created
        """
        self._sources = await asyncio.to_thread(self._remembered)
        built_in = await asyncio.to_thread(remembered_built_in, self._cache / 'built-in.json')
        self._built_in = {info.name: info for info in built_in}
        self._rebuild()
        await self._scan()
        new = [source.task for source in self._sources.values() if source.task and not source.good]
        if new:
            await asyncio.wait(new, timeout=FIRST_LOOK_SECONDS)
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching, and stop reading files."""
        tasks = [self._watching, *(source.task for source in self._sources.values())]
        running = [task for task in tasks if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await self._inspector.close()

    def all(self) -> list[PipelineInfo]:
        """Return all pipelines, those built in first, then by title."""
        infos = [self._shown(info) for info in self._infos.values()]
        return sorted(infos, key=lambda info: (not info.is_built_in, info.title.casefold(), info.name))

    def get(self, name: str) -> PipelineInfo:
        """Return the pipeline of this name.

        :raises NotFound: with a suggestion
        """
        if name in self._infos:
            return self._shown(self._infos[name])
        near = difflib.get_close_matches(name, self._infos, n=1) or sorted(self._infos)
        hint = (
            _('Did you mean {name}?', name=near[0])
            if len(near) == 1
            else _('There are {names}.', names=', '.join(near))
        )
        raise NotFound('pipeline_not_found', _('No pipeline is called {name!r}.', name=name), hint)

    def find(self, name: str) -> PipelineInfo | None:
        """Return the pipeline of this name, None if it is gone."""
        info = self._infos.get(name)
        return info and self._shown(info)

    def title_of(self, name: str) -> str:
        """Return what a pipeline is called: its class name if it is gone."""
        info = self._infos.get(name)
        if info is None or not info.is_built_in:
            return name if info is None else info.title
        return Text(self._shown(info).title, info.title)

    def accepting(self, name: str) -> list[PipelineInfo]:
        """Return the pipelines that accept files with a suffix such as that of this name, in any case."""
        return [info for info in self.all() if info.is_runnable and info.accepts and is_accepted(name, info.accepts)]

    def choose_color(self, name: str, color: str) -> None:
        """Give a pipeline this colour, one of `COLORS`; empty for the one that it has by itself."""
        self.colors.chosen[name] = color
        self._rebuild()

    async def problems_of_defaults(self, defaults: Mapping[str, Any]) -> dict[str, str]:
        """Return a sentence for each value that no pipeline with a parameter of that name takes."""
        able = [info for info in self.all() if info.is_runnable and info.schema.get('properties', {}).keys() & defaults]
        found = await asyncio.gather(*(self._wrong_defaults(info, defaults) for info in able))
        fitting = {name for wrong in found for name, sentence in wrong.items() if not sentence}
        return {name: text for wrong in reversed(found) for name, text in wrong.items() if name not in fitting}

    async def _wrong_defaults(self, info: PipelineInfo, defaults: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with each value for a parameter of a pipeline; an empty text if nothing is."""
        known = {name: value for name, value in defaults.items() if name in info.schema['properties']}
        try:
            await self.validate(info.name, known)
        except Invalid as error:  # other fields may be missing, of course
            places = {
                name: [text for place, text in error.fields.items() if place.split('.')[0] == name] for name in known
            }
            return {name: ' '.join(texts) for name, texts in places.items()}
        except SynapseError as error:
            logger.warning(N_('defaults for %s cannot be checked: %s'), info.name, error)
        return dict.fromkeys(known, '')

    async def validate(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with defaults filled in, as JSON values. Whether files exist is not checked.

        Secrets among them are sealed; those given may be.

        :raises NotFound: if there is no such pipeline
        :raises Conflict: if it is broken and has no good version
        :raises Invalid: with a sentence for each field that does not fit
        """
        info = self.get(name)
        if not info.is_runnable:
            raise _broken(info, info.error or {})
        answer = await self._checked(info, self._opened(info, parameters))
        if not answer['ok']:
            raise _invalid(info, answer['fields'])
        if not answer.get('secrets'):
            return dict(answer['parameters'])
        try:
            return await asyncio.to_thread(self.seal.with_sealed, answer['parameters'], answer['secrets'])
        except CannotOpen as error:
            names = {
                str(place[0]): _('{error}. Restore it from a backup, or remove it.', error=error)
                for place in answer['secrets']
            }
            raise _invalid(info, names) from error

    async def check_answer(self, name: str, model: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a person has answered to a question of a run, as JSON values with defaults filled in.

        :param name: of the pipeline
        :param model: of the question, as `load_model` names it
        :raises NotFound: if there is no such pipeline
        :raises Conflict: if its file can't be read
        :raises Invalid: with a sentence for each field that does not fit
        """
        info = self.get(name)
        checked = await self._checked(info, answer, model)
        if not checked['ok']:
            raise Invalid(_('The answer does not fit.'), checked['fields'])
        return dict(checked['parameters'])

    def _opened(self, info: PipelineInfo, parameters: Mapping[str, Any]) -> dict[str, Any]:
        opened, unreadable = dict(parameters), {}
        for name, value in parameters.items():
            try:
                opened[name] = self.seal.opened(value)
            except CannotOpen:
                unreadable[name] = _('This secret was saved by another Synapse. Enter it again.')
        if unreadable:
            raise _invalid(info, unreadable)
        return opened

    async def _checked(self, info: PipelineInfo, parameters: Mapping[str, Any], model: str = '') -> dict[str, Any]:
        if info.file is None or info.origin is None:
            check = in_this_language(lambda: validate_parameters(load_pipeline(info.name, None), parameters))
            return await asyncio.to_thread(check)
        try:
            return await self._inspector.validate(Path(info.file), Path(info.origin), info.name, parameters, model)
        except FileBroken as broken:
            raise _broken(info, broken.error) from broken

    # The person's files

    async def _watch(self) -> None:
        while True:
            try:
                await self._watch_folder()
            except (OSError, StorageError, RuntimeError) as error:
                logger.warning(N_('the pipeline folder cannot be watched: %s'), error)
                await asyncio.sleep(RESCAN_MILLISECONDS / 1000)

    async def _watch_folder(self) -> None:
        """Scan at each notification and every half second; return when the folder is replaced by another one."""
        if not self._folder.parent.exists():  # the data folder was moved: a new one would be in the way of its return
            await asyncio.sleep(RESCAN_MILLISECONDS / 1000)
            return
        await asyncio.to_thread(make_private_folder, self._folder)
        inode = self._folder.stat().st_ino
        notifications = awatch(
            self._folder,
            watch_filter=lambda _, path: path.endswith('.py') and Path(path).name[0] not in '.#~',
            debounce=200,
            step=50,
            rust_timeout=RESCAN_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
        )
        async with contextlib.aclosing(notifications):
            async for __ in notifications:
                await self._scan()
                if not self._folder.exists() or self._folder.stat().st_ino != inode:
                    return

    async def _scan(self) -> None:
        """Start to read each file that is new or has changed, and forget those that are gone."""
        stamps = await asyncio.to_thread(_stamps, self._folder)
        for name in [name for name in self._sources if name not in stamps]:
            self._forget(name)
        for name, stamp in stamps.items():
            source = self._sources.setdefault(name, _Source(self._folder / name))
            if source.stamp != stamp:
                source.stamp = stamp
                self._start_reading(source)
        await self._read_users_of_changed()

    async def _read_users_of_changed(self) -> None:
        """Start to read each file again of which a file that it imports has changed."""
        used = {path for source in self._sources.values() for path in source.uses}
        stamps = await asyncio.to_thread(lambda: {path: _stamp(path) for path in used})
        for source in self._sources.values():
            changed = [path for path, stamp in source.uses.items() if stamps.get(path, stamp) != stamp]
            if changed:
                if any(source.uses[path] for path in changed):
                    names = ', '.join(sorted(Path(path).name for path in changed))
                    text = _('{name} is read again, as {names} has changed', name=source.path.name, names=names)
                    self._log.append(Level.INFO, text, source='pipelines')
                source.uses = {path: stamps.get(path) for path in source.uses}
                self._start_reading(source)

    def _forget(self, name: str) -> None:
        source = self._sources.pop(name)
        if source.task is not None:
            source.task.cancel()
        self._log.append(Level.INFO, _('The pipeline file {name} was removed', name=name), source='pipelines')
        self._rebuild()

    def _start_reading(self, source: _Source) -> None:
        if source.task is not None:
            source.task.cancel()
        source.task = asyncio.create_task(self._read(source))

    async def _read(self, source: _Source) -> None:
        started = time.time_ns()
        try:
            await self._describe(source)
        except FileBroken as broken:
            if broken.uses is not None:
                source.uses = await asyncio.to_thread(_stamps_of, [*broken.uses, str(self._folder)], started)
            if broken.is_helper:
                self._set_helper(source)
            else:
                self._set_broken(source, broken.error)
        except (OSError, StorageError) as error:
            reason = system_words(error) if isinstance(error, OSError) else error
            self._set_broken(source, _problem(source.path, _('It cannot be read: {reason}.', reason=reason)))
        self._rebuild()
        await self._remember()

    async def _describe(self, source: _Source) -> None:
        data = await asyncio.to_thread(source.path.read_bytes)
        digest = hashlib.sha256(data).hexdigest()
        snapshot = self._snapshot(digest)
        await asyncio.to_thread(_keep, snapshot, data)
        started = time.time_ns()
        described, uses = await self._inspector.describe(snapshot, source.path)
        source.uses = await asyncio.to_thread(_stamps_of, uses, started)
        if source.error or source.good_digest != digest:
            names = ', '.join(item['name'] for item in described)
            self._log.append(
                Level.INFO, _('{name} is good: {names}', name=source.path.name, names=names), source='pipelines'
            )
        source.good, source.good_digest, source.error, source.is_helper = described, digest, None, False
        source.helpers = tuple(path for path in uses if path.endswith('.py'))

    def _set_helper(self, source: _Source) -> None:
        if not source.is_helper:
            text = _('{name} has no pipeline, so it is only for other files to import', name=source.path.name)
            self._log.append(Level.INFO, text, source='pipelines')
        source.good, source.good_digest, source.error, source.is_helper = (), '', None, True
        source.uses.pop(str(self._folder), None)

    def _set_broken(self, source: _Source, error: dict[str, Any]) -> None:
        if source.error == error:
            return
        source.error = error
        is_own = error['file'] == str(source.path)  # otherwise the last good version imports the broken one too
        text = _broken_in(source.path.name, error, '' if is_own else Path(error['file']).name)
        if not is_own:
            text = ' '.join((text, _('Its runs fail until that is fixed.')))
        elif source.good:
            text = ' '.join((text, _('Its last good version stays in use.')))
        self._log.append(
            Level.ERROR,
            text,
            source='pipelines',
            fields={'file': error['file'], 'line': error.get('line')},
        )

    def _log_unfit(self, origin: str, reason: str) -> None:
        text = _(
            'Each run of {name} imports it anew, because {reason}. If its runs can share that, set '
            'fork_safe = True in the class: they start sooner.',
            name=Path(origin).name,
            reason=reason,
        )
        self._log.append(Level.INFO, text, source='pipelines')

    # The index by name

    def _rebuild(self) -> None:
        """Rebuild the index and publish which names changed. The first file with a name keeps it."""
        before, self._infos = self._infos, {name: self._colored(info) for name, info in self._built_in.items()}
        self._translated.clear()
        for source in self._sources.values():
            for info in self._infos_of(source):
                self._infos[info.name] = info
        changed = [name for name in {**before, **self._infos} if before.get(name) != self._infos.get(name)]
        if changed:
            self._bus.publish(PipelinesChanged(tuple(changed)))

    def _shown(self, info: PipelineInfo) -> PipelineInfo:
        """Return a pipeline in the language of whoever asks; only the built-in ones are in several."""
        chosen = language()
        if not info.is_built_in or chosen == ENGLISH:
            return info
        key = info.name, chosen
        if key not in self._translated:
            self._translated[key] = in_language(info, chosen)
        return self._translated[key]

    def _colored(self, info: PipelineInfo) -> PipelineInfo:
        return replace(info, color_index=self.colors.of_built_in(info.name, info.color_index))

    def _infos_of(self, source: _Source) -> Iterator[PipelineInfo]:
        problem = None if source.good or self._is_only_imported(source) else source.error
        for item in source.good:
            owner = self._infos.get(item['name'])
            if owner is None:
                yield self._info(source, item)
            else:
                problem = problem or _taken(source.path, item['name'], owner)
        if problem:
            name = self._free_name(source.path)
            yield PipelineInfo(
                name=name,
                title=source.path.name,
                source=str(source.path),
                origin=str(source.path),
                error=problem,
                color_index=self.colors.of(name, None),
            )

    def _is_only_imported(self, source: _Source) -> bool:
        path = str(source.path)
        return source.is_helper or any(path in other.uses for other in self._sources.values())

    def _info(self, source: _Source, described: dict[str, Any]) -> PipelineInfo:
        info = info_of(described)
        return replace(
            info,
            color_index=self.colors.of(info.name, info.color),
            source=str(source.path),
            origin=str(source.path),
            file=str(self._snapshot(source.good_digest)),
            helpers=source.helpers,
            error=source.error,
        )

    def _free_name(self, path: Path) -> str:
        names = (path.stem, path.name, *(f'{path.stem}-{number}' for number in range(2, 1000)))
        return next(name for name in names if name not in self._infos)

    # The cache for the next start

    def _snapshot(self, digest: str) -> Path:
        return self._cache / f'{digest}.py'

    @property
    def _index(self) -> Path:
        return self._cache / 'index.json'

    async def _remember(self) -> None:
        known = {
            name: {'digest': source.good_digest, 'pipelines': source.good, 'helpers': source.helpers}
            for name, source in self._sources.items()
            if source.good
        }
        data = json.dumps({'version': 1, 'files': known, 'colors': self.colors.given}).encode()
        try:
            await asyncio.to_thread(_write_if_new, self._index, data)
        except StorageError as error:
            logger.warning(N_('the descriptions of pipelines could not be saved: %s'), error)

    def _remembered(self) -> dict[str, _Source]:
        """Return the last good versions of files that still exist, in the order in which they were added."""
        make_private_folder(self._folder)
        make_private_folder(self._cache)
        try:
            index = json.loads(self._index.read_bytes())
            self.colors.recall(index.get('colors'))
            files = index['files']
            known = {
                name: _Source(
                    self._folder / name,
                    good=tuple(entry['pipelines']),
                    good_digest=entry['digest'],
                    helpers=tuple(entry.get('helpers', ())),
                )
                for name, entry in files.items()
                if (self._folder / name).is_file() and self._snapshot(entry['digest']).is_file()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            known = {}  # only a cache: whatever is wrong with it, the files are read again
        for snapshot in self._cache.glob('*.py'):
            if snapshot.stem not in {source.good_digest for source in known.values()}:
                snapshot.unlink(missing_ok=True)
        return known


def is_pipeline_name(name: str) -> bool:
    """Whether a file of this name is a pipeline file; one that starts with `_` is a module for others to import."""
    return name.endswith('.py') and name[0] not in '._#~'


def _stamps_of(paths: Iterable[str], since: int) -> dict[str, Stamp | None]:
    """Return the stamps of files that were read a moment ago.

    :param since: when reading began, in nanoseconds since the epoch; of a file that has changed then or after that it
        isn't known which version was read, so it has no stamp
    """
    stamps = {path: _stamp(path) for path in paths}
    return {path: None if stamp and stamp[0] > since - CLOCK_NANOSECONDS else stamp for path, stamp in stamps.items()}


def _stamp(path: str) -> Stamp:
    try:
        stat = os.stat(path)  # noqa: PTH116  called often
    except OSError:
        return ()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _stamps(folder: Path) -> dict[str, Stamp]:
    """Return, by file name, what differs when a file has changed."""
    found: dict[str, Stamp] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            with contextlib.suppress(OSError):
                if is_pipeline_name(entry.name) and entry.is_file():
                    stat = entry.stat()
                    found[entry.name] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _keep(snapshot: Path, data: bytes) -> None:
    if not snapshot.exists():
        write_atomically(snapshot, data)


def _write_if_new(path: Path, data: bytes) -> None:
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)


def _broken_in(name: str, error: Mapping[str, Any], file: str) -> str:
    """Return that a file is broken, by another one if that is named."""
    message, line = error['message'], error.get('line')
    if file and line:
        return _('{name} is broken by {file}, line {line}: {message}', name=name, file=file, line=line, message=message)
    if file:
        return _('{name} is broken by {file}: {message}', name=name, file=file, message=message)
    if line:
        return _('{name} is broken, line {line}: {message}', name=name, line=line, message=message)
    return _('{name} is broken: {message}', name=name, message=message)


def _taken(path: Path, name: str, owner: PipelineInfo) -> dict[str, Any]:
    message = _('The name {name} already belongs to the pipeline in {file}.', name=name, file=owner.source)
    if owner.is_built_in:
        message = _('The name {name} already belongs to a built-in pipeline.', name=name)
    return _problem(path, message, _('Rename the class.'))


def _problem(path: Path, message: str, hint: str = '') -> dict[str, Any]:
    return {'file': str(path), 'line': None, 'message': message, 'hint': hint, 'traceback': None}


def _broken(info: PipelineInfo, error: Mapping[str, Any]) -> Conflict:
    what, line = error.get('message') or _('it cannot be read.'), error.get('line')
    file = '' if error.get('file') in (None, info.origin) else Path(error['file']).name
    if file and line:
        what = _('{file}, line {line}: {message}', file=file, line=line, message=what)
    elif line:
        what = _('line {line}: {message}', line=line, message=what)
    elif file:
        what = f'{file}: {what}'
    message = _('The pipeline {name} is broken: {message}', name=info.name, message=what)
    return Conflict('pipeline_broken', message, _('Fix its file; it is read again as soon as it is saved.'))


def _invalid(info: PipelineInfo, fields: Mapping[str, str]) -> Invalid:
    texts = [text if name == WHOLE else f'{name}: {text}' for name, text in fields.items()]
    return Invalid(_('These values do not fit {name}. {problems}', name=info.name, problems=' '.join(texts)), fields)
