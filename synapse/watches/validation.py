"""Checks a watch folder before it is saved: all that is wrong is found at once, with a sentence for each field."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from storage.foreign_words import system_words
from synapse.catalog.catalog import Catalog, PipelineInfo
from synapse.catalog.info import file_parameter
from synapse.destinations.address import located
from synapse.errors import Invalid, NotFound, SynapseError
from synapse.inbox.inputs import made_up_words
from synapse.inbox.mounts import is_made_up
from synapse.inbox.names import refusal, unacceptable
from synapse.language import N_, _, in_thread, translated
from synapse.pasted_paths import understood
from synapse.profiles import Profiles
from synapse.runs.records import RunRequest
from synapse.runs.runs import Runs
from synapse.sealed import has_sealed
from synapse.sentences import sentence_of

from .records import Watch

_WORDS = {
    'missing': N_('Give a value.'),
    'string_too_short': N_('Give a value.'),
    'extra_forbidden': N_('A watch folder has no such field.'),
    'greater_than_equal': N_('Must be {ge:g} or more.'),
    'less_than_equal': N_('Must be {le:g} or less.'),
}


class WatchValidator:
    """Validates watch folders against the disk, the pipelines and the profiles.

    :param data: the data folder: neither it, nor what is in it, nor what contains it can be watched
    """

    def __init__(self, data: Path, catalog: Catalog, profiles: Profiles, runs: Runs) -> None:
        self._data = data
        self._catalog, self._profiles, self._runs = catalog, profiles, runs

    async def validated(self, values: Mapping[str, Any], before: Watch | None = None) -> Watch:
        """Return the watch folder with these values.

        :param before: what is unchanged since is not checked against the disk and the pipeline again
        :raises Invalid: with a sentence for each invalid field
        """
        values, problems = dict(values), dict[str, str]()
        if isinstance(values.get('folder'), str):
            values['folder'] = _plain(values['folder'])
        try:
            watch = Watch.model_validate(values)
        except ValidationError as error:
            for item in error.errors():
                problems.setdefault('.'.join(map(str, item['loc'])) or 'watch', sentence_of(item, _WORDS))
            raise _invalid(problems) from None
        if before is None or watch.folder != before.folder or watch.profile != before.profile:
            problems |= await in_thread(self._folder_problems, watch)
        if before is None or (watch.pattern, watch.pipeline) != (before.pattern, before.pipeline):
            problems |= self._pattern_problems(watch)
        work = (watch.pipeline, watch.profile, watch.parameters)
        if before is None or work != (before.pipeline, before.profile, before.parameters):
            watch = await self._with_checked_work(watch, problems)
        if problems:
            raise _invalid(problems)
        return watch

    def _folder_problems(self, watch: Watch) -> dict[str, str]:
        path = watch.path
        if not path.is_absolute():
            return {'folder': _('Give the full path of the folder, such as /srv/media.')}
        try:
            if not path.exists():
                return {'folder': _('There is no folder at {path}.', path=path)}
            if not path.is_dir():
                return {'folder': _('{path} is a file, not a folder. Choose a folder.', path=path)}
            path = path.resolve()
            if is_made_up(path):
                return {'folder': made_up_words(watch.path)}
        except OSError as error:
            return {'folder': _('{path} cannot be read: {reason}.', path=path, reason=system_words(error))}
        data = self._data.resolve()
        if path == data or data in path.parents:
            return {'folder': _('Synapse keeps its own files there. Choose another folder.')}
        if path in data.parents:
            return {
                'folder': _(
                    'The folder with the files of Synapse itself, {data}, is in it. Choose another folder.', data=data
                )
            }
        profile = self._profiles.find(watch.profile or '')
        target = located(profile.destination) if profile is not None else None
        if target is not None and target.is_local and Path(target.path).resolve() == path:
            return {'folder': _('The profile delivers into this folder, so each result would be taken again.')}
        return {}

    def _pattern_problems(self, watch: Watch) -> dict[str, str]:
        info = self._catalog.find(watch.pipeline)
        wrong = unacceptable(watch.pattern, info.accepts) if info is not None else ''
        return {'pattern': refusal(wrong, info.accepts)} if info is not None and wrong else {}

    async def _with_checked_work(self, watch: Watch, problems: dict[str, str]) -> Watch:
        """Return the watch folder with the secrets among its parameters sealed; adds to the problems."""
        if watch.profile is not None:
            try:
                self._profiles.get(watch.profile)
            except NotFound as error:
                problems['profile'] = error.message
                return watch
        try:
            info = self._catalog.get(watch.pipeline)
        except NotFound as error:
            problems['pipeline'] = f'{error.message} {error.hint}'.strip()
            return watch
        parameter = file_parameter(info)
        if info.is_runnable and parameter is None:
            problems['pipeline'] = _(
                '{title} takes no file. Choose a pipeline with a parameter for one.', title=translated(info.title)
            )
            return watch
        return await self._with_checked_parameters(watch, info, parameter or '', problems)

    async def _with_checked_parameters(
        self, watch: Watch, info: PipelineInfo, parameter: str, problems: dict[str, str]
    ) -> Watch:
        if parameter in watch.parameters:
            problems[f'parameters.{parameter}'] = _('This is the file that is found. Leave it out.')
            return watch
        name = f'file{next(iter(info.accepts), "")}'
        parameters = {**watch.parameters, parameter: str(watch.path / name)}
        try:
            await self._runs.new.check(RunRequest(watch.pipeline, parameters, profile=watch.profile))
        except Invalid as error:  # there is no such file, of course
            fields = {name: text for name, text in error.fields.items() if name != parameter}
            problems |= {f'parameters.{name}': text for name, text in fields.items()}
        except SynapseError as error:
            problems['pipeline'] = f'{error.message} {error.hint}'.strip()
        if problems:
            return watch
        try:
            checked = await self._catalog.validate(watch.pipeline, parameters)
        except SynapseError:
            return watch
        sealed = {name: checked[name] for name in watch.parameters if has_sealed(checked.get(name))}
        return watch.changed(parameters={**watch.parameters, **sealed}) if sealed else watch


def _plain(folder: str) -> str:
    """Return the path that a person meant, without `..` and a slash at its end."""
    return os.path.normpath(understood(folder))


def _invalid(problems: Mapping[str, str]) -> Invalid:
    return Invalid(_('The watch folder was not saved.'), problems, _('Fix the named fields.'))
